"""Axial PET slices of the same trunk as the CT: uptake of FDG, blurred and noisy."""

from functools import cache

import numpy as np

from drimbox.sandbox.patients.images.canvas import (
    Canvas,
    Ellipse,
    Picture,
    Pixels,
    correlated_noise,
    stored,
    superellipse,
)
from drimbox.sandbox.patients.images.computed_tomography import organs
from drimbox.sandbox.patients.images.trunk import Organ, half_depth, half_width

SIZE = 168
PIXEL = 4.0728
BECQUERELS_PER_SUV = 3350.0
RESCALE_SLOPE = 4.0
_BLUR = 8.0


def pet_slice(z: float, number: int, extra: tuple[Organ, ...]) -> Pixels:
    """Return the stored values (activity in Bq/mL over RESCALE_SLOPE) at height z of trunk.py."""
    canvas = Canvas(SIZE, SIZE, pixel=PIXEL, background=0.03)
    outline = superellipse(canvas, half_width(z), half_depth(z), 2.35)
    canvas.picture += np.float32(0.65) * outline
    _paint_marrow(canvas, z)
    for organ in (*organs(), *extra):
        section = organ.at(z)
        if section is not None and min(section.half_width, section.half_height) > 3:
            canvas.paint(section, organ.suv, edge=_BLUR)
    _paint_heart_muscle(canvas, z)
    activity = _with_noise(_blurred(canvas.picture), number) * np.float32(
        BECQUERELS_PER_SUV / RESCALE_SLOPE
    )
    return stored(activity, 32767)


def _paint_marrow(canvas: Canvas, z: float) -> None:
    if z < 560:
        canvas.paint(Ellipse(0, 52, 20, 16), 1.5, edge=_BLUR)


def _paint_heart_muscle(canvas: Canvas, z: float) -> None:
    """The left ventricle shows as a ring."""
    rest = 1 - ((z - 178) / 40) ** 2
    if rest > 0.05:
        scale = rest**0.5
        canvas.paint(Ellipse(46, -30, 38 * scale, 28 * scale, 0.6), 5.5, edge=_BLUR)
        canvas.paint(Ellipse(46, -30, 24 * scale, 15 * scale, 0.6), 1.8, edge=_BLUR)


def _blurred(picture: Picture) -> Picture:
    """The scanner's own resolution: each pixel shares with its neighbours."""
    for axis in (0, 1):
        both = np.roll(picture, 1, axis) + np.roll(picture, -1, axis)
        picture = picture * np.float32(0.5) + both * np.float32(0.25)
    return picture


def _with_noise(picture: Picture, number: int) -> Picture:
    """Counting noise: its deviation grows with the square root of the signal."""
    noise = np.roll(_noise(), (number * 31) % SIZE, axis=number % 2)
    noisy: Picture = np.maximum(picture + np.float32(0.09) * noise * np.sqrt(picture + 0.02), 0)
    return noisy


@cache
def _noise() -> Picture:
    return correlated_noise(np.random.default_rng(13), SIZE, SIZE)
