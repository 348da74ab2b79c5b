"""Exams of the DMP -> a local PACS or workstation, in the background (CO.60 to CO.79).

    request   consent -> each exam is one of this patient's -> registered, queued; answers at once
    run       one by one: fresh token -> images from their Source (CO.68 checked as they arrive)
              -> brought into the transfer syntax of the destination (CO.74, CO.75)
              -> traced -> Patient ID replaced by the IPP of the call (CO.77) -> C-STORE or STOW-RS
              -> traced again, with how it ended

What is queued goes on when its page closes. The process that holds it says so in the register every
few seconds; an export of which nobody says anything any more is shown as interrupted.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

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
from drimbox.flows.consumer.export_syntaxes import ExportSyntaxes
from drimbox.flows.consumer.find_prior_studies import FindPriorStudies
from drimbox.flows.consumer.sign_in import UseSession
from drimbox.flows.opened_study import ImageService
from drimbox.model.access import Caller, ConsultationContext
from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.export import Export, ExportFailure, ExportState
from drimbox.model.export_syntax import ExportSyntax
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import StudyInstanceUid
from drimbox.ports.clock import Clock, Identifiers
from drimbox.ports.export_register import ExportRegister
from drimbox.ports.pacs import StorageDestination
from drimbox.standards.dicom.outgoing import OutgoingIdentity

MAX_QUEUED = 500
GONE_AFTER = timedelta(seconds=60)
_PARALLEL_EXPORTS = 2
_SECONDS_BETWEEN_LOOKS = 1.0
_SAID_EVERY = timedelta(seconds=10)
_LEFT_BEHIND = timedelta(days=1)


@dataclass(slots=True)
class _Job:
    """One export, as last saved, with what it takes to do it.

    stored is how many instances the destination holds now; session_identifier finds a fresh token.
    """

    export: Export
    caller: Caller
    context: ConsultationContext
    session_identifier: str | None
    stored: int = 0

    def set_stored(self, count: int) -> None:
        self.stored = count


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
    syntaxes: ExportSyntaxes
    _queue: asyncio.Queue[_Job] = field(
        default_factory=lambda: asyncio.Queue(MAX_QUEUED), init=False, repr=False
    )
    _under_way: dict[str, _Job] = field(default_factory=dict, init=False, repr=False)
    _saving: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)

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
        syntax: ExportSyntax | None = None,
    ) -> tuple[Export, ...]:
        """Register and queue one export a study; nothing is queued unless all may be.

        syntax is the professional's choice, None for that of destination and modality.

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
                    syntax=syntax,
                ),
                caller,
                context,
                session_identifier,
            )
            for study in found
        ]
        for job in jobs:
            await self._save(job)
        for job in jobs:
            self._under_way[job.export.identifier] = job
            await self._queue.put(job)
        return tuple(job.export for job in jobs)

    async def find(self, context: ConsultationContext) -> tuple[Export, ...]:
        """List the exports of one context, oldest first (CO.61)."""
        return await self._find(context.identifier)

    async def find_usual_destination(self, user: str) -> str | None:
        """Return where this professional exported to last, where that can still be (CO.62)."""
        last = await self.exports.find_last_of_user(user)
        return last.destination if last and last.destination in self.destinations else None

    async def find_done(self, studies: Sequence[StudyInstanceUid]) -> tuple[Export, ...]:
        """List the finished exports of these exams (CO.79)."""
        return await self.exports.find_done(studies)

    async def count_under_way(self, context_identifiers: Sequence[str]) -> int:
        """Count what is queued or running in these contexts (CO.76, warning at sign-out)."""
        count = 0
        for identifier in context_identifiers:
            exports = await self._find(identifier)
            count += sum(not export.state.is_over for export in exports)
        return count

    async def run(self) -> None:
        """Do what is queued, until cancelled; called once a process."""
        now = self.clock.now()
        await self.exports.interrupt(now - _LEFT_BEHIND, now)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._say_what_is_under_way)
            for _ in range(_PARALLEL_EXPORTS):
                tasks.start_soon(self._work)

    async def _find(self, context_identifier: str) -> tuple[Export, ...]:
        now = self.clock.now()
        found = await self.exports.find_of_context(context_identifier)
        return tuple(_interrupted(e) if _is_gone(e, now) else e for e in found)

    async def _work(self) -> None:
        while True:
            job = await self._queue.get()
            try:
                await self._export(job)
            except Exception as error:  # noqa: BLE001  # one export must not end all others
                # With neither trail nor register, its users see it interrupted after GONE_AFTER.
                with suppress(DrimboxError):
                    await self._end(job, ExportFailure.INTERRUPTED, type(error).__name__)

    async def _export(self, job: _Job) -> None:
        """Do one export; whatever happens, it ends in a state its user can read."""
        await self._save(job, state=ExportState.RUNNING)
        try:
            await self._send(job)
        except DrimboxError as error:
            await self._end(job, _failure_of(error), str(error))
        else:
            await self._end(job, None, "")

    async def _send(self, job: _Job) -> None:
        caller = await self._with_fresh_token(job)
        study = job.export.study_instance_uid
        opened = await self.images.open_study(caller, TargetResource(study), None)
        identity = OutgoingIdentity(local_patient_id=job.context.local_patient_id)
        images = ExportStream(
            self.syntaxes.apply(
                opened.retrieve(TargetResource(study), ()),
                opened.manifest,
                job.export.destination,
                job.export.syntax,
            ),
            identity,
        )
        destination = self.destinations[job.export.destination]
        await self._trace(job, AuditAction.IMAGES_EXPORT_BEGUN, AuditOutcome.SUCCESS)
        try:
            await destination.store(images, on_stored=job.set_stored)
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

    async def _say_what_is_under_way(self) -> None:
        while True:
            await anyio.sleep(_SECONDS_BETWEEN_LOOKS)
            for job in tuple(self._under_way.values()):
                seen_at = job.export.seen_at
                is_due = seen_at is None or abs(self.clock.now() - seen_at) >= _SAID_EVERY
                if is_due or job.stored != job.export.stored:
                    # Said again at the next look: a register that is away ends no export.
                    with suppress(Unavailable):
                        await self._save(job)

    async def _end(self, job: _Job, failure: ExportFailure | None, description: str) -> None:
        outcome = AuditOutcome.SERIOUS_FAILURE if failure else AuditOutcome.SUCCESS
        self._under_way.pop(job.export.identifier, None)
        await self._trace(job, AuditAction.IMAGES_EXPORTED, outcome, description)
        job.export = replace(job.export, finished_at=self.clock.now(), failure=failure)
        await self._save(job, state=ExportState.FAILED if failure else ExportState.DONE)

    async def _trace(
        self, job: _Job, action: AuditAction, outcome: AuditOutcome, description: str = ""
    ) -> None:
        trace = Trace(
            study=job.export.study_instance_uid,
            destination=job.export.destination,
            description=description,
        )
        await self.audit.record(action, job.context, outcome, trace)

    async def _save(self, job: _Job, *, state: ExportState | None = None) -> None:
        """Save a job as it is now, one after the other: the last state stays."""
        async with self._saving:
            saved = replace(
                job.export,
                state=state or job.export.state,
                stored=job.stored,
                seen_at=self.clock.now(),
            )
            await self.exports.save(saved)
            job.export = saved


class _DestinationFailed(DrimboxError):
    """The destination, not the Source, is why an export failed."""

    def __init__(self, cause: DrimboxError) -> None:
        super().__init__(str(cause))
        self.cause = cause


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


def _is_gone(export: Export, now: datetime) -> bool:
    last_sign = export.seen_at or export.requested_at
    # Either way: a sign of the future was given before the clock was set back.
    return not export.state.is_over and abs(now - last_sign) >= GONE_AFTER


def _interrupted(export: Export) -> Export:
    return replace(export, state=ExportState.FAILED, failure=ExportFailure.INTERRUPTED)
