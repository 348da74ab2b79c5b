"""What local systems find and get of the exams kept here (CO.72), never from a Source.

    find      exams kept -> series whose copy is whole, nothing lost -> matches, under the IPP
    retrieve  the same matches at IMAGE level -> their files -> Patient ID replaced (CO.77)

Who may ask is the door's to know; both are traced under the AE title that asked.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from drimbox.errors import NotFound
from drimbox.flows.consumer.study_copies import StudyCopies
from drimbox.model.audit import AuditAction, AuditEvent, AuditOutcome
from drimbox.model.kept_exam import KeptExam
from drimbox.model.retrieval import DicomJson, DicomQuery, InstanceStream
from drimbox.model.uids import SopInstanceUid
from drimbox.ports.audit_repository import AuditRepository
from drimbox.ports.clock import Clock
from drimbox.ports.image_cache import ImageCache, SeriesCopy, SeriesKey
from drimbox.ports.kept_exams import KeptExams
from drimbox.standards.dicom.outgoing import OutgoingIdentity, outgoing_instance
from drimbox.standards.dicomweb.manifest_matches import INSTANCE_UID, find_in_manifests, tags_told


@dataclass(frozen=True, slots=True)
class LocalCaller:
    """Who asks: its AE title and the address it calls from."""

    ae_title: str
    address: str


@dataclass(frozen=True, slots=True)
class KeptInstances:
    """What a retrieval gives: which, and each as it leaves."""

    uids: frozenset[SopInstanceUid]
    instances: AsyncIterator[InstanceStream]


@dataclass(frozen=True, slots=True)
class _Available:
    """An exam with the series of it that are here."""

    exam: KeptExam
    copies: tuple[SeriesCopy, ...]


@dataclass(frozen=True, slots=True)
class ServeKeptExams:
    kept: KeptExams
    cache: ImageCache
    audit: AuditRepository
    clock: Clock

    async def find(self, caller: LocalCaller, query: DicomQuery) -> tuple[DicomJson, ...]:
        """Return the matches (C-FIND); keys that no manifest tells match everything.

        Raises:
            Unavailable: the exams, or the audit trail, cannot be reached.
        """
        available = await self._available()
        manifests = [one.exam.local_manifest for one in available]
        await self._record(caller, AuditAction.LOCAL_EXAMS_QUERIED)
        told = tags_told(query.level)
        # Optional keys that are not supported are not looked at (PS3.4 C.2.2.1.3).
        matching = {tag: text for tag, text in query.matching.items() if tag in told}
        return find_in_manifests(manifests, replace(query, matching=matching)).rows

    async def retrieve(
        self, caller: LocalCaller, query: DicomQuery, destination: str
    ) -> KeptInstances:
        """Return the instances that match at IMAGE level (C-MOVE).

        Raises:
            NotFound: nothing that is here matches.
            Unavailable: the exams, or the audit trail, cannot be reached.
        """
        wanted: list[tuple[_Available, frozenset[SopInstanceUid]]] = []
        for one in await self._available():
            rows = find_in_manifests([one.exam.local_manifest], query).rows
            if rows:
                await self._record(caller, AuditAction.IMAGES_EXPORTED, one.exam, destination)
                wanted.append((one, frozenset(_sop_instance_uid(row) for row in rows)))
        if not wanted:
            raise NotFound("no such exam is kept here")
        return KeptInstances(
            frozenset[SopInstanceUid]().union(*(u for _, u in wanted)), _instances(wanted)
        )

    async def _available(self) -> list[_Available]:
        """Return the exams kept here, each with only the series that are."""
        found = []
        for exam in await self.kept.find(self.clock.now()):
            manifest = exam.manifest
            copies = StudyCopies(self.cache, manifest, exam.ins, _from_nowhere)
            here = [
                (series, copy)
                for series in manifest.series
                if (copy := await copies.find_kept(series.series_instance_uid)) is not None
            ]
            if here:
                series = tuple(one for one, _ in here)
                reduced = replace(exam, manifest=replace(manifest, series=series))
                found.append(_Available(reduced, tuple(copy for _, copy in here)))
        return found

    async def _record(
        self,
        caller: LocalCaller,
        action: AuditAction,
        exam: KeptExam | None = None,
        destination: str = "",
    ) -> None:
        await self.audit.record(
            AuditEvent(
                action=action,
                outcome=AuditOutcome.SUCCESS,
                occurred_at=self.clock.now(),
                user=caller.ae_title,
                source_address=caller.address,
                destination=destination,
                patient_id=exam.ins.xds_patient_id if exam else None,
                study_instance_uid=exam.manifest.study_instance_uid if exam else None,
            )
        )


async def _instances(
    wanted: list[tuple[_Available, frozenset[SopInstanceUid]]],
) -> AsyncIterator[InstanceStream]:
    for available, uids in wanted:
        identity = OutgoingIdentity(local_patient_id=available.exam.local_patient_id)
        for copy in available.copies:
            async for instance in copy.instances():
                if instance.sop_instance_uid in uids:
                    async for stream in copy.streams(instance.sop_instance_uid):
                        yield outgoing_instance(stream, identity)


def _sop_instance_uid(row: DicomJson) -> SopInstanceUid:
    values = row[INSTANCE_UID]["Value"]
    assert isinstance(values, list)  # noqa: S101 - what find_in_manifests makes
    return SopInstanceUid(values[0])


def _from_nowhere(key: SeriesKey) -> AsyncIterator[InstanceStream]:
    raise NotFound(f"a series that is not here: {key.series_instance_uid}")
