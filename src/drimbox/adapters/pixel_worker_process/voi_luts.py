"""VOI LUT Sequence: a table where a header has no window (PS3.3 C.11.2.1.1)."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

_MAX_BITS = 16


@dataclass(frozen=True, slots=True, eq=False)
class VoiLut:
    """Grey, 0 to 255, of each value from first on; what lies beyond has that of the nearest end."""

    first: int
    greys: NDArray[np.float64]

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        places = np.rint(values).astype(np.int64) - self.first
        return np.take(self.greys, places, mode="clip")


def find_voi_lut(image: Dataset) -> VoiLut | None:
    """Return the first table of an image; None where it has none, or one that can be none."""
    items = list(image.get("VOILUTSequence") or ())
    descriptor = items[0].get("LUTDescriptor") if items else None
    if not isinstance(descriptor, Iterable) or len(told := [int(n) for n in descriptor]) != 3:
        return None
    count, first, bits = told
    entries = _entries(items[0].get("LUTData"), count or 2**16)
    if not entries.size or not 0 < bits <= _MAX_BITS:
        return None
    return VoiLut(first, entries.astype(np.float64) * 255 / (2**bits - 1))


def _entries(data: object, count: int) -> NDArray[np.unsignedinteger]:
    """Return the entries: numbers, or octets that hold one each or one in two."""
    if isinstance(data, bytes):
        kind = np.dtype("<u2") if len(data) >= 2 * count else np.dtype("u1")
        return np.frombuffer(data, kind, min(count, len(data) // kind.itemsize))
    numbers = list(data) if isinstance(data, Iterable) else []
    return np.array(numbers[:count], dtype=np.uint16)
