"""What an operator watches: how much waits, how much failed, how much happened."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.publication import AlertKind, IntakeState, JobState


@dataclass(frozen=True, slots=True)
class Figures:
    """One moment of the storage that all processes of the box share; what is not there is 0.

    waiting_since is when the oldest lot that the DMP has not yet was made (None: none waits).
    """

    messages: Mapping[IntakeState, int]
    lots: Mapping[JobState, int]
    open_alerts: Mapping[AlertKind, int]
    events: Mapping[tuple[AuditAction, AuditOutcome], int]
    waiting_since: datetime | None


class ReadFigures(Protocol):
    async def __call__(self) -> Figures:
        """Read them.

        Raises:
            Unavailable: the storage does not answer.
        """
