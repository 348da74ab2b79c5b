"""Axial MR slices of a brain: T1, T2 and FLAIR of the same anatomy."""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from drimbox.sandbox.patients.images.canvas import (
    Canvas,
    Ellipse,
    Picture,
    Pixels,
    correlated_noise,
    stored,
)

SIZE = 256
PIXEL = 0.898
SLICES = 24
SPACING = 6.0
_TOP = SLICES - 1


@dataclass(frozen=True, slots=True)
class Tissues:
    """How bright each tissue is; 12 bits."""

    fat: float
    bone: float
    fluid: float
    gray: float
    white: float
    lesion: float
    muscle: float


class Weighting(Enum):
    """A sequence, with the brightness of tissues in it."""

    T1 = Tissues(fat=1500, bone=90, fluid=210, gray=640, white=860, lesion=600, muscle=480)
    T2 = Tissues(fat=1100, bone=80, fluid=1650, gray=900, white=620, lesion=1250, muscle=330)
    FLAIR = Tissues(fat=900, bone=70, fluid=130, gray=820, white=640, lesion=1500, muscle=350)


def brain_slice(weighting: Weighting, index: int) -> Pixels:
    """Return slice `index`, from 0 at the skull base to 23 at the vertex."""
    tissues = weighting.value
    height = index / _TOP
    canvas = Canvas(SIZE, SIZE, pixel=PIXEL, background=12)
    size = _head_size(height)
    _paint_head(canvas, tissues, size)
    if height < 0.3:
        _paint_face(canvas, tissues, height)
    _paint_brain(canvas, tissues, size, height)
    if height < 0.34:
        _paint_posterior_fossa(canvas, tissues, height)
    else:
        _paint_ventricles(canvas, tissues, height)
    return _with_coil(canvas, index + 31 * list(Weighting).index(weighting))


def _head_size(height: float) -> float:
    """The head narrows to the vertex and, less, to the base."""
    up = max(height - 0.45, 0) / 0.62
    down = max(0.45 - height, 0) / 0.45
    return float(np.sqrt(max(1 - up * up, 0.05)) * (1 - 0.1 * down * down))


def _paint_head(canvas: Canvas, tissues: Tissues, size: float) -> None:
    for grow, value in ((8.5, tissues.muscle), (7.2, tissues.fat), (3.4, tissues.bone),
                        (1.2, tissues.fluid)):  # fmt: skip
        canvas.paint(Ellipse(0, 0, 68 * size + grow, 86 * size + grow), value)


def _paint_brain(canvas: Canvas, tissues: Tissues, size: float, height: float) -> None:
    """White matter under a cortex that follows the outline and lines each sulcus."""
    radius, angle = _polar(canvas, 67 * size, 85 * size)
    turn = np.float32(height * 7)
    bent = angle + 0.16 * np.sin(7 * radius + 2 * angle + turn) + 0.05 * np.sin(23 * radius + turn)
    brain = np.clip((1 - radius) * 50, 0, 1)
    rind = np.clip(4.2 - (1 - radius) * 67 * size, 0, 1)
    creases = np.zeros_like(radius)
    banks = np.zeros_like(radius)
    for count, floor in ((9.5, 0.7), (6.5, 0.54), (14, 0.84)):
        # Millimetres to the nearest fold of this family, and how deep it goes in here.
        away = np.abs(np.sin(count * bent + turn * count / 5)) / count * radius * 75 * size
        floor_here = floor + 0.09 * np.sin(5 * angle + turn + count)
        depth = np.clip((radius - floor_here) * 12, 0, 1)
        creases = np.maximum(creases, np.clip(1.05 - away, 0, 1) * depth)
        banks = np.maximum(banks, np.clip(4.2 - away, 0, 1) * np.clip(depth * 2.5, 0, 1))
    gray = np.maximum(rind, banks)
    picture = canvas.picture
    for cover, value in ((brain, tissues.white), (gray * brain, tissues.gray),
                         (creases * brain, tissues.fluid)):  # fmt: skip
        picture += (np.float32(value) - picture) * cover.astype(np.float32)
    _paint_fissure(canvas, tissues, size, height)


def _paint_fissure(canvas: Canvas, tissues: Tissues, size: float, height: float) -> None:
    """Cortex, fluid and falx between the hemispheres; whole only above the corpus callosum."""
    if height > 0.68:
        canvas.paint(Ellipse(0, 0, 5, 80 * size), tissues.gray, edge=0.5)
        canvas.paint(Ellipse(0, 0, 1.3, 84 * size), tissues.fluid, edge=0.1)
        return
    for side in (-1, 1):
        canvas.paint(Ellipse(0, side * 62 * size, 5, 22 * size), tissues.gray)
        canvas.paint(Ellipse(0, side * 63 * size, 1.2, 22 * size), tissues.fluid, edge=0.1)
    if height >= 0.34:
        for side in (-1, 1):  # the Sylvian fissure over the insula
            canvas.paint(Ellipse(side * 51, -10, 4.6, 17, -side * 0.25), tissues.gray)
            canvas.paint(Ellipse(side * 52, -10, 1.5, 16, -side * 0.25), tissues.fluid)
            canvas.paint(Ellipse(side * 59, -14, 9, 1.3, side * 0.3), tissues.fluid)


