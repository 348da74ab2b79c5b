"""A picture measured in millimetres, on which shapes with soft edges are painted.

x grows to the right of the picture (the patient's left), y downwards (the patient's back or feet).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Ellipse:
    """An ellipse in millimetres; turned by angle radians, clockwise on the picture."""

    x: float
    y: float
    half_width: float
    half_height: float
    angle: float = 0.0


class Canvas:
    """A float picture whose middle is (0, 0), with square pixels of `pixel` millimetres."""

    def __init__(self, rows: int, columns: int, *, pixel: float, background: float = 0.0) -> None:
        self.picture: Picture = np.full((rows, columns), background, np.float32)
        self.pixel = pixel
        self.x = ((np.arange(columns, dtype=np.float32) + 0.5) - columns / 2) * np.float32(pixel)
        self.y = ((np.arange(rows, dtype=np.float32) + 0.5) - rows / 2) * np.float32(pixel)

    def paint(
        self,
        ellipse: Ellipse,
        value: float,
        *,
        edge: float = 1.2,
        inside: Picture | None = None,
    ) -> None:
        """Blend the ellipse in.

        edge is the width of its border in millimetres; inside, a coverage from 0 to 1, limits it.
        """
        window = self._window(ellipse, edge)
        cover = self.cover(ellipse, window, edge)
        if inside is not None:
            cover *= inside[window]
        part = self.picture[window]
        part += (np.float32(value) - part) * cover

    def add(self, ellipse: Ellipse, amount: float, *, edge: float) -> None:
        """Add `amount` inside the ellipse, fading over its edge."""
        window = self._window(ellipse, edge)
        self.picture[window] += np.float32(amount) * self.cover(ellipse, window, edge)

    def cover(self, ellipse: Ellipse, window: tuple[slice, slice], edge: float) -> Picture:
        """Return how much of each pixel of the window the ellipse covers, from 0 to 1."""
        radius = np.sqrt(self.squared_radius(ellipse, window))
        scale = min(ellipse.half_width, ellipse.half_height) / max(edge, self.pixel)
        cover: Picture = np.clip((1 - radius) * np.float32(scale) + np.float32(0.5), 0, 1)
        return cover

    def squared_radius(self, ellipse: Ellipse, window: tuple[slice, slice]) -> Picture:
        """Return the squared distance to the middle, in units of the ellipse's own radii."""
        dx = self.x[window[1]][None, :] - np.float32(ellipse.x)
        dy = self.y[window[0]][:, None] - np.float32(ellipse.y)
        if ellipse.angle:
            cos, sin = np.float32(np.cos(ellipse.angle)), np.float32(np.sin(ellipse.angle))
            dx, dy = dx * cos + dy * sin, dy * cos - dx * sin
        u = dx / np.float32(ellipse.half_width)
        v = dy / np.float32(ellipse.half_height)
        squared: Picture = u * u + v * v
        return squared

    def _window(self, ellipse: Ellipse, edge: float) -> tuple[slice, slice]:
        reach_x = ellipse.half_width if not ellipse.angle else self._longest(ellipse)
        reach_y = ellipse.half_height if not ellipse.angle else self._longest(ellipse)
        # Outside the ellipse the cover fades over half an edge of the shorter radius.
        grow = 1 + max(edge, self.pixel) / min(ellipse.half_width, ellipse.half_height)
        return (
            self._range(ellipse.y, reach_y * grow, self.picture.shape[0]),
            self._range(ellipse.x, reach_x * grow, self.picture.shape[1]),
        )

    @staticmethod
    def _longest(ellipse: Ellipse) -> float:
        return max(ellipse.half_width, ellipse.half_height)

    def _range(self, middle: float, reach: float, count: int) -> slice:
        first = int(np.floor((middle - reach) / self.pixel + count / 2))
        last = int(np.ceil((middle + reach) / self.pixel + count / 2))
        return slice(max(first, 0), max(min(last, count), 0))


def superellipse(canvas: Canvas, half_width: float, half_height: float, power: float) -> Picture:
    """Return the cover (0 to 1) of |x/a|^n + |y/b|^n < 1, the outline of a trunk."""
    u = np.abs(canvas.x / np.float32(half_width)) ** np.float32(power)
    v = np.abs(canvas.y / np.float32(half_height)) ** np.float32(power)
    radius = (u[None, :] + v[:, None]) ** np.float32(1 / power)
    scale = np.float32(min(half_width, half_height) / max(1.2, canvas.pixel))
    cover: Picture = np.clip((1 - radius) * scale + np.float32(0.5), 0, 1)
    return cover


def correlated_noise(rng: np.random.Generator, rows: int, columns: int) -> Picture:
    """Return noise of unit deviation whose grains are about two pixels, as in real images."""
    white = rng.standard_normal((rows + 1, columns + 1), dtype=np.float32)
    grains = white[1:, 1:] + white[:-1, 1:] + white[1:, :-1] + white[:-1, :-1]
    return grains * np.float32(0.5)


def stored(picture: Picture, highest: int) -> Pixels:
    """Round to stored values from 0 to `highest`."""
    values: Pixels = np.clip(np.rint(picture), 0, highest).astype(np.uint16)
    return values
