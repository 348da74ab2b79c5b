"""The bones of the trunk, slice by slice (millimetres and Hounsfield units of trunk.py)."""

import math

from drimbox.sandbox.patients.images.canvas import Canvas, Ellipse
from drimbox.sandbox.patients.images.trunk import half_depth, half_width

CORTICAL = 780.0
SPONGY = 210.0
_VERTEBRA_HEIGHT = 27.0
_DISC_HEIGHT = 6.0
_SPINE_Y = 52.0


def paint_bones(canvas: Canvas, z: float) -> None:
    """Paint every bone that height z cuts."""
    _paint_vertebra(canvas, z)
    if z > -12:
        _paint_ribs(canvas, z)
    if 14 < z < 140:
        _paint_scapulae(canvas, z)
    if 30 < z < 190:
        _paint_bone(canvas, Ellipse(0, 14 - half_depth(z), 19 - z / 24, 6), rim=2.2)
    if -8 < z < 22:
        _paint_clavicles(canvas, z)
    if z > 400:
        _paint_pelvis(canvas, z)


def _paint_bone(canvas: Canvas, ellipse: Ellipse, *, rim: float) -> None:
    """Paint a dense rim around a spongy inside."""
    canvas.paint(ellipse, CORTICAL)
    inner = Ellipse(
        ellipse.x,
        ellipse.y,
        max(ellipse.half_width - rim, 0.6),
        max(ellipse.half_height - rim, 0.6),
        ellipse.angle,
    )
    canvas.paint(inner, SPONGY)


def _paint_vertebra(canvas: Canvas, z: float) -> None:
    if not -118 < z < 535:
        return
    size = 0.72 if z < -20 else 0.9 + 0.1 * min(max(z / 300, 0), 1)
    y = _SPINE_Y - 26 * min(max(-z / 60, 0), 1)
    level = z % _VERTEBRA_HEIGHT
    wings = 1.0 if 8 < level < 20 else 0.45
    for side in (-1, 1):
        _paint_bone(canvas, Ellipse(side * 24 * size * wings, y + 26 * size,
                                    17 * size * wings, 5, side * 0.35), rim=1.8)  # fmt: skip
        canvas.paint(Ellipse(side * 12 * size, y + 20 * size, 4.5, 9 * size), CORTICAL * 0.7)
    if level > 10:
        _paint_bone(canvas, Ellipse(0, y + 40 * size, 3.6, 11 * size), rim=1.6)
    canvas.paint(Ellipse(0, y + 32 * size, 15 * size, 5, 0), CORTICAL * 0.75)
    canvas.paint(Ellipse(0, y + 24 * size, 11 * size, 9 * size), 22)
    canvas.paint(Ellipse(0, y + 24 * size, 5.5 * size, 4.5 * size), 42)
    body = Ellipse(0, y, 21.5 * size, 16.5 * size)
    if level < _DISC_HEIGHT:
        canvas.paint(body, 88)
    else:
        _paint_bone(canvas, body, rim=1.7)


def _paint_ribs(canvas: Canvas, z: float) -> None:
    """Each rib goes down as it goes round: a slice cuts several, each at another angle."""
    wide, deep = half_width(z) - 21, half_depth(z) - 17
    for rib in range(12):
        start = rib * 25.0 - 34
        length = 92 if rib < 7 else 62 - 9 * (rib - 7)
        part = (z - start) / length
        if not 0 <= part <= 1:
            continue
        angle = math.pi / 2 - 0.25 - part * 2.55
        x, y = wide * math.cos(angle), deep * math.sin(angle)
        turn = math.atan2(deep * math.cos(angle), -wide * math.sin(angle))
        for side in (-1, 1):
            rib_cut = Ellipse(side * x, y, 12.5, 4.6, turn if side > 0 else -turn)
            _paint_bone(canvas, rib_cut, rim=1.7)


def _paint_scapulae(canvas: Canvas, z: float) -> None:
    part = (z - 14) / 126
    for side in (-1, 1):
        blade = Ellipse(side * (112 - 10 * part), 62 + 12 * part, 32 * (1 - part) + 6, 3.6,
                        -side * (0.95 - 0.3 * part))  # fmt: skip
        _paint_bone(canvas, blade, rim=1.6)


def _paint_clavicles(canvas: Canvas, z: float) -> None:
    part = (z + 8) / 30
    for side in (-1, 1):
        cut = Ellipse(side * (92 - 72 * part), -46 - 22 * part, 21, 6, side * 0.3)
        _paint_bone(canvas, cut, rim=2.0)


def _paint_pelvis(canvas: Canvas, z: float) -> None:
    for side in (-1, 1):
        if z < 520:
            part = (z - 400) / 120
            wing = Ellipse(side * (104 - 16 * part), 34 - 8 * part, 20 + 24 * min(part * 3, 1), 6,
                           -side * (0.95 - 0.1 * part))  # fmt: skip
            _paint_bone(canvas, wing, rim=2.0)
        if 430 < z < 530:
            _paint_bone(canvas, Ellipse(side * 28, 62, 27, 17, side * 0.45), rim=1.6)
        if 515 < z < 575:
            _paint_bone(canvas, Ellipse(side * 92, -2, 31, 33), rim=4.5)
            canvas.paint(Ellipse(side * 94, -4, 25, 25), 40)
            _paint_bone(canvas, Ellipse(side * 95, -5, 23, 23), rim=1.8)
        if 560 < z < 612:
            _paint_bone(canvas, Ellipse(side * 36, -38, 33, 8, -side * 0.6), rim=2.0)
            _paint_bone(canvas, Ellipse(side * 120, 8, 26, 17, side * 0.2), rim=3.0)
        if z >= 575:
            shaft = Ellipse(side * (112 - (z - 575) / 9), 2, 15, 15)
            canvas.paint(shaft, CORTICAL * 1.5)
            canvas.paint(Ellipse(shaft.x, shaft.y, 8.5, 8.5), -40)
