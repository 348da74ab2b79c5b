"""A ZIP archive made while it is sent: nothing is seeked, no member is whole in memory.

Members are stored, not deflated: compressed images gain nothing, and the others would be held up.
"""

import zipfile
from datetime import datetime
from typing import IO

_EARLIEST_YEAR = 1980


class _Collector:
    """A file that can only be written to; what was written is taken away piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, octets: bytes) -> int:
        self._pieces.append(bytes(octets))
        return len(octets)

    def flush(self) -> None:
        """Nothing waits here."""

    def take(self) -> bytes:
        octets = b"".join(self._pieces)
        self._pieces.clear()
        return octets


class ZipStream:
    """One archive; every method returns the octets that can leave.

    Args:
        made_at: the time that its members bear.
    """

    def __init__(self, made_at: datetime) -> None:
        self._out = _Collector()
        self._archive = zipfile.ZipFile(self._out, "w")  # type: ignore[call-overload]
        self._time = max(made_at.timetuple()[:6], (_EARLIEST_YEAR, 1, 1, 0, 0, 0))
        self._member: IO[bytes] | None = None

    def begin(self, name: str) -> bytes:
        """Begin a member, after the end of the one before."""
        # Its size is not known yet, and may be over 4 GiB.
        self._member = self._archive.open(self._info(name), "w", force_zip64=True)
        return self._out.take()

    def write(self, octets: bytes) -> bytes:
        """Add octets to the member that was begun."""
        assert self._member is not None  # noqa: S101 - a caller's order of calls
        self._member.write(octets)
        return self._out.take()

    def end(self) -> bytes:
        """End the member that was begun."""
        assert self._member is not None  # noqa: S101 - a caller's order of calls
        self._member.close()
        self._member = None
        return self._out.take()

    def add(self, name: str, octets: bytes) -> bytes:
        """Add a member whole."""
        self._archive.writestr(self._info(name), octets)
        return self._out.take()

    def finish(self) -> bytes:
        """Write the central directory; without it a reader knows that the archive was cut."""
        self._archive.close()
        return self._out.take()

    def _info(self, name: str) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo(name, self._time)
        info.external_attr = 0o644 << 16
        return info
