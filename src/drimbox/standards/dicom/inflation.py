"""Deflated data sets, inflated within bounds (PS3.5 A.5)."""

import zlib
from collections.abc import Iterator

from drimbox.errors import MalformedMessage

MAX_INFLATION_RATIO = 100
_INFLATED_PIECE = 1024 * 1024
_FREE_INFLATED = 64 * 1024 * 1024


class BoundedInflater:
    """Inflates a deflated data set piece by piece (PS3.5 A.5), refusing bombs."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._taken = 0
        self._given = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what the chunk inflates to, at most 1 MiB at a time.

        Raises:
            MalformedMessage: not deflated, or more than MAX_INFLATION_RATIO times its size.
        """
        self._taken += len(chunk)
        while chunk:
            try:
                piece = self._inflater.decompress(chunk, _INFLATED_PIECE)
            except zlib.error as error:
                raise MalformedMessage("the deflated data set is broken (PS3.5 A.5)") from error
            self._given += len(piece)
            if self._given > max(_FREE_INFLATED, MAX_INFLATION_RATIO * self._taken):
                raise MalformedMessage(
                    f"the data set inflates to more than {MAX_INFLATION_RATIO} times its size"
                )
            yield piece
            chunk = self._inflater.unconsumed_tail

    def finish(self) -> None:
        """Check that the deflated stream has come to its end.

        Raises:
            MalformedMessage: it has not.
        """
        if not self._inflater.eof:
            raise MalformedMessage("the deflated data set is cut short (PS3.5 A.5)")
