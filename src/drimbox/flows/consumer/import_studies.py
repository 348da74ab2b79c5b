"""Exams of the DMP -> a local PACS or workstation, in the background (CO.60 to CO.79).

    request   consent -> each exam is one of this patient's -> registered, queued; answers at once
    run       one by one: fresh token -> images from their Source (CO.68 checked as they arrive)
              -> Patient ID replaced by the IPP of the call (CO.77) -> C-STORE -> traced

What is queued goes on when its page closes; a restart of the box marks it interrupted.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import anyio

from drimbox.errors import (
    DrimboxError,
    Mismatch,
    NotAuthenticated,
    NotFound,
    Unavailable,
)
from drimbox.flows.consumer.consultation_audit import ConsultationAudit, Trace
from drimbox.flows.consumer.export_stream import ExportStream
from drimbox.flows.consumer.find_prior_studies import FindPriorStudies
from drimbox.flows.consumer.sign_in import UseSession
from drimbox.flows.opened_study import ImageService
from drimbox.model.access import Caller, ConsultationContext
from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.export import Export, ExportFailure, ExportState
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import StudyInstanceUid
from drimbox.ports.clock import Clock, Identifiers
from drimbox.ports.export_register import ExportRegister
from drimbox.ports.pacs import StorageDestination
from drimbox.standards.dicom.outgoing import OutgoingIdentity

MAX_QUEUED = 500
_PARALLEL_EXPORTS = 2
_SECONDS_BETWEEN_COUNTS = 1.0


@dataclass(frozen=True, slots=True)
class _Job:
    """One export with what it takes to do it; session_identifier finds a fresh token."""

    export: Export
    caller: Caller
    context: ConsultationContext
    session_identifier: str | None


@dataclass(frozen=True)
class ImportStudies:
    """destinations are the storage destinations by the name users choose."""

    find_prior_studies: FindPriorStudies
    images: ImageService
    destinations: Mapping[str, StorageDestination]
    exports: ExportRegister
    audit: ConsultationAudit
    clock: Clock
    identifiers: Identifiers
    use_session: UseSession
    _queue: asyncio.Queue[_Job] = field(
        default_factory=lambda: asyncio.Queue(MAX_QUEUED), init=False, repr=False
    )

    @property
    def destination_names(self) -> tuple[str, ...]:
        return tuple(self.destinations)

    async def request(
        self,
        caller: Caller,
        studies: Sequence[StudyInstanceUid],
        destination: str,
        *,
        session_identifier: str | None = None,
    ) -> tuple[Export, ...]:
        """Register and queue one export a study; nothing is queued unless all may be.

        Raises:
            ConsentMissing: opposed, or nobody asked.
            NotFound: no such destination, or an exam that is not this patient's.
            Unavailable: the queue is full.
        """
        context = caller.context
        if context is None:
            raise NotAuthenticated("an export belongs to a contextual call")
        found = [await self.find_prior_studies.get(context, study) for study in studies]
        if destination not in self.destinations:
            raise NotFound("no such export destination")
        if self._queue.qsize() + len(found) > MAX_QUEUED:
            raise Unavailable("export queue", "is full")
        jobs = [
            _Job(
                Export(
                    identifier=self.identifiers.new_secret(),
                    context_identifier=context.identifier,
                    user=caller.subject,
                    study_instance_uid=study.study_instance_uid,
                    destination=destination,
                    total=study.manifest.instance_count,
                    requested_at=self.clock.now(),
                ),
                caller,
                context,
                session_identifier,
            )
            for study in found
        ]
        for job in jobs:
            await self.exports.save(job.export)
            await self._queue.put(job)
        return tuple(job.export for job in jobs)

    async def find(self, context: ConsultationContext) -> tuple[Export, ...]:
        """List the exports of one context, oldest first (CO.61)."""
        return await self.exports.find_of_context(context.identifier)

    async def find_done(self, studies: Sequence[StudyInstanceUid]) -> tuple[Export, ...]:
        """List the finished exports of these exams (CO.79)."""
        return await self.exports.find_done(studies)

    async def count_under_way(self, context_identifiers: Sequence[str]) -> int:
        """Count what is queued or running in these contexts (CO.76, warning at sign-out)."""
        count = 0
        for identifier in context_identifiers:
            exports = await self.exports.find_of_context(identifier)
            count += sum(not export.state.is_over for export in exports)
        return count

    async def run(self) -> None:
        """Do what is queued, until cancelled; called once a process."""
        now = self.clock.now()
        await self.exports.interrupt(now, now)
        async with anyio.create_task_group() as tasks:
            for _ in range(_PARALLEL_EXPORTS):
                tasks.start_soon(self._work)

    async def _work(self) -> None:
        while True:
            job = await self._queue.get()
            try:
                await self._export(job)
            except Exception as error:  # noqa: BLE001  # one export must not end all others
                await self._end(job, _Count(), ExportFailure.INTERRUPTED, type(error).__name__)

    async def _export(self, job: _Job) -> None:
        """Do one export; whatever happens, it ends in a state its user can read."""
        running = replace(job.export, state=ExportState.RUNNING)
        await self.exports.save(running)
        stored = _Count()
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._tell_count, running, stored)
                await self._send(job, stored)
                tasks.cancel_scope.cancel()
        except* DrimboxError as group:
            error = _first(group)
            await self._end(job, stored, _failure_of(error), str(error))
        else:
            await self._end(job, stored, None, "")

    async def _send(self, job: _Job, stored: "_Count") -> None:
        caller = await self._with_fresh_token(job)
        study = job.export.study_instance_uid
        opened = await self.images.open_study(caller, TargetResource(study), None)
        identity = OutgoingIdentity(local_patient_id=job.context.local_patient_id)
        images = ExportStream(opened.retrieve(TargetResource(study), ()), identity)
        destination = self.destinations[job.export.destination]
        try:
            await destination.store(images, on_stored=stored.set)
        except DrimboxError as error:
            if images.source_failure is not None:
                raise images.source_failure from error
            raise _DestinationFailed(error) from error

    async def _with_fresh_token(self, job: _Job) -> Caller:
        """Return the caller with the session's present token; the one of the request without it."""
        if job.session_identifier is None:
            return job.caller
        try:
            session = await self.use_session(job.session_identifier)
        except DrimboxError:
            return job.caller
        return replace(job.caller, access_token=session.access_token)

    async def _tell_count(self, export: Export, stored: "_Count") -> None:
        while True:
            await anyio.sleep(_SECONDS_BETWEEN_COUNTS)
            await self.exports.save(replace(export, stored=stored.value))

    async def _end(
        self, job: _Job, stored: "_Count", failure: ExportFailure | None, description: str
    ) -> None:
        export = job.export
        trace = Trace(
            study=export.study_instance_uid,
            destination=export.destination,
            description=description,
        )
        outcome = AuditOutcome.SERIOUS_FAILURE if failure else AuditOutcome.SUCCESS
        await self.audit.record(AuditAction.IMAGES_EXPORTED, job.context, outcome, trace)
        await self.exports.save(
            replace(
                export,
                state=ExportState.FAILED if failure else ExportState.DONE,
                stored=stored.value,
                finished_at=self.clock.now(),
                failure=failure,
            )
        )


class _Count:
    """How many instances the destination holds."""

    def __init__(self) -> None:
        self.value = 0

    def set(self, value: int) -> None:
        self.value = value


class _DestinationFailed(DrimboxError):
    """The destination, not the Source, is why an export failed."""

    def __init__(self, cause: DrimboxError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _first(group: BaseExceptionGroup[DrimboxError]) -> DrimboxError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def _failure_of(error: DrimboxError) -> ExportFailure:
    if isinstance(error, _DestinationFailed):
        is_away = isinstance(error.cause, Unavailable)
        refused = ExportFailure.DESTINATION_REFUSED
        return ExportFailure.DESTINATION_UNAVAILABLE if is_away else refused
    if isinstance(error, Mismatch):
        return ExportFailure.OTHER_PATIENT
    if isinstance(error, Unavailable):
        return ExportFailure.SOURCE_UNAVAILABLE
    return ExportFailure.SOURCE_REFUSED
