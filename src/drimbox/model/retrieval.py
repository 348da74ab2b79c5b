"""What is retrieved, and how its octets arrive (WADO-RS, C-GET, C-MOVE)."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from drimbox.model.uids import (
    SeriesInstanceUid,
    SopClassUid,
    SopInstanceUid,
    StudyInstanceUid,
    TransferSyntaxUid,
)

DicomJson = Mapping[str, Mapping[str, object]]
"""One data set in the DICOM JSON model (PS3.18 F): tag in upper-case hex -> {vr, Value...}."""


Ranking = tuple[tuple[TransferSyntaxUid, float], ...]
"""Transfer syntaxes with their q, best first."""


@dataclass(frozen=True, slots=True)
class TargetResource:
    """A study, one of its series, or one of its instances."""

    study_instance_uid: StudyInstanceUid
    series_instance_uid: SeriesInstanceUid | None = None
    sop_instance_uid: SopInstanceUid | None = None


@dataclass(frozen=True, slots=True)
class InstanceStream:
    """One instance on its way: its group 2 facts, and its data set as octets.

    chunks carry the data set only (no preamble, no file meta information), in transfer_syntax_uid,
    in order; they must be read to the end before the next instance is asked for.
    """

    sop_class_uid: SopClassUid
    sop_instance_uid: SopInstanceUid
    transfer_syntax_uid: TransferSyntaxUid
    chunks: AsyncIterator[bytes]

    def with_chunks(
        self, chunks: AsyncIterator[bytes], transfer_syntax_uid: TransferSyntaxUid | None = None
    ) -> "InstanceStream":
        """Return the same instance with other octets; asked of each image on its way."""
        syntax = transfer_syntax_uid or self.transfer_syntax_uid
        return InstanceStream(self.sop_class_uid, self.sop_instance_uid, syntax, chunks)


class QueryLevel(Enum):
    """Query/Retrieve Level (0008,0052); the value is the wire word."""

    STUDY = "STUDY"
    SERIES = "SERIES"
    IMAGE = "IMAGE"


@dataclass(frozen=True, slots=True)
class DicomQuery:
    """A search: matching keys (tag -> text, DICOM wildcards and ranges), and tags to return.

    Tags are eight upper-case hexadecimal digits. An empty text is universal matching. filters are
    keys that C-FIND does not match as they are, by the path of tags (with dots): several values of
    a CS, attributes in sequences, a time range that belongs to a date range; a PACS is not asked
    for them, what it answers is. asked are those of returned that the caller named. offset and
    limit count matches.
    """

    level: QueryLevel
    matching: Mapping[str, str]
    returned: tuple[str, ...] = ()
    limit: int | None = None
    filters: Mapping[str, str] = field(default_factory=dict)
    asked: tuple[str, ...] = ()
    offset: int = 0


@dataclass(frozen=True, slots=True)
class MatchPage:
    """Some of the matches of a search; total counts all of them."""

    rows: tuple[DicomJson, ...]
    total: int
