"""UIDs and OIDs, each with its own type, checked when built.

PS3.5 section 9.1: dotted integers without leading zeros, 64 characters at most.
"""

import re
from typing import Self

from drimbox.errors import InvalidValue

_UID = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]*))+\Z", re.ASCII)
MAX_UID_LENGTH = 64


class Uid(str):
    """A DICOM unique identifier."""

    __slots__ = ()

    def __new__(cls, value: str) -> Self:
        """Check and build.

        Raises:
            InvalidValue: not dotted integers, or longer than 64 characters.
        """
        if len(value) > MAX_UID_LENGTH or not _UID.match(value):
            raise InvalidValue(
                cls.__name__,
                "dotted integers without leading zeros, 64 characters at most (PS3.5 9.1)",
            )
        return super().__new__(cls, value)


class StudyInstanceUid(Uid):
    """(0020,000D)."""

    __slots__ = ()


class SeriesInstanceUid(Uid):
    """(0020,000E)."""

    __slots__ = ()


class SopInstanceUid(Uid):
    """(0008,0018)."""

    __slots__ = ()


class SopClassUid(Uid):
    """(0008,0016)."""

    __slots__ = ()


class TransferSyntaxUid(Uid):
    """(0002,0010)."""

    __slots__ = ()


class Oid(Uid):
    """An ISO object identifier: an assigning authority, a code system, a document."""

    __slots__ = ()
