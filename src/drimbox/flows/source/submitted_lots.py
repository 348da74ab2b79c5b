"""What the metadata of the published lots say, read once: a lot never changes, only its state does.

Searches without a patient read hundreds of lots. What is not kept yet is parsed in a thread: all of
them at once would hold the event loop for a fifth of a second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import anyio.to_thread

from drimbox.model.document_entry import DocumentEntry, SubmissionSet
from drimbox.model.publication import Publication
from drimbox.model.uids import SopInstanceUid
from drimbox.recently_used import RecentlyUsed
from drimbox.standards.safe_xml import parse_own_xml
from drimbox.standards.xds.submit_objects import parse_submit_objects

MAX_LOTS = 600
"""Some 10 kB each."""


@dataclass(frozen=True, slots=True)
class SubmittedLot:
    """The entry of the KOS and the lot that carried it, as submitted."""

    entry: DocumentEntry
    submission_set: SubmissionSet


class SubmittedLots:
    """Lots by the UID of their KOS, the least recently used forgotten first."""

    def __init__(self, *, max_lots: int = MAX_LOTS) -> None:
        self._kept = RecentlyUsed[SopInstanceUid, SubmittedLot](max_lots)

    async def read(
        self, publications: Sequence[Publication]
    ) -> Mapping[SopInstanceUid, SubmittedLot]:
        """Return the lots by their KOS; one whose metadata do not speak of it is left out."""
        asked = [p.kos_sop_instance_uid for p in publications]
        kept = {kos: self._kept.find(kos) for kos in asked}
        found = {kos: lot for kos, lot in kept.items() if lot is not None}
        missing = [p for p in publications if p.kos_sop_instance_uid not in found]
        if missing:
            parsed = await anyio.to_thread.run_sync(_parse_all, missing)
            for kos, lot in parsed.items():
                self._kept.keep(kos, lot)
            found |= parsed
        return found


def _parse_all(publications: Sequence[Publication]) -> dict[SopInstanceUid, SubmittedLot]:
    lots = ((p.kos_sop_instance_uid, _parse(p)) for p in publications)
    return {kos: lot for kos, lot in lots if lot is not None}


def _parse(publication: Publication) -> SubmittedLot | None:
    submitted = parse_submit_objects(parse_own_xml(publication.metadata))
    kos = publication.kos_sop_instance_uid
    entry = next((e for e in submitted.entries.values() if e.unique_id == kos), None)
    return None if entry is None else SubmittedLot(entry, submitted.submission_set)
