"""The trunk of the demo, organ by organ: one anatomy for CT and PET.

Millimetres. x to the patient's left, y to the back, z downwards from the lung apices (z = 0); the
skull base is at -150, the iliac crests at 410, the middle of the thighs at 700.
Each organ says how dense it is (Hounsfield units, portal phase) and how much FDG it takes (SUV).
"""

import math
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np

from drimbox.sandbox.patients.images.canvas import Ellipse


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """A rounded organ; is_inside tells that the wall of the trunk limits it."""

    middle: tuple[float, float, float]
    radii: tuple[float, float, float]
    hounsfield: float
    suv: float
    angle: float = 0.0
    is_inside: bool = True

    def at(self, z: float) -> Ellipse | None:
        """Return its section at height z."""
        x, y, middle_z = self.middle
        rest = 1 - ((z - middle_z) / self.radii[2]) ** 2
        if rest <= 0.003:
            return None
        scale = math.sqrt(rest)
        return Ellipse(x, y, self.radii[0] * scale, self.radii[1] * scale, self.angle)


@dataclass(frozen=True, slots=True)
class Tube:
    """A vessel or an airway through points (x, y, z, radius) of growing z."""

    points: tuple[tuple[float, float, float, float], ...]
    hounsfield: float
    suv: float
    is_inside: bool = True

    def at(self, z: float) -> Ellipse | None:
        """Return its section at height z, drawn out where the tube runs obliquely."""
        for (x0, y0, z0, r0), (x1, y1, z1, r1) in pairwise(self.points):
            if z0 <= z < z1:
                part = (z - z0) / (z1 - z0)
                run = math.hypot(x1 - x0, y1 - y0) / (z1 - z0)
                radius = r0 + (r1 - r0) * part
                return Ellipse(
                    x0 + (x1 - x0) * part,
                    y0 + (y1 - y0) * part,
                    radius * min(math.hypot(1, run), 3.5),
                    radius,
                    math.atan2(y1 - y0, x1 - x0) if run > 0.05 else 0.0,
                )
        return None


Organ = Ellipsoid | Tube

HEAD = (
    Ellipsoid((0, 0, -205), (69, 87, 84), 900, 0.6, is_inside=False),
    Ellipsoid((0, 0, -205), (63, 81, 77), 38, 8.5, is_inside=False),
)

LUNGS = (
    Ellipsoid((-76, -6, 116), (66, 96, 130), -850, 0.4),
    Ellipsoid((78, -4, 116), (63, 95, 128), -850, 0.4),
)

CHEST = (
    # What lies between the lungs, behind the heart and before the spine.
    Ellipsoid((0, 12, 60), (30, 62, 110), -88, 0.9),
    Ellipsoid((4, 34, 170), (36, 44, 90), -88, 0.9),
    Tube(((0, 6, -60, 8.5), (0, 10, 60, 8.5), (2, 20, 100, 9.5)), -990, 0.3),
    Tube(((-3, 20, 98, 8), (-30, 22, 122, 6), (-40, 18, 140, 4)), -980, 0.3),
    Tube(((6, 20, 98, 7.5), (38, 24, 128, 6), (48, 22, 142, 4)), -980, 0.3),
    Tube(((4, 26, 10, 6), (6, 28, 150, 7), (18, 26, 212, 8)), 45, 1.4),
    # The heart: muscle, then the four chambers and the septum between them.
    Ellipsoid((22, -36, 172), (60, 47, 52), 95, 2.6, 0.55),
    Ellipsoid((46, -30, 178), (32, 22, 36), 165, 1.8, 0.6),
    Ellipsoid((14, -58, 178), (34, 17, 34), 160, 1.6, 0.35),
    Ellipsoid((-22, -38, 168), (22, 24, 30), 160, 1.6),
    Ellipsoid((14, -4, 156), (34, 16, 24), 165, 1.6),
    # Great vessels.
    Tube(((-26, -24, 40, 8), (-26, -22, 150, 10)), 165, 1.5),
    Tube(((-8, -26, 74, 15), (-8, -34, 120, 16), (0, -38, 148, 15)), 170, 1.5),
    Ellipsoid((6, -4, 72), (40, 14, 11), 170, 1.5, 0.95),
    Tube(((25, 24, 74, 12.5), (24, 36, 180, 12), (8, 22, 300, 10), (4, 22, 405, 9)), 170, 1.5),
    Tube(((14, -44, 118, 13), (20, -50, 150, 14)), 165, 1.5),
    Ellipsoid((14, -30, 116), (26, 12, 11), 165, 1.5, -0.4),
    Ellipsoid((-18, -2, 118), (32, 8.5, 10), 165, 1.5, 0.15),
)