def _polar(canvas: Canvas, half_width: float, half_height: float) -> tuple[Picture, Picture]:
    u = (canvas.x / np.float32(half_width))[None, :]
    v = (canvas.y / np.float32(half_height))[:, None]
    return np.hypot(u, v), np.arctan2(v, np.abs(u) + np.float32(1e-3)) * np.sign(u + 1e-6)


def _paint_ventricles(canvas: Canvas, tissues: Tissues, height: float) -> None:
    gray, white, fluid = tissues.gray, tissues.white, tissues.fluid
    for side in (-1, 1):
        if 0.34 <= height < 0.58:
            canvas.paint(Ellipse(side * 24, -2, 8, 19, -side * 0.22), gray)
            canvas.paint(Ellipse(side * 38, 0, 2.2, 22, -side * 0.1), gray)
            canvas.paint(Ellipse(side * 10, 12, 9.5, 14, side * 0.3), gray * 0.97)
            canvas.paint(Ellipse(side * 14, -22, 6, 9, side * 0.3), gray)
        if 0.4 <= height < 0.62:
            canvas.paint(Ellipse(side * 8, -20, 4.2, 14, -side * 0.3), fluid)
            canvas.paint(Ellipse(side * 22, 32, 5, 15, -side * 0.42), fluid)
        if 0.55 <= height < 0.74:
            canvas.paint(Ellipse(side * 12, 4, 6.5, 34 * (1.25 - height), side * 0.14), fluid)
            canvas.paint(Ellipse(side * 24, -14, 3.4, 2.6), tissues.lesion)
            canvas.paint(Ellipse(side * 27, 26, 3.0, 4.2, side * 0.5), tissues.lesion)
    if height < 0.5:
        canvas.paint(Ellipse(0, 6, 1.8, 13), fluid)
    if 0.5 <= height < 0.62:
        canvas.paint(Ellipse(0, -30, 16, 3.4), white)
        canvas.paint(Ellipse(0, 28, 17, 4.2), white)
    if 0.7 <= height < 0.84:
        canvas.paint(Ellipse(32, -6, 4.6, 3.4), tissues.lesion)


def _paint_posterior_fossa(canvas: Canvas, tissues: Tissues, height: float) -> None:
    """Cerebellum with its folia, brain stem, fourth ventricle, cisterns."""
    canvas.paint(Ellipse(0, 42, 53, 37), tissues.fluid)
    folia = 0.5 + 0.5 * np.sin(
        (canvas.y[:, None] - 0.012 * (np.abs(canvas.x)[None, :] - 22) ** 2) * np.float32(2.1)
    )
    for side in (-1, 1):
        lobe = Ellipse(side * 24, 44, 25, 28, side * 0.15)
        canvas.paint(lobe, tissues.gray)
        canvas.paint(lobe, tissues.fluid, inside=(folia.astype(np.float32) ** 8) * 0.45)
        canvas.paint(Ellipse(side * 20, 40, 13, 13, side * 0.4), tissues.white, edge=5)
    canvas.paint(Ellipse(0, 46, 5.5, 18), tissues.gray)
    canvas.paint(Ellipse(0, 14, 18 - 14 * abs(height - 0.2), 15), tissues.white)
    canvas.paint(Ellipse(0, 30, 7, 4.5), tissues.fluid)
    canvas.paint(Ellipse(0, -4, 20, 4.5), tissues.fluid)
    for side in (-1, 1):  # the tentorium's edge over the temporal lobes
        canvas.paint(Ellipse(side * 46, 12, 15, 1.2, side * 0.5), tissues.bone)


def _paint_face(canvas: Canvas, tissues: Tissues, height: float) -> None:
    canvas.paint(Ellipse(0, -66, 50, 27), tissues.fat * 0.75)
    canvas.paint(Ellipse(0, -66, 47, 24), tissues.muscle * 1.1)
    for side in (-1, 1):
        canvas.paint(Ellipse(side * 58, -30, 9, 26, side * 0.3), tissues.muscle)
        if height < 0.22:
            canvas.paint(Ellipse(side * 30, -78, 13.5, 13.5), tissues.muscle)
            canvas.paint(Ellipse(side * 30, -78, 12, 12), tissues.fluid * 1.02)
            canvas.paint(Ellipse(side * 30, -87, 5.2, 2.6), tissues.muscle * 0.8)
            canvas.paint(Ellipse(side * 22, -58, 1.8, 11, side * 0.35), tissues.gray)
    canvas.paint(Ellipse(0, -62, 11, 20), 40)
    canvas.paint(Ellipse(0, -62, 1.2, 19), tissues.muscle)
    canvas.paint(Ellipse(0, -34, 14, 9), 40)


def _with_coil(canvas: Canvas, seed: int) -> Pixels:
    """Brighter near the coil's elements, and the noise of a magnitude image."""
    rng = np.random.default_rng(seed)
    shade = 1 + 0.1 * np.hypot(canvas.x[None, :] / 110, canvas.y[:, None] / 110)
    real = canvas.picture * shade + 14 * correlated_noise(rng, SIZE, SIZE)
    other = 14 * correlated_noise(rng, SIZE, SIZE)
    return stored(np.hypot(real, other), 4095)
