"""multipart/related, both ways, octets in and octets out (RFC 2046 5.1, RFC 2387, PS3.18 8.6.1.2).

--B CRLF
Content-Type: application/dicom; transfer-syntax=... CRLF CRLF
(octets) CRLF
--B CRLF ... CRLF
--B-- CRLF
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from drimbox.errors import MalformedMessage

HEAD_BYTES = 8 * 1024
_MAX_HEADER_BYTES = 8 * 1024
_MAX_HEADERS = 16
_MAX_BOUNDARY = 70


def part_header(boundary: str, headers: Mapping[str, str]) -> bytes:
    """Return what stands before one part's octets; `PART_END` stands after them."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"--{boundary}\r\n{lines}\r\n".encode("ascii")


PART_END = b"\r\n"


def closing(boundary: str) -> bytes:
    """Return what ends the whole message; without it the receiver knows that it was cut."""
    return f"--{boundary}--\r\n".encode("ascii")


@dataclass(frozen=True, slots=True)
class PartStart:
    """A part begins; header names in lower case."""

    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PartOctets:
    """Some of the part's octets."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class PartFinished:
    """The part is whole."""


PartEvent = PartStart | PartOctets | PartFinished


class _State(Enum):
    PREAMBLE = 0
    AFTER_DELIMITER = 1
    HEADERS = 2
    FIRST_OCTETS = 3
    OCTETS = 4
    EPILOGUE = 5


class MultipartReader:
    """Octets in, events out; the same octets of each part however the stream is cut.

    What cannot be part of the delimiter is given out at once, so memory stays at one chunk. A part
    begins with a piece of at most HEAD_BYTES: whoever reads its head copies no more than that.
    """

    def __init__(self, boundary: str) -> None:
        """Take the boundary of the Content-Type.

        Raises:
            MalformedMessage: empty, or longer than RFC 2046 allows.
        """
        if not 0 < len(boundary) <= _MAX_BOUNDARY or not boundary.isascii():
            raise MalformedMessage("1 to 70 ASCII characters", where="boundary")
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        # The first delimiter has no CRLF before it when there is no preamble.
        self._held = b"\r\n"
        self._state = _State.PREAMBLE

    @property
    def is_finished(self) -> bool:
        """True once the closing delimiter came; a stream that ends before was cut."""
        return self._state is _State.EPILOGUE

    def receive(self, octets: bytes) -> Iterator[PartEvent]:
        """Take some octets, yield the events they complete; read the iterator to its end.

        Raises:
            MalformedMessage: headers too long or too many, or a delimiter followed by neither.
        """
        octets, position = self._held + octets if self._held else octets, 0
        while not self.is_finished:
            step = self._step(octets, position)
            if step is None:
                break
            event, position = step
            if event is not None:
                yield event
        self._held = b"" if self.is_finished else octets[position:]

    def _step(self, octets: bytes, position: int) -> "_Step | None":
        """Return what stands at the position, and where what follows begins; None: too little."""
        match self._state:
            case _State.PREAMBLE:
                return self._skip_preamble(octets, position)
            case _State.AFTER_DELIMITER:
                return self._read_after_delimiter(octets, position)
            case _State.HEADERS:
                return self._read_headers(octets, position)
            case _State.FIRST_OCTETS:
                return self._read_first_octets(octets, position)
            case _:
                return self._read_octets(octets, position)

    def _skip_preamble(self, octets: bytes, position: int) -> "_Step | None":
        found = octets.find(self._delimiter, position)
        if found < 0:
            behind = len(octets) - len(self._delimiter)
            return (None, behind) if behind > position else None
        self._state = _State.AFTER_DELIMITER
        return None, found + len(self._delimiter)

    def _read_after_delimiter(self, octets: bytes, position: int) -> "_Step | None":
        # Transport padding (spaces, tabs) may stand before the CRLF.
        if len(octets) - position < 2:
            return None
        if octets.startswith(b"--", position):
            self._state = _State.EPILOGUE
            return None, position
        end = octets.find(b"\r\n", position)
        if end < 0 and len(octets) - position <= _MAX_BOUNDARY:
            return None
        if end < 0 or octets[position:end].strip(b" \t"):
            raise MalformedMessage("a delimiter ends with CRLF or --", where="multipart")
        # The CRLF stays: an empty header block is CRLF CRLF from here.
        self._state = _State.HEADERS
        return None, end

    def _read_headers(self, octets: bytes, position: int) -> "_Step | None":
        end = octets.find(b"\r\n\r\n", position)
        if (end if end >= 0 else len(octets)) - position > _MAX_HEADER_BYTES:
            raise MalformedMessage("part headers over 8 KiB", where="multipart")
        if end < 0:
            return None
        # The last CRLF stays: a part without octets is followed by its delimiter at once.
        self._state = _State.FIRST_OCTETS
        return PartStart(_headers(octets[position:end])), end + 2

    def _read_first_octets(self, octets: bytes, position: int) -> "_Step | None":
        """Read what follows the CRLF that ended the headers."""
        stop = min(position + HEAD_BYTES, len(octets))
        found = octets.find(self._delimiter, position, stop)
        end = found if found >= 0 else self._safe_end(octets, stop)
        if found < 0 and end <= position + 2:
            return None
        self._state = _State.OCTETS
        # The delimiter may begin with that very CRLF.
        return (PartOctets(octets[position + 2 : end]) if end > position + 2 else None), end

    def _read_octets(self, octets: bytes, position: int) -> "_Step | None":
        found = octets.find(self._delimiter, position)
        end = found if found >= 0 else self._safe_end(octets, len(octets))
        if end > position:
            # In the middle of a part nothing is copied.
            is_all = position == 0 and end == len(octets)
            return PartOctets(octets if is_all else octets[position:end]), end
        if found < 0:
            return None
        self._state = _State.AFTER_DELIMITER
        return PartFinished(), found + len(self._delimiter)

    def _safe_end(self, octets: bytes, stop: int) -> int:
        """Return where before stop a delimiter may begin; it has one CR, its first octet."""
        last_cr = octets.rfind(b"\r", max(stop - len(self._delimiter) + 1, 0), stop)
        return last_cr if last_cr >= 0 else stop


_Step: TypeAlias = tuple[PartEvent | None, int]


def _headers(block: bytes) -> Mapping[str, str]:
    lines = [line for line in block.split(b"\r\n") if line]
    if len(lines) > _MAX_HEADERS:
        raise MalformedMessage("more than 16 part headers", where="multipart")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon:
            raise MalformedMessage("a part header without colon", where="multipart")
        headers[name.strip().lower().decode("latin-1")] = value.strip().decode("latin-1")
    return headers
