"""Works off the outbox: each lot is sent until the DMP has it, in the order of its study.

claimed ─> made in what is the future now (the clock was set back)? ────> retry when it has come
        ├> sent before and registered already? ─────────────────────────> done
        └> replaced document's entryUUID ─> ITI-41 ─> accepted ─────────> done
                                                    ─> duplicate, equal ─> done
                                                    ─> away ────────────> retry, later dead
                                                    ─> refused ─────────> dead, alert

An outage lets lots wait longer and longer; once the DMP answers again, all of them are due (R2).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from anyio import fail_after

from drimbox.entrypoints.worker.claim_loop import ClaimLoop, Wake
from drimbox.entrypoints.worker.failpoints import Failpoint, Failpoints
from drimbox.entrypoints.worker.retry_delay import RetryDelay
from drimbox.errors import (
    Conflict,
    DrimboxError,
    RejectedByPartner,
    TimedOut,
    Unavailable,
    raised_at,
)
from drimbox.model.audit import AuditAction, AuditEvent, AuditOutcome
from drimbox.model.publication import Alert, AlertKind, PublicationJob
from drimbox.model.uids import StudyInstanceUid
from drimbox.ports.audit_repository import AuditRepository
from drimbox.ports.clock import Clock
from drimbox.ports.dmp import DmpFeeding
from drimbox.ports.outbox import Outbox
from drimbox.ports.study_register import Alerts
from drimbox.settings.partners import PublicationSettings

# An attempt ends before its lease, so that no other worker sends the same lot meanwhile.
_ATTEMPT_SHARE_OF_LEASE = 0.8
# Registries allow for clocks that differ so much.
_AHEAD = timedelta(seconds=60)
# So many attempts in a row without an answer are an outage: a lot that alone is not answered, for
# something of its own, does not make the others come back early, nor they it.
_FAILURES_OF_AN_OUTAGE = 5
_log = structlog.get_logger(__name__)


@dataclass
class _Outage:
    """Whether the DMP is away, as far as this worker has seen.

    One that has just started has seen nothing: lots may wait since an outage of before.
    """

    failures: int = _FAILURES_OF_AN_OUTAGE
    ended_at: datetime | None = None

    def failed(self) -> None:
        self.failures += 1

    def answered(self, now: datetime) -> bool:
        """Note an answer; tell whether it ends an outage."""
        is_end = self.failures >= _FAILURES_OF_AN_OUTAGE
        self.failures = 0
        if is_end:
            self.ended_at = now
        return is_end


@dataclass(frozen=True)
class OutboxWorker:
    """dmp_name is the DMP as the audit trail names it: the address of its repository."""

    outbox: Outbox
    dmp: DmpFeeding
    alerts: Alerts
    audit: AuditRepository
    clock: Clock
    settings: PublicationSettings
    delay: RetryDelay
    dmp_name: str
    wake: Wake = field(default_factory=Wake)
    failpoints: Failpoints = field(default_factory=Failpoints)
    _outage: _Outage = field(default_factory=_Outage, init=False)

    async def run(self) -> None:
        """Run until cancelled."""
        loop = ClaimLoop[PublicationJob](
            name="outbox",
            claim=lambda: self.outbox.claim(self.clock.now(), self.settings.lease_seconds),
            work=self._work,
            release=lambda job: self.outbox.mark_retry(job.job_id, self.clock.now(), "stopped"),
            max_in_flight=self.settings.lots_at_once,
            wake=self.wake,
        )
        await loop.run()

    async def _work(self, job: PublicationJob) -> None:
        if job.created_at - self.clock.now() > _AHEAD:
            await self._wait_for_its_time(job)
            return
        began = self.clock.now()
        try:
            description = await self._send_in_time(job)
        except (RejectedByPartner, Conflict) as error:
            await self._give_up(job, AlertKind.DMP_REFUSED, str(error))
            await self._note_answer()
        except DrimboxError as error:
            if isinstance(error, Unavailable):
                self._outage.failed()
            await self._wait(job, error, began)
        except Exception as error:  # noqa: BLE001 - a defect here must not stop the other jobs
            kind = type(error).__name__
            where = raised_at(error)
            _log.error("defect", worker="outbox", job_id=job.job_id, error=kind, where=where)
            await self._wait(job, Unavailable("DMP", f"could not be fed: {kind}"), began)
        else:
            await self._finish(job, description)
            await self._note_answer()

    async def _send_in_time(self, job: PublicationJob) -> str:
        seconds = self.settings.lease_seconds * _ATTEMPT_SHARE_OF_LEASE
        try:
            with fail_after(seconds):
                return await self._send(job)
        except TimeoutError:
            raise TimedOut("DMP", seconds) from None

    async def _send(self, job: PublicationJob) -> str:
        """Bring the lot to the DMP, whatever became of earlier attempts; return what to tell.

        Raises:
            Conflict: the DMP holds something else under this uniqueId.
            Unavailable, RejectedByPartner: as the DMP says.
        """
        # An earlier answer may have been lost. Asked first, because the DMP could refuse a second
        # replacement of the same document before it sees that it holds this very lot.
        if job.attempts > 1 and await self._is_registered(job):
            return "registered by an earlier attempt"
        replaced = await self._find_replaced(job)
        self.failpoints.reach(Failpoint.BEFORE_SEND)
        try:
            await self.dmp.provide(job.submission, replaced_entry_uuid=replaced)
        except Conflict:
            if not await self._is_registered(job):
                raise Unavailable("DMP", "knows this lot but does not show it yet") from None
            return "registered by an earlier attempt"
        self.failpoints.reach(Failpoint.AFTER_SEND_BEFORE_MARK)
        return ""

    async def _is_registered(self, job: PublicationJob) -> bool:
        """Tell whether the DMP holds this very document.

        Raises:
            Conflict: it holds another one under the same uniqueId.
        """
        submission = job.submission
        entry = await self.dmp.find_registered(submission.document_unique_id, submission.identity)
        if entry is None:
            return False
        if (entry.hash_hex or "").lower() != submission.document_hash.lower():
            raise Conflict("the DMP holds another document under the uniqueId of this KOS")
        return True

    async def _find_replaced(self, job: PublicationJob) -> str | None:
        """Look up the entryUUID to replace, now: a replacement before ours changed it.

        None also when the DMP has no such document: then there is nothing to replace.
        """
        submission = job.submission
        if submission.replaces is None:
            return None
        entry = await self.dmp.find_registered(submission.replaces, submission.identity)
        return None if entry is None else entry.entry_uuid

    async def _finish(self, job: PublicationJob, description: str) -> None:
        await self._record(job, AuditOutcome.SUCCESS, description)
        await self.outbox.mark_done(job.job_id, self.clock.now())
        _log.info("kos_published", job_id=job.job_id, attempts=job.attempts)

    async def _note_answer(self) -> None:
        """Let what the outage has made wait for long go on now, lots_at_once at a time."""
        now = self.clock.now()
        if self._outage.answered(now):
            lots = await self.outbox.bring_forward(now)
            _log.info("dmp_is_back", lots=lots)

    async def _wait(self, job: PublicationJob, error: DrimboxError, began: datetime) -> None:
        """Try again later; alarm after a while, give up after days."""
        waited = self.clock.now() - job.created_at
        if waited >= timedelta(seconds=self.settings.give_up_after_seconds):
            await self._give_up(job, AlertKind.DMP_UNAVAILABLE, f"given up: {error}")
            return
        reason = str(error)
        if waited >= timedelta(seconds=self.settings.alarm_after_seconds):
            await self._raise_alert(AlertKind.DMP_UNAVAILABLE, f"publications wait: {reason}", None)
        if reason != job.last_error:  # an outage is one fact, not one at each attempt
            await self._record(job, AuditOutcome.MINOR_FAILURE, reason)
        ended = self._outage.ended_at
        # An attempt of before the end, of which the outage was heard after it, waits no longer.
        attempts = 1 if ended is not None and began <= ended else job.attempts
        until = self.clock.now() + timedelta(seconds=self.delay.seconds(attempts))
        await self.outbox.mark_retry(job.job_id, until, reason)
        _log.warning("publication_waits", job_id=job.job_id, attempts=job.attempts)

    async def _wait_for_its_time(self, job: PublicationJob) -> None:
        """Hold back a lot whose submissionTime, signed with it, a DMP would refuse for good now."""
        now = self.clock.now()
        reason = "made by a clock that was ahead of now, sent when that time has come"
        await self._raise_alert(AlertKind.DMP_UNAVAILABLE, f"publications wait: {reason}", None)
        latest = now + timedelta(seconds=self.settings.last_retry_seconds)
        await self.outbox.mark_retry(job.job_id, min(job.created_at, latest), reason)
        _log.warning("publication_waits", job_id=job.job_id, attempts=job.attempts)

    async def _give_up(self, job: PublicationJob, kind: AlertKind, reason: str) -> None:
        await self._record(job, AuditOutcome.SERIOUS_FAILURE, reason)
        await self._raise_alert(kind, reason, job.study_instance_uid)
        await self.outbox.mark_dead(job.job_id, reason, self.clock.now())
        _log.error("publication_given_up", job_id=job.job_id, attempts=job.attempts)

    async def _raise_alert(
        self, kind: AlertKind, text: str, study: StudyInstanceUid | None
    ) -> None:
        alert = Alert(kind=kind, text=text, raised_at=self.clock.now(), study_instance_uid=study)
        await self.alerts.raise_alert(alert)

    async def _record(self, job: PublicationJob, outcome: AuditOutcome, description: str) -> None:
        """Record before the state moves on: a kill between the two tells it twice, never not."""
        identity = job.submission.identity
        await self.audit.record(
            AuditEvent(
                action=AuditAction.KOS_PUBLISHED,
                outcome=outcome,
                occurred_at=self.clock.now(),
                user=identity.user.identifier,
                user_name=f"{identity.user.family_name} {identity.user.given_name}".strip(),
                destination=self.dmp_name,
                patient_id=identity.patient_id,
                study_instance_uid=job.study_instance_uid,
                document_unique_id=job.submission.document_unique_id,
                description=description,
            )
        )
