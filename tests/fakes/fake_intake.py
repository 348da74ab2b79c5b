"""Received messages in memory."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from drimbox.errors import Unavailable
from drimbox.model.publication import IntakeState, ReceivedMessage

_WAITING = (IntakeState.PENDING, IntakeState.RETRY, IntakeState.PROCESSING)


@dataclass
class FakeIntake:
    """Keeps messages in the order they came; is_away makes each write fail, as a full disk does."""

    messages: dict[str, ReceivedMessage] = field(default_factory=dict)
    due_at: dict[int, datetime] = field(default_factory=dict)
    is_away: bool = False

    async def keep(self, key: str, content: bytes, received_at: datetime) -> bool:
        if self.is_away:
            raise Unavailable("storage")
        if key in self.messages:
            return False
        message_id = len(self.messages) + 1
        self.messages[key] = ReceivedMessage(
            message_id, key, content, received_at, IntakeState.PENDING, attempts=0
        )
        self.due_at[message_id] = received_at
        return True

    async def claim(self, now: datetime, lease_seconds: float) -> ReceivedMessage | None:
        for key, message in self.messages.items():
            if message.state in _WAITING and self.due_at[message.message_id] <= now:
                claimed = replace(
                    message, state=IntakeState.PROCESSING, attempts=message.attempts + 1
                )
                self.messages[key] = claimed
                self.due_at[message.message_id] = now + timedelta(seconds=lease_seconds)
                return claimed
        return None

    async def postpone(self, message_id: int, until: datetime, reason: str) -> None:
        self.end(message_id, IntakeState.RETRY, reason)
        self.due_at[message_id] = until

    def end(self, message_id: int, state: IntakeState, reason: str | None = None) -> None:
        """Set the state of a message, as StudyRegister.conclude does."""
        for key, message in self.messages.items():
            if message.message_id == message_id:
                self.messages[key] = replace(message, state=state, last_error=reason)
