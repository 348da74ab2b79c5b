"""Pixel decoding, away from the server process: hostile codestreams end in an error, never more."""

from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import TransferSyntaxUid


class ImageFormat(Enum):
    """Media type of a rendered frame."""

    JPEG = "image/jpeg"
    PNG = "image/png"


class WindowShape(Enum):
    """How a window maps values to grey (PS3.3 C.11.2.1.3); the value is the word of PS3.18."""

    LINEAR = "linear"
    LINEAR_EXACT = "linear-exact"
    SIGMOID = "sigmoid"


@dataclass(frozen=True, slots=True)
class SourceRegion:
    """The part of an image that is drawn, in its pixels from the top left corner; None: the rest.

    A flip mirrors the region once it is cut out.
    """

    left: int = 0
    top: int = 0
    width: int | None = None
    height: int | None = None
    is_flipped_horizontally: bool = False
    is_flipped_vertically: bool = False


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a frame is drawn.

    frame counts from 1. window is (center, width) in output units of the modality LUT, or None for
    the one of the header, else the extent of the values; shape goes with it (linear where None).
    size is the largest (width, height), or None; a smaller image grows to it where may_enlarge.
    """

    frame: int = 1
    window: tuple[float, float] | None = None
    size: tuple[int, int] | None = None
    format: ImageFormat = ImageFormat.JPEG
    quality: int = 85
    shape: WindowShape | None = None
    region: SourceRegion | None = None
    may_enlarge: bool = False


class PixelWorker(Protocol):
    """Every method raises MalformedMessage for pixels that cannot be decoded within the limits.

    And Unavailable where the system starts no worker.
    """

    async def render(self, path: Path, rendering: Rendering) -> bytes:
        """Return one frame as JPEG or PNG.

        Raises:
            InvalidValue: the region lies outside of the image.
            NotFound: there is no such frame.
            NotAcceptable: the object is no image, or one in a syntax that nothing here decodes.
        """

    def draw_ahead(self, path: Path, rendering: Rendering) -> None:
        """Draw it while a worker has nothing else to do, for who asks for it next; or do not."""

    async def stored_frame(self, path: Path, frame: int) -> bytes:
        """Return one frame's octets as they are stored, compressed or not.

        Raises:
            NotFound: there is no such frame.
            NotAcceptable: the object has no pixels.
        """

    async def transcode_frame(self, path: Path, frame: int, syntax: TransferSyntaxUid) -> bytes:
        """Return one frame as that transfer syntax holds it.

        Raises:
            NotFound: there is no such frame.
            NotAcceptable: the object has no pixels, or such pixels cannot be in that syntax.
        """

    def temporary_folder(self) -> AbstractContextManager[Path]:
        """Make a folder for what is transcoded, protected as the copies are; gone at the end.

        Raises:
            OSError: the disk is full, or cannot be written.
        """

    async def transcode_file(self, path: Path, target: Path, syntax: TransferSyntaxUid) -> None:
        """Write the object anew in that transfer syntax, under the same SOP Instance UID.

        Where the syntax is lossy the object says so (PS3.3 C.7.6.1.1.5).

        Raises:
            NotAcceptable: the object has no pixels, or such pixels cannot be in that syntax.
        """


class ReceivedInstance(Protocol):
    """One instance, kept whole for as long as the context of `received` lasts."""

    async def transcoded(self, syntax: TransferSyntaxUid) -> InstanceStream:
        """Return it in that transfer syntax, under the same SOP Instance UID.

        Raises:
            NotAcceptable: it has no pixels, or such pixels cannot be in that syntax.
            MalformedMessage: the pixels cannot be decoded within the limits.
        """

    def as_received(self) -> InstanceStream:
        """Return it as it came."""


class InstanceTranscoder(Protocol):
    def received(self, instance: InstanceStream) -> AbstractAsyncContextManager[ReceivedInstance]:
        """Take an instance in, to its end; what is kept of it goes when the context ends."""
