"""Works off the messages of the RIS: each is published, or ends in an alert."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from drimbox.entrypoints.worker.claim_loop import ClaimLoop, Wake
from drimbox.entrypoints.worker.failpoints import Failpoint, Failpoints
from drimbox.entrypoints.worker.retry_delay import RetryDelay
from drimbox.errors import Conflict, DrimboxError, Unavailable, raised_at
from drimbox.model.publication import Alert, AlertKind, ReceivedMessage
from drimbox.ports.clock import Clock
from drimbox.ports.study_register import Alerts, Intake, StudyRegister
from drimbox.settings.partners import PublicationSettings

_CONFLICT_SECONDS = 1.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class IntakeWorker:
    """publish_report ends a message itself (StudyRegister.conclude); what it raises ends here.

    One message at a time by default: messages about one study then keep the order of the RIS.
    """

    intake: Intake
    register: StudyRegister
    alerts: Alerts
    publish_report: Callable[[ReceivedMessage], Awaitable[None]]
    clock: Clock
    settings: PublicationSettings
    delay: RetryDelay
    wake: Wake = field(default_factory=Wake)
    failpoints: Failpoints = field(default_factory=Failpoints)
    max_in_flight: int = 1

    async def run(self) -> None:
        """Run until cancelled."""
        loop = ClaimLoop[ReceivedMessage](
            name="intake",
            claim=lambda: self.intake.claim(self.clock.now(), self.settings.lease_seconds),
            work=self._work,
            release=lambda message: self._postpone(message, 0, "stopped"),
            max_in_flight=self.max_in_flight,
            wake=self.wake,
        )
        await loop.run()

    async def _work(self, message: ReceivedMessage) -> None:
        try:
            await self.publish_report(message)
            self.failpoints.reach(Failpoint.AFTER_COMMIT)
        except Unavailable as error:
            await self._wait_for_partner(message, error)
        except Conflict as error:
            # Another worker ended it, or its study changed meanwhile: read everything again.
            await self._postpone(message, _CONFLICT_SECONDS, str(error))
        except DrimboxError as error:
            await self._stop(message, error)
        except Exception as error:  # noqa: BLE001 - a defect here must not stop the other messages
            await self._report_defect(message, error)

    async def _wait_for_partner(self, message: ReceivedMessage, error: Unavailable) -> None:
        waited = self.clock.now() - message.received_at
        if waited >= timedelta(seconds=self.settings.alarm_after_seconds):
            text = f"reports wait: {error}"
            await self._raise_alert(AlertKind.PACS_UNAVAILABLE, text, None)
        await self._postpone(message, self.delay.seconds(message.attempts), str(error))

    async def _stop(self, message: ReceivedMessage, error: DrimboxError) -> None:
        """End a message that trying again will not help."""
        alert = self._alert(AlertKind.EVENT_NOT_HANDLED, str(error), message.message_id)
        try:
            await self.register.conclude(message.message_id, (), (alert,), self.clock.now())
        except Conflict:
            _log.info("message_concluded_meanwhile", message_id=message.message_id)

    async def _report_defect(self, message: ReceivedMessage, error: Exception) -> None:
        """Keep the message for a corrected version of this program, and tell an operator.

        Only class and place of the exception are told: its text may quote the message.
        """
        kind = type(error).__name__
        _log.error(
            "defect",
            worker="intake",
            message_id=message.message_id,
            error=kind,
            where=raised_at(error),
        )
        text = f"message {message.message_id} could not be read: {kind}"
        await self._raise_alert(AlertKind.EVENT_NOT_HANDLED, text, message.message_id)
        await self._postpone(message, self.delay.seconds(message.attempts), kind)

    async def _postpone(self, message: ReceivedMessage, seconds: float, reason: str) -> None:
        until = self.clock.now() + timedelta(seconds=seconds)
        await self.intake.postpone(message.message_id, until, reason)

    async def _raise_alert(self, kind: AlertKind, text: str, message_id: int | None) -> None:
        await self.alerts.raise_alert(self._alert(kind, text, message_id))

    def _alert(self, kind: AlertKind, text: str, message_id: int | None) -> Alert:
        return Alert(kind=kind, text=text, raised_at=self.clock.now(), message_id=message_id)
