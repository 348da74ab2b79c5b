"""multipart/related, both ways, octets in and octets out (RFC 2046 5.1, RFC 2387, PS3.18 8.6.1.2).

--B CRLF
Content-Type: application/dicom; transfer-syntax=... CRLF CRLF
(octets) CRLF
--B CRLF ... CRLF
--B-- CRLF
"""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from drimbox.errors import MalformedMessage

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
    OCTETS = 3
    EPILOGUE = 4


class MultipartReader:
    """Octets in, events out; the same events however the stream is cut.

    What cannot be part of the delimiter is given out at once, so memory stays at one chunk.
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
        self._buffer = bytearray(b"\r\n")
        self._state = _State.PREAMBLE
        self._is_first = False

    @property
    def is_finished(self) -> bool:
        """True once the closing delimiter came; a stream that ends before was cut."""
        return self._state is _State.EPILOGUE

    def receive(self, octets: bytes) -> Iterator[PartEvent]:
        """Take some octets, yield the events they complete.

        Raises:
            MalformedMessage: headers too long or too many, or a delimiter followed by neither.
        """
        if self._state is _State.OCTETS and not self._buffer:
            # In the middle of a part nothing is copied that need not be.
            octets = yield from self._pass_on(octets)
        self._buffer += octets
        while not self.is_finished:
            before = (self._state, len(self._buffer))
            yield from self._step()
            if (self._state, len(self._buffer)) == before:
                return
        self._buffer.clear()

    def _pass_on(self, octets: bytes) -> Generator[PartEvent, None, bytes]:
        """Yield what is surely the part's; return the rest, which begins with CR."""
        if octets.find(self._delimiter) >= 0:
            return octets
        end = self._safe_end(octets)
        if end:
            yield PartOctets(octets if end == len(octets) else octets[:end])
        return octets[end:]

    def _step(self) -> Iterator[PartEvent]:
        if self._state is _State.PREAMBLE:
            self._skip_preamble()
        elif self._state is _State.AFTER_DELIMITER:
            self._read_after_delimiter()
        elif self._state is _State.HEADERS:
            yield from self._read_headers()
        elif self._state is _State.OCTETS:
            yield from self._read_octets()

    def _skip_preamble(self) -> None:
        found = self._buffer.find(self._delimiter)
        if found < 0:
            del self._buffer[: -len(self._delimiter)]
            return
        del self._buffer[: found + len(self._delimiter)]
        self._state = _State.AFTER_DELIMITER

    def _read_after_delimiter(self) -> None:
        # Transport padding (spaces, tabs) may stand before the CRLF.
        if len(self._buffer) < 2:
            return
        if self._buffer.startswith(b"--"):
            self._state = _State.EPILOGUE
            return
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > _MAX_BOUNDARY:
                raise MalformedMessage("a delimiter ends with CRLF or --", where="multipart")
            return
        if self._buffer[:end].strip(b" \t"):
            raise MalformedMessage("a delimiter ends with CRLF or --", where="multipart")
        # The CRLF stays: an empty header block is CRLF CRLF from here.
        del self._buffer[:end]
        self._state = _State.HEADERS

    def _read_headers(self) -> Iterator[PartEvent]:
        end = self._buffer.find(b"\r\n\r\n")
        if end > _MAX_HEADER_BYTES or (end < 0 and len(self._buffer) > _MAX_HEADER_BYTES):
            raise MalformedMessage("part headers over 8 KiB", where="multipart")
        if end < 0:
            return
        headers = _headers(bytes(self._buffer[:end]))
        # The last CRLF stays: a part without octets is followed by its delimiter at once.
        del self._buffer[: end + 2]
        self._state = _State.OCTETS
        self._is_first = True
        yield PartStart(headers)

    def _read_octets(self) -> Iterator[PartEvent]:
        found = self._buffer.find(self._delimiter)
        end = found if found >= 0 else self._safe_end(self._buffer)
        # The CRLF that ended the headers is still in front of the first octets.
        start = 2 if self._is_first else 0
        if end > start:
            self._is_first = False
            yield PartOctets(bytes(self._buffer[start:end]))
            del self._buffer[:end]
        if found >= 0:
            del self._buffer[: self._buffer.find(self._delimiter) + len(self._delimiter)]
            self._state = _State.AFTER_DELIMITER
            yield PartFinished()

    def _safe_end(self, octets: bytes | bytearray) -> int:
        """Return where the beginning of a delimiter may stand; it has one CR, its first octet."""
        tail = max(len(octets) - len(self._delimiter) + 1, 0)
        last_cr = octets.rfind(b"\r", tail)
        return last_cr if last_cr >= 0 else len(octets)


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
