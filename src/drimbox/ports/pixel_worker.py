"""Pixel decoding, away from the server process: hostile codestreams end in an error, never more."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol


class ImageFormat(Enum):
    """Media type of a rendered frame."""

    JPEG = "image/jpeg"
    PNG = "image/png"


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a frame is drawn.

    frame counts from 1. window is (center, width) in output units of the modality LUT, or None for
    the one of the header, else the extent of the values. size is the largest (width, height), or
    None.
    """

    frame: int = 1
    window: tuple[float, float] | None = None
    size: tuple[int, int] | None = None
    format: ImageFormat = ImageFormat.JPEG
    quality: int = 85


class PixelWorker(Protocol):
    """Every method raises MalformedMessage for pixels that cannot be decoded within the limits."""

    async def render(self, path: Path, rendering: Rendering) -> bytes:
        """Return one frame as JPEG or PNG.

        Raises:
            NotFound: there is no such frame.
            NotAcceptable: the object has no pixels to draw.
        """

    async def stored_frame(self, path: Path, frame: int) -> bytes:
        """Return one frame's octets as they are stored, compressed or not.

        Raises:
            NotFound: there is no such frame.
            NotAcceptable: the object has no pixels.
        """

    async def decode_frame(self, path: Path, frame: int) -> bytes:
        """Return one frame's pixels as Explicit VR Little Endian holds them."""

    async def decode_file(self, path: Path, target: Path) -> None:
        """Write the object anew in Explicit VR Little Endian."""
