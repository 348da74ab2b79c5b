"""Copies of series on this host's disk: fetched once however many ask, served as they arrive."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from drimbox.model.frames import FrameIndex
from drimbox.model.patient import Ins
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.model.uids import (
    SeriesInstanceUid,
    SopClassUid,
    SopInstanceUid,
    StudyInstanceUid,
    TransferSyntaxUid,
)


class Fidelity(Enum):
    """How a copy was asked for: as its holder keeps it, or lossy syntaxes first (VI-CO.15)."""

    AS_STORED = "as-stored"
    VIEWING = "viewing"


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """Which copy of which series; whether the caller may see it is checked before.

    ins is the patient of whom every image of the copy was found to be, or made to say so: a
    manifest of somebody else that names the same series finds no copy (threat D6).
    """

    study_instance_uid: StudyInstanceUid
    series_instance_uid: SeriesInstanceUid
    ins: Ins | None = None
    fidelity: Fidelity = Fidelity.AS_STORED

    def url(self, base_url: str) -> str:
        """Return the address of the series below that of a DICOMweb service."""
        return f"{base_url}/studies/{self.study_instance_uid}/series/{self.series_instance_uid}"


@dataclass(frozen=True, slots=True)
class CachedInstance:
    """One Part 10 file, whole; data_set_offset is where its data set begins.

    frames tells where its frames are; None for what is no image, or does not tell them apart.
    """

    sop_instance_uid: SopInstanceUid
    sop_class_uid: SopClassUid
    transfer_syntax_uid: TransferSyntaxUid
    path: Path
    data_set_offset: int
    frames: FrameIndex | None = None


@dataclass(frozen=True, slots=True)
class SeriesMetadata:
    """The attributes of every instance, an array of DICOM JSON, gzipped; etag is a weak one."""

    gzipped: bytes
    etag: str


class SeriesStreams(Protocol):
    """A series whose instances can be read, by one reader.

    Every method raises what the retrieval raised, once it is known to have failed.
    """

    def streams(self, uid: SopInstanceUid | None = None) -> AsyncIterator[InstanceStream]:
        """Yield every instance, or this one, as a stream of its data set."""

    def abandon(self) -> None:
        """Take back the opening: its reader has ended, or closed, what streams gave.

        What nobody else has opened is then fetched no further.
        """


class SeriesCopy(SeriesStreams, Protocol):
    """A series that is there, or on its way."""

    @property
    def version(self) -> str | None:
        """Name this very copy, once it is whole, for what is derived from it; None before.

        The same on every worker of the host; another one after the series was fetched anew.
        """

    def hold(self) -> AbstractContextManager[bool]:
        """Keep the files of a whole copy where they are meanwhile; gives False where it is none."""

    async def get_instance(self, uid: SopInstanceUid) -> CachedInstance:
        """Wait until this instance has arrived.

        Raises:
            NotFound: the whole series came without it.
        """

    def instances(self) -> AsyncIterator[CachedInstance]:
        """Yield every instance, in the order of arrival, until the series is whole."""

    async def metadata(self, series_url: str) -> SeriesMetadata | None:
        """Return the metadata of the series, ready to be sent; None while it is on its way.

        series_url is the address below which bulk data will be asked for.

        Raises:
            MalformedMessage: an instance is no data set.
        """

    def metadata_rows(self, series_url: str) -> AsyncIterator[bytes]:
        """Yield the metadata of every instance, a JSON object each, as they arrive.

        Raises:
            MalformedMessage: an instance is no data set.
        """


Retrieve = Callable[[], AsyncIterator[InstanceStream]]
"""Asks whoever holds a series for all of it."""


class ImageCache(Protocol):
    def open_series(self, key: SeriesKey, retrieve: Retrieve) -> SeriesCopy:
        """Return the copy; retrieve is called only when there is none, whole or under way.

        A series that passes (pass_series), on whatever worker, becomes a copy by this.
        """

    def pass_series(self, key: SeriesKey, retrieve: Retrieve) -> SeriesStreams:
        """Return the series without making a copy, unless there is one, or somebody else asks.

        It passes until it is abandoned, which its reader must do, at the end too.
        """

    def is_expected(self, key: SeriesKey) -> bool:
        """Tell whether open_series would retrieve nothing: on any worker, it is here or comes."""

    def find_series(self, key: SeriesKey) -> SeriesCopy | None:
        """Return the copy that is there, whole or under way; none is fetched."""

    def note_demand(self, target: TargetResource) -> bool:
        """Note that this is asked for; tell whether it had been lately, on any worker."""
