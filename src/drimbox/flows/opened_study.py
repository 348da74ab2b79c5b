"""One study that a caller may see: what the rights left, ready to be read.

Made by flows/source/serve_study.py and flows/consumer/retrieve_study.py once every check passed.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from drimbox.errors import NotFound
from drimbox.flows.whole_copies import HeldInstances
from drimbox.model.access import Caller
from drimbox.model.manifest import Manifest, ReferencedSeries
from drimbox.model.retrieval import DicomQuery, InstanceStream, MatchPage, TargetResource
from drimbox.model.uids import SeriesInstanceUid, TransferSyntaxUid
from drimbox.ports.image_cache import SeriesCopy


@dataclass(frozen=True, slots=True)
class OpenedStudy:
    """The manifest, and the ways to its images.

    retrieve streams a target of this study, asking for these syntaxes, best first (none: as
    stored). open_series gives the local copy of a series, fetched when there is none. Both give
    instances that carry the patient's INS, uncompressed ones in Explicit VR Little Endian.
    find_instances gives the copies of all of a target, held where they are, None unless every one
    is whole and here.
    """

    manifest: Manifest
    retrieve: Callable[[TargetResource, Sequence[TransferSyntaxUid]], AsyncIterator[InstanceStream]]
    open_series: Callable[[SeriesInstanceUid], SeriesCopy]
    find_instances: Callable[[TargetResource], Awaitable[HeldInstances | None]]

    def series(self, uid: SeriesInstanceUid) -> ReferencedSeries:
        """Return one series of the manifest.

        Raises:
            NotFound: the manifest does not name it.
        """
        for series in self.manifest.series:
            if series.series_instance_uid == uid:
                return series
        raise NotFound("no such series in this study")


class ImageService(Protocol):
    """What the DICOMweb door asks of a function of the box (Source or Consommatrice)."""

    async def search(self, caller: Caller, query: DicomQuery) -> MatchPage:
        """Return the page of the matches among what the caller may see.

        Raises:
            Refused, ConsentMissing: a right is missing.
            TooLarge: too many to count; the search must be narrowed.
        """

    async def open_study(
        self, caller: Caller, target: TargetResource, kos_sop_instance_uid: str | None
    ) -> OpenedStudy:
        """Check every right, record the access, return the study.

        Raises:
            InvalidValue: a peer named no KOS.
            Refused, ConsentMissing: a right is missing.
            NotFound: no such study, series or instance for this caller.
        """


def check_in_manifest(manifest: Manifest, target: TargetResource) -> None:
    """Check that the manifest names the series and instance asked for.

    Raises:
        NotFound: it does not; the same as for no such object at all (threat O11).
    """
    if target.series_instance_uid is None:
        return
    wanted = target.sop_instance_uid
    for series in manifest.series:
        if series.series_instance_uid == target.series_instance_uid and (
            wanted is None or any(i.sop_instance_uid == wanted for i in series.instances)
        ):
            return
    raise NotFound("no such series or instance in this study")
