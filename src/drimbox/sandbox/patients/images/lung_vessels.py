"""The tree of the lung vessels: branches from each hilum, thinner at each fork."""

import math
from functools import cache

import numpy as np

from drimbox.sandbox.patients.images.trunk import LUNGS, Ellipsoid, Tube

_HILA = ((-40.0, 4.0, 120.0), (44.0, 6.0, 118.0))
Point = tuple[float, float, float]


@cache
def lung_vessels() -> tuple[Tube, ...]:
    """Return every branch; always the same."""
    rng = np.random.default_rng(11)
    branches: list[Tube] = []
    for lung, hilum in zip(LUNGS, _HILA, strict=True):
        for _ in range(34):
            _grow(rng, branches, lung, hilum, 3.4)
    return tuple(branches)


def _grow(
    rng: np.random.Generator, branches: list[Tube], lung: Ellipsoid, start: Point, radius: float
) -> None:
    if radius < 0.75:
        return
    goal = _point_in(rng, lung)
    reach = 0.45 if radius > 3 else 0.5
    end = tuple(a + (b - a) * reach for a, b in zip(start, goal, strict=True))
    fork = (float(end[0]), float(end[1]), float(end[2]))
    branches.append(_branch(start, fork, radius))
    for _ in range(2):
        _grow(rng, branches, lung, fork, radius * 0.64)


def _point_in(rng: np.random.Generator, lung: Ellipsoid) -> Point:
    """A point near the surface of the lung."""
    turn = rng.uniform(0, 2 * math.pi)
    height = rng.uniform(-0.97, 0.9)
    flat = math.sqrt(1 - height * height) * rng.uniform(0.75, 0.97)
    return (
        lung.middle[0] + lung.radii[0] * flat * math.cos(turn),
        lung.middle[1] + lung.radii[1] * flat * math.sin(turn),
        lung.middle[2] + lung.radii[2] * height,
    )


def _branch(start: Point, end: Point, radius: float) -> Tube:
    low, high = sorted((start, end), key=lambda point: point[2])
    thin = radius * 0.7
    ends = (radius, thin) if low is start else (thin, radius)
    top = (low[0], low[1], low[2], ends[0])
    bottom = (high[0], high[1], max(high[2], low[2] + 1), ends[1])
    return Tube((top, bottom), 45, 0.6)
