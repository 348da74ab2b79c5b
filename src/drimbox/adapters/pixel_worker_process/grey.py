"""From stored values to grey: modality LUT, VOI window, inversion.

    stored value -> rescaled -> through the window -> 0..255, inverted where the header says so

PS3.3 C.11.1 (modality), C.11.2 (VOI), C.7.6.3.1.2 (photometric interpretation). Each stored value
is mapped once, into a table, then every pixel by the table.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drimbox.adapters.pixel_worker_process.pixels import Pixels
from drimbox.ports.pixel_worker import Rendering, WindowShape

Grey = NDArray[np.uint8]
Rescaled = NDArray[np.float64]
Words = NDArray[np.unsignedinteger[Any]]
"""Values of 8 or 16 bits as they lie in a file, whatever their sign."""
Rescale = Callable[[NDArray[np.int64]], Rescaled]
_LARGEST_TABLE = 2**20


@dataclass(frozen=True, slots=True)
class LinearRescale:
    """Rescale Slope and Intercept (PS3.3 C.11.1.1.2); equal ones give equal tables."""

    slope: float = 1.0
    intercept: float = 0.0

    def __call__(self, values: NDArray[np.int64]) -> Rescaled:
        """Return the output of the modality LUT."""
        return np.asarray(values * self.slope + self.intercept, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class GreyScale:
    """What a header says of its grey values; window is its first (center, width), if any.

    table gives the grey of rescaled values where there is no window: a VOI LUT.
    """

    rescale: Rescale
    window: tuple[float, float] | None = None
    shape: WindowShape = WindowShape.LINEAR
    is_inverse: bool = False
    table: Callable[[Rescaled], Rescaled] | None = None

    def as_asked(self, rendering: Rendering) -> "GreyScale":
        """Return the scale with the window asked for, in the shape that goes with it."""
        if rendering.window is not None:
            shape = rendering.shape or WindowShape.LINEAR
            return GreyScale(self.rescale, rendering.window, shape, self.is_inverse)
        return replace(self, shape=rendering.shape or self.shape)


@dataclass(frozen=True, slots=True)
class StoredForm:
    """How a value lies in its 8 or 16 bits: low bits that count, with a sign or without."""

    bits_allocated: int
    bits_stored: int
    is_signed: bool

    @property
    def word(self) -> np.dtype[np.unsignedinteger[Any]]:
        """The type of a word of a file, which is little endian."""
        return np.dtype(f"<u{self.bits_allocated // 8}")

    def values(self, words: Words) -> Pixels:
        """Return the values of words as stored, without what old images keep in the high bits."""
        kind = "i" if self.is_signed else "u"
        values = words.view(f"{kind}{self.bits_allocated // 8}")
        unused = self.bits_allocated - self.bits_stored
        return np.right_shift(np.left_shift(values, unused), unused) if unused else values


def stored_window(center: float | None, width: float | None) -> tuple[float, float] | None:
    """Return the window of a header, None where it has none that can be."""
    return (center, width) if center is not None and width is not None and width >= 1 else None


def stored_shape(voi_lut_function: str) -> WindowShape:
    """Return the shape of a header's window; a word of no meaning is its default."""
    return WindowShape.__members__.get(voi_lut_function, WindowShape.LINEAR)


def to_grey(values: Pixels, scale: GreyScale) -> Grey:
    """Return the grey of each value; without a window or a table, through the extent of the values.

    Values spread too wide for a table (dose grids of 32 bits) are mapped pixel by pixel.
    """
    low, high = int(values.min()), int(values.max())
    if high - low > _LARGEST_TABLE:
        return _mapped(values.astype(np.int64), scale)
    table = _mapped(np.arange(low, high + 1, dtype=np.int64), scale)
    return np.take(table, _from_zero(values, low), mode="clip")


@lru_cache(maxsize=16)
def grey_table(form: StoredForm, scale: GreyScale) -> Grey:
    """Return the grey of every word of that form, for a scale with a window.

    The slices of a series are drawn through the same few of them.
    """
    words = np.arange(2**form.bits_allocated, dtype=form.word)
    return _mapped(form.values(words).astype(np.int64), scale)


def _mapped(values: NDArray[np.int64], scale: GreyScale) -> Grey:
    rescaled = scale.rescale(values)
    if scale.window is None and scale.table is not None:
        through = scale.table(rescaled)
    else:
        center, width = scale.window or _extent(rescaled)
        through = _voi(rescaled, center, width, scale.shape)
    drawn = np.clip(through, 0, 255)
    grey: Grey = np.rint(drawn).astype(np.uint8)
    return 255 - grey if scale.is_inverse else grey


def _from_zero(values: Pixels, low: int) -> Words:
    """Return the values less their lowest, which fits their own width without its sign."""
    unsigned = np.dtype(f"u{values.dtype.itemsize}")
    lowest = np.array(low, dtype=values.dtype).astype(unsigned)
    return np.asarray(np.subtract(values.view(unsigned), lowest), dtype=unsigned)


def _extent(rescaled: Rescaled) -> tuple[float, float]:
    low, high = float(rescaled.min()), float(rescaled.max())
    return (low + high + 1) / 2, max(high - low + 1, 1.0)


def _voi(values: Rescaled, center: float, width: float, shape: WindowShape) -> Rescaled:
    """Apply PS3.3 C.11.2.1.2 and C.11.2.1.3 to 0..255."""
    if shape is WindowShape.SIGMOID:
        exponent = np.clip(-4 * (values - center) / width, -700, 700)
        return np.asarray(255 / (1 + np.exp(exponent)), dtype=np.float64)
    if shape is WindowShape.LINEAR and width <= 1:
        return np.where(values > center - 0.5, 255.0, 0.0)
    if shape is WindowShape.LINEAR_EXACT:
        return ((values - center) / max(width, 1e-6) + 0.5) * 255
    return ((values - (center - 0.5)) / (width - 1) + 0.5) * 255
