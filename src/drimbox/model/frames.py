"""Where the frames of an image lie in its file, so that one is read without the others."""

from dataclasses import dataclass

Range = tuple[int, int]
"""Offset in the file, and length, in octets."""


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """Frames counted from 1; ranges are those of the frame's octets, in order.

    Uncompressed frames all have frame_length and follow each other from offset on; compressed ones
    have the ranges of their fragments, one tuple a frame.
    """

    count: int
    offset: int = 0
    frame_length: int = 0
    fragments: tuple[tuple[Range, ...], ...] = ()

    def ranges(self, frame: int) -> tuple[Range, ...]:
        """Return where a frame is; frame is from 1 to count."""
        if self.fragments:
            return self.fragments[frame - 1]
        return ((self.offset + (frame - 1) * self.frame_length, self.frame_length),)
