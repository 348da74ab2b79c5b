"""Axial CT slices of the trunk: outline, muscles, organs, bones, table, noise."""

from dataclasses import dataclass
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
from drimbox.sandbox.patients.images.lung_vessels import lung_vessels
from drimbox.sandbox.patients.images.skeleton import paint_bones
from drimbox.sandbox.patients.images.trunk import (
    ABDOMEN,
    CHEST,
    HEAD,
    LUNGS,
    PELVIS,
    Organ,
    bowel_loops,
    half_depth,
    half_width,
)

AIR, FAT, MUSCLE = -1000.0, -105.0, 58.0
RESCALE_INTERCEPT = -1024
_NOISE_MARGIN = 97


@dataclass(frozen=True, slots=True)
class CtProtocol:
    """How the slices are taken.

    field is the side of the square field of view in millimetres, noise the deviation in HU;
    has_contrast dims vessels and organs when there was no injection.
    """

    size: int
    field: float
    noise: float
    has_contrast: bool = True
    extra: tuple[Organ, ...] = ()

    @property
    def pixel(self) -> float:
        return self.field / self.size


def ct_slice(protocol: CtProtocol, z: float, number: int) -> Pixels:
    """Return the stored values (12 bits, HU + 1024) of the slice at height z of trunk.py."""
    canvas = Canvas(protocol.size, protocol.size, pixel=protocol.pixel, background=AIR)
    inside = _paint_wall(canvas, z)
    for organ in (*organs(), *protocol.extra):
        section = organ.at(z)
        if section is None:
            continue
        density = organ.hounsfield if protocol.has_contrast else _without_contrast(organ)
        canvas.paint(section, density, inside=inside if organ.is_inside else None)
    paint_bones(canvas, z)
    _paint_table(canvas)
    return stored_values(canvas.picture, protocol, number)


def stored_values(picture: Picture, protocol: CtProtocol, number: int) -> Pixels:
    """Add the noise of slice `number` and shift to stored values."""
    bank = _noise_bank(protocol.size)
    down, right = (number * 37) % _NOISE_MARGIN, (number * 53) % _NOISE_MARGIN
    noise = bank[down : down + protocol.size, right : right + protocol.size]
    if number % 2:
        noise = noise[::-1, ::-1]
    noisy = picture + np.float32(protocol.noise) * noise
    return stored(noisy - np.float32(RESCALE_INTERCEPT), 4095)


@cache
def organs() -> tuple[Organ, ...]:
    """Return every organ, in the order they are painted."""
    return (
        *HEAD, *LUNGS, *lung_vessels(), *CHEST, *bowel_loops(), *ABDOMEN, *PELVIS,
    )  # fmt: skip


def _without_contrast(organ: Organ) -> float:
    """Vessels and enhancing organs come down to the density of blood and unenhanced tissue."""
    if 60 < organ.hounsfield < 200:
        return 38 + (organ.hounsfield - 60) * 0.12
    return organ.hounsfield


@cache
def _noise_bank(size: int) -> Picture:
    rng = np.random.default_rng(7)
    return correlated_noise(rng, size + _NOISE_MARGIN, size + _NOISE_MARGIN)


def _paint_wall(canvas: Canvas, z: float) -> Picture:
    """Paint skin, fat, muscle and the fat inside; return the cover of the inside."""
    if z > 612:
        return _paint_thighs(canvas, z)
    wide, deep = half_width(z), half_depth(z)
    fat = 6 + 16 * min(max((z - 150) / 200, 0), 1)
    picture = canvas.picture
    for inset, value in ((0.0, 35.0), (1.8, FAT), (fat, MUSCLE)):
        cover = superellipse(canvas, wide - inset, deep - inset, 2.35)
        picture += (np.float32(value) - picture) * cover
    wall = fat + (17 if z > 10 else 8)
    inside = superellipse(canvas, wide - wall, deep - wall, 2.3)
    content = FAT + 8 if z > 10 else 30.0
    picture += (np.float32(content) - picture) * inside
    _paint_back_muscles(canvas, z, deep)
    return inside


def _paint_back_muscles(canvas: Canvas, z: float, deep: float) -> None:
    for side in (-1, 1):
        if z > 420:  # the buttocks, and the muscles around the hip
            canvas.paint(Ellipse(side * 84, 62, 66, 34 + (z - 420) / 12, -side * 0.35), MUSCLE)
            canvas.paint(Ellipse(side * 104, -4, 46, 66), MUSCLE)
        if z > 560 or z < -60:
            continue
        canvas.paint(Ellipse(side * 34, deep - 26, 28, 16, side * 0.15), MUSCLE)
        canvas.paint(Ellipse(side * 34, deep - 40, 24, 2.2, side * 0.15), FAT)
        if z > 230:
            canvas.paint(Ellipse(side * 34, 20 - deep, 31, 6, side * 0.12), MUSCLE)
        if -5 < z < 60:
            canvas.paint(Ellipse(side * 92, 6 - deep * 0.55, 46, 9, side * 0.4), MUSCLE)


def _paint_thighs(canvas: Canvas, z: float) -> Picture:
    deep = half_depth(z)
    for side in (-1, 1):
        canvas.paint(Ellipse(side * 88, 0, 80, deep), FAT)
        canvas.paint(Ellipse(side * 90, 0, 64, deep - 18), MUSCLE)
        for y in (-28, 30):
            canvas.paint(Ellipse(side * 90, y, 46, 1.6, side * 0.4), FAT)
    return np.ones_like(canvas.picture)


def _paint_table(canvas: Canvas) -> None:
    """The couch: a thin curved shell below the back."""
    x = canvas.x / np.float32(210)
    depth = canvas.y[:, None] - (np.float32(150) - 26 * x * x)[None, :]
    shell = (np.abs(np.abs(depth - 9) - 7) < 1.3) & (np.abs(x) < 1)[None, :]
    canvas.picture[shell & (canvas.picture < -900)] = -380
