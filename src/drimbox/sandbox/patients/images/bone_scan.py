"""A whole-body bone scan: counts of technetium, anterior and posterior."""

from enum import Enum
from itertools import pairwise

import numpy as np

from drimbox.sandbox.patients.images.canvas import Canvas, Ellipse, Pixels

ROWS, COLUMNS = 1024, 256
PIXEL = 2.2
_BLUR = 11.0
Point = tuple[float, float]


class Side(Enum):
    """Which detector; anterior shows the patient's right on the left, posterior mirrors it."""

    ANTERIOR = "ANTERIOR"
    POSTERIOR = "POSTERIOR"


def bone_scan(side: Side) -> Pixels:
    """Return the counts, one picture of 1024 x 256."""
    canvas = Canvas(ROWS, COLUMNS, pixel=PIXEL, background=0.25)
    front = side is Side.ANTERIOR
    _paint_soft_tissue(canvas)
    _paint_head_and_spine(canvas, front=front)
    _paint_cage(canvas, front=front)
    _paint_limbs(canvas, front=front)
    if front:
        canvas.paint(Ellipse(0, 22, 30, 24), 52, edge=_BLUR)  # bladder
    else:
        for x in (-52, 52):
            canvas.add(Ellipse(x, -190, 22, 42), 9, edge=_BLUR * 1.5)  # kidneys
    canvas.add(Ellipse(128, -265, 13, 9, 0.5), 34 if front else 16, edge=_BLUR)  # the broken rib
    seen = canvas.picture if front else canvas.picture[:, ::-1]
    rng = np.random.default_rng(41 if front else 42)
    counts: Pixels = rng.poisson(np.maximum(seen, 0.05)).astype(np.uint16)
    return counts


def _paint_soft_tissue(canvas: Canvas) -> None:
    for ellipse in (Ellipse(0, -210, 165, 300), Ellipse(0, -600, 75, 120)):
        canvas.paint(ellipse, 2.6, edge=14)
    for x in (-1, 1):
        _limb(canvas, ((x * 90, 0), (x * 84, 420), (x * 70, 900)), 62, 2.2)
        _limb(canvas, ((x * 180, -440), (x * 215, -170), (x * 225, 120)), 34, 2.0)


def _paint_head_and_spine(canvas: Canvas, *, front: bool) -> None:
    canvas.paint(Ellipse(0, -640, 74, 92), 11, edge=_BLUR)
    canvas.paint(Ellipse(0, -636, 58, 74), 7, edge=_BLUR)
    canvas.add(Ellipse(0, -575, 36, 26), 8, edge=_BLUR)  # jaws and sinuses
    strength = 13 if front else 26
    _limb(canvas, ((0, -545), (0, -20)), 17, strength)
    for level in range(22):
        canvas.add(Ellipse(0, -530 + level * 23.5, 20, 7), strength * 0.3, edge=8)
    canvas.add(Ellipse(0, 0, 40, 38), 6 if front else 22, edge=_BLUR)  # sacrum


def _paint_cage(canvas: Canvas, *, front: bool) -> None:
    strength = 8 if front else 11
    for x in (-1, 1):
        for rib in range(10):
            wide = 88 + 46 * np.sin(min(rib + 1, 8) / 8 * np.pi / 2)
            y = -478 + rib * 31
            t = np.linspace(0.12, 1, 16)
            drop = 20 + 38 * t * t if not front else 62 - 40 * (1 - t) ** 2
            arc = tuple(zip(x * wide * np.sin(t * np.pi / 2), y + drop, strict=True))
            _limb(canvas, tuple((float(a), float(b)) for a, b in arc), 7, strength)
        _limb(canvas, ((x * 24, -496), (x * 150, -520)), 9, 15 if front else 9)
        blade = Ellipse(x * 108, -430, 34, 62, -x * 0.25)
        canvas.add(blade, 2 if front else 8, edge=20)
        wing = Ellipse(x * 84, -40, 58, 40, x * 0.7)
        canvas.add(wing, 9 if front else 11, edge=26)
        canvas.add(Ellipse(x * 22, -10, 16, 34), 3 if front else 15, edge=_BLUR)  # SI joints
    if front:
        _limb(canvas, ((0, -490), (0, -330)), 17, 17)


def _paint_limbs(canvas: Canvas, *, front: bool) -> None:
    for x in (-1, 1):
        for joint, size, extra in (((168, -505), 24, 20), ((104, 38), 28, 13), ((92, 430), 34, 17),
                                   ((76, 830), 26, 13), ((205, -195), 18, 10),
                                   ((224, 70), 18, 11)):  # fmt: skip
            value = extra * (1.25 if front and joint == (92, 430) else 1)
            canvas.add(Ellipse(x * joint[0], joint[1], size, size), value, edge=18)
        _limb(canvas, ((x * 172, -500), (x * 205, -195)), 13, 8)
        for apart in (-8, 8):
            _limb(canvas, ((x * (205 + apart), -190), (x * (224 + apart), 62)), 7, 6)
        _limb(canvas, ((x * 224, 75), (x * 230, 150)), 16, 6)
        _limb(canvas, ((x * 112, 55), (x * 92, 425)), 16, 9)
        _limb(canvas, ((x * 90, 440), (x * 76, 830)), 15, 9)
        _limb(canvas, ((x * 76, 838), (x * 92, 900)), 18, 8)


def _limb(canvas: Canvas, points: tuple[Point, ...], half_width: float, value: float) -> None:
    """Paint a bone as a row of discs; the brightest of what overlaps stays."""
    layer = Canvas(ROWS, COLUMNS, pixel=PIXEL)
    for (x0, y0), (x1, y1) in pairwise(points):
        steps = max(int(np.hypot(x1 - x0, y1 - y0) / max(half_width * 0.6, PIXEL)), 1)
        for part in np.linspace(0, 1, steps + 1):
            disc = Ellipse(x0 + (x1 - x0) * float(part), y0 + (y1 - y0) * float(part),
                           half_width, half_width)  # fmt: skip
            layer.paint(disc, value, edge=_BLUR)
    np.maximum(canvas.picture, layer.picture, out=canvas.picture)
