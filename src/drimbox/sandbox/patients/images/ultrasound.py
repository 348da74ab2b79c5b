"""A cardiac ultrasound: the apical four-chamber view, one heartbeat, as the screen shows it."""

import math
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from drimbox.sandbox.patients.images.canvas import Canvas, Ellipse, Picture

ROWS, COLUMNS = 480, 640
FRAMES = 40
FRAME_TIME_MS = 25.0
PIXEL = 0.40
_APEX_Y = -88.0
_DEPTH = 168.0
_HALF_ANGLE = 0.66


def cine_frames() -> list[npt.NDArray[np.uint8]]:
    """Return the frames of one heartbeat, each 480 x 640 x 3."""
    return [_frame(number) for number in range(FRAMES)]


def _frame(number: int) -> npt.NDArray[np.uint8]:
    phase = number / FRAMES
    # The ventricles empty in the first third of the beat, then fill again.
    squeeze = math.sin(math.pi * min(phase / 0.38, 1)) if phase < 0.38 else 0.0
    filling = math.sin(math.pi * (phase - 0.38) / 0.62) if phase >= 0.38 else 0.0
    canvas = Canvas(ROWS, COLUMNS, pixel=PIXEL, background=62)
    _paint_heart(canvas, squeeze, filling)
    picture = canvas.picture * _speckle(number) * _sector(canvas)
    gray = np.clip(255 * (np.clip(picture, 0, 255) / 255) ** 0.8, 0, 255).astype(np.uint8)
    return _with_overlay(gray, phase)


def _paint_heart(canvas: Canvas, squeeze: float, filling: float) -> None:
    canvas.paint(Ellipse(4, -8, 56, 74, 0.04), 175, edge=4)  # pericardium
    canvas.paint(Ellipse(4, -8, 53, 71, 0.04), 118, edge=4)  # muscle
    small = 1 - 0.2 * squeeze
    blood = 9.0
    canvas.paint(Ellipse(25, -22, 20 * small, 42 * (1 - 0.1 * squeeze), -0.12), blood, edge=3)
    canvas.paint(Ellipse(-25, -12, 15 * small, 33 * (1 - 0.08 * squeeze), 0.22), blood, edge=3)
    big = 1 + 0.12 * squeeze
    canvas.paint(Ellipse(25, 42, 18 * big, 17 * big), blood, edge=3)
    canvas.paint(Ellipse(-22, 38, 18 * big, 16 * big), blood, edge=3)
    for x in (25, -23):  # the way from atrium to ventricle, which the leaflets close
        canvas.paint(Ellipse(x, 24, 13, 11), blood, edge=3)
    canvas.paint(Ellipse(1, 42, 2.2, 20, -0.06), 105, edge=2)
    canvas.paint(Ellipse(20, 66, 30, 3, 0.1), 150, edge=3)
    for x, y, inward in ((13, 22, 1), (38, 22, -1), (-11, 21, -1), (-36, 21, 1)):
        # The leaflets close flat in systole and swing to the apex while the ventricles fill.
        swing = inward * (0.25 + 1.0 * filling)
        length = 11.5
        tip_x = x + inward * length * math.cos(swing)
        tip_y = y - length * abs(math.sin(swing))
        leaf = Ellipse((x + tip_x) / 2, (y + tip_y) / 2, length / 2 + 1.2, 1.5,
                       math.atan2(tip_y - y, tip_x - x))  # fmt: skip
        canvas.paint(leaf, 225, edge=1.6)
    canvas.paint(Ellipse(42, -20, 3.6, 9, -0.2), 120, edge=3)  # papillary muscle


def _sector(canvas: Canvas) -> Picture:
    """The fan of the probe, brighter in the middle depths, dark outside."""
    dx, dy = canvas.x[None, :], canvas.y[:, None] - np.float32(_APEX_Y - 14)
    depth, angle = np.hypot(dx, dy), np.arctan2(dx, dy)
    fan = (np.abs(angle) < _HALF_ANGLE) & (depth > 14) & (depth < 14 + _DEPTH)
    gain = (0.72 + 0.5 * np.exp(-(((depth - 80) / 60) ** 2))) * (1 - 0.25 * np.abs(angle))
    return np.where(fan, gain, 0).astype(np.float32)


@cache
def _grains() -> Picture:
    """Speckle on the probe's own grid: fine along the beam, coarser across and deeper."""
    rng = np.random.default_rng(17)
    fine = rng.rayleigh(0.8, (440, 150 + FRAMES)).astype(np.float32)
    return (fine + np.roll(fine, 1, 1) + np.roll(fine, 1, 0)) * np.float32(1 / 3)


def _speckle(number: int) -> Picture:
    canvas = Canvas(ROWS, COLUMNS, pixel=PIXEL)
    dx, dy = canvas.x[None, :], canvas.y[:, None] - np.float32(_APEX_Y - 14)
    depth, angle = np.hypot(dx, dy), np.arctan2(dx, dy)
    row = np.clip(depth / (14 + _DEPTH) * 439, 0, 439).astype(np.int32)
    column = np.clip((angle / _HALF_ANGLE + 1) / 2 * 149, 0, 149).astype(np.int32)
    tissue = _grains()[row, column]
    moving = _grains()[row, column + number]
    mixed: Picture = 0.75 * tissue + 0.25 * moving
    return mixed


def _with_overlay(gray: npt.NDArray[np.uint8], phase: float) -> npt.NDArray[np.uint8]:
    """Draw what the machine burns in: depth marks, the ECG, no identity."""
    image = Image.fromarray(gray).convert("RGB")
    draw = ImageDraw.Draw(image)
    for centimetre in range(17):
        y = (14 + centimetre * 10) / PIXEL + ROWS / 2 + (_APEX_Y - 14) / PIXEL
        draw.line([(616, y), (624 if centimetre % 5 == 0 else 620, y)], fill=(200, 200, 200))
    draw.text((16, 12), "4 CAV  40 Hz  17 cm", fill=(210, 210, 210))
    trace = [(x, 462 - 22 * _ecg(x / 560 * 2 % 1)) for x in range(0, 561, 2)]
    draw.line([(40 + x, y) for x, y in trace], fill=(60, 220, 90))
    marker = 40 + int(280 * phase)
    draw.line([(marker, 436), (marker, 474)], fill=(230, 120, 40))
    return np.asarray(image)


def _ecg(phase: float) -> float:
    """One beat of an electrocardiogram, R wave at the start of systole."""
    waves = ((0.94, 0.02, 0.15), (0.015, 0.012, -0.15), (0.035, 0.012, 1.0),
             (0.055, 0.012, -0.25), (0.3, 0.04, 0.28))  # fmt: skip
    return sum(height * math.exp(-(((phase - at) / width) ** 2)) for at, width, height in waves)