ABDOMEN = (
    Ellipsoid((-66, -2, 258), (82, 86, 78), 112, 2.3),
    Ellipsoid((6, -48, 240), (74, 36, 48), 112, 2.3, 0.12),
    Ellipsoid((102, 44, 252), (30, 46, 50), 120, 1.9, 0.35),
    Ellipsoid((66, -34, 256), (46, 38, 56), 55, 1.7, 0.3),
    Ellipsoid((66, -30, 258), (40, 32, 50), 18, 0.8, 0.3),
    Ellipsoid((62, -56, 250), (30, 11, 34), -950, 0.3),
    Ellipsoid((-54, -52, 306), (17, 21, 30), 8, 0.6),
    Ellipsoid((20, -8, 296), (56, 12, 18), 92, 1.5, -0.22),
    Ellipsoid((-22, 2, 312), (18, 16, 26), 92, 1.5),
    Tube(((-22, 14, 205, 12), (-20, 18, 300, 11), (-18, 22, 410, 10)), 150, 1.5),
    Tube(((-30, -14, 250, 8), (-6, -6, 292, 7), (2, -10, 330, 6)), 175, 1.5),
    Tube(((-70, -10, 236, 4), (-40, -2, 252, 6), (-22, 12, 262, 7)), 165, 2.3),
    Tube(((-92, 20, 240, 5), (-55, 18, 230, 6), (-24, 18, 229, 6)), 165, 2.3),
    Ellipsoid((-66, 50, 332), (28, 34, 56), 185, 3.2, -0.25),
    Ellipsoid((68, 48, 318), (28, 34, 56), 185, 3.2, 0.25),
    Ellipsoid((-62, 46, 332), (17, 21, 40), 120, 4.5, -0.25),
    Ellipsoid((64, 44, 318), (17, 21, 40), 120, 4.5, 0.25),
    Ellipsoid((-54, 42, 332), (13, 11, 28), -70, 6.0, -0.25),
    Ellipsoid((56, 40, 318), (13, 11, 28), -70, 6.0, 0.25),
    Ellipsoid((-112, 2, 378), (24, 26, 62), 30, 1.6),
    Ellipsoid((-112, -6, 378), (17, 16, 54), -420, 0.9),
    Ellipsoid((118, 12, 366), (19, 22, 86), 32, 1.6),
    Ellipsoid((118, 8, 366), (12, 13, 76), -500, 0.9),
    Ellipsoid((10, -70, 330), (92, 16, 18), 35, 1.6),
    Ellipsoid((10, -74, 330), (80, 8, 11), -820, 0.9),
    Tube(((-40, 58, 300, 8), (-46, 46, 360, 19), (-58, 24, 460, 24)), 62, 0.9),
    Tube(((40, 58, 300, 8), (46, 46, 360, 19), (58, 24, 460, 24)), 62, 0.9),
)

PELVIS = (
    Tube(((-8, 22, 405, 8), (-38, 20, 460, 8), (-62, -20, 560, 8), (-78, -30, 705, 7)), 150, 1.5),
    Tube(((12, 22, 405, 8), (40, 20, 460, 8), (64, -20, 560, 8), (78, -30, 705, 7)), 150, 1.5),
    Ellipsoid((0, -28, 560), (42, 36, 36), 8, 18.0),
    Ellipsoid((4, 38, 560), (22, 22, 60), 30, 1.5),
    Ellipsoid((4, 38, 560), (12, 11, 46), -500, 1.0),
)


@cache
def bowel_loops() -> tuple[Ellipsoid, ...]:
    """The small bowel: loops with a wall and a content, some with gas; always the same."""
    rng = np.random.default_rng(23)
    loops: list[Ellipsoid] = []
    for _ in range(90):
        x, y, z = rng.uniform(-86, 92), rng.uniform(-72, 18), rng.uniform(322, 520)
        if y > -10 and abs(x) > 60:
            continue
        radii = (rng.uniform(12, 19), rng.uniform(10, 15), rng.uniform(13, 26))
        angle = float(rng.uniform(-1.2, 1.2))
        loops.append(Ellipsoid((x, y, z), radii, 66, 1.6, angle))
        content = (radii[0] - 3, radii[1] - 3, radii[2] - 3)
        loops.append(Ellipsoid((x, y, z), content, float(rng.choice((18, 24, 34, 90))), 1.2, angle))
        if rng.random() < 0.22:
            gas = (radii[0] * 0.6, radii[1] * 0.3, radii[2] * 0.6)
            loops.append(Ellipsoid((x, y - radii[1] * 0.45, z), gas, -800, 0.6))
    return tuple(loops)


PRIMARY_TUMOUR_ON_THE_LEFT = (
    Ellipsoid((84, -18, 96), (13, 12, 13), 55, 9.8),
    Ellipsoid((46, 8, 124), (9, 8, 9), 60, 6.4),
)
NODULE_ON_THE_RIGHT = (Ellipsoid((-78, -22, 72), (7.2, 6.8, 7.0), 45, 2.0),)
LIVER_CYST = (Ellipsoid((-18, -48, 246), (10, 9, 10), 6, 0.8),)
CALCIFIED_NODULE = (Ellipsoid((92, 38, 150), (2.6, 2.4, 2.5), 420, 0.4),)


def half_width(z: float) -> float:
    """Return half the breadth of the trunk (or neck, or hips) at height z."""
    return _along(z, ((-150, 72), (-70, 62), (-25, 120), (20, 165), (120, 172), (300, 158),
                      (390, 162), (520, 184), (600, 180), (705, 168)))  # fmt: skip


def half_depth(z: float) -> float:
    """Return half the depth of the trunk from front to back at height z."""
    return _along(z, ((-150, 92), (-70, 66), (-25, 78), (20, 98), (120, 114), (300, 112),
                      (400, 112), (520, 116), (600, 108), (705, 88)))  # fmt: skip


def _along(z: float, points: tuple[tuple[float, float], ...]) -> float:
    for (z0, v0), (z1, v1) in pairwise(points):
        if z < z1:
            part = min(max((z - z0) / (z1 - z0), 0), 1)
            smooth = part * part * (3 - 2 * part)
            return v0 + (v1 - v0) * smooth
    return points[-1][1]
