"""Has what is over erased, every hour."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from anyio import sleep

from drimbox.errors import Unavailable
from drimbox.ports.clock import Clock

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class PurgeWorker:
    """purge erases all that is over at an instant; several hosts may do so at once."""

    purge: Callable[[datetime], Awaitable[None]]
    clock: Clock
    period_seconds: float = 3600

    async def run(self) -> None:
        """Run until cancelled; the first purge comes at once."""
        while True:
            try:
                await self.purge(self.clock.now())
            except Unavailable as error:
                _log.warning("storage away", worker="purge", reason=error.partner)
            await sleep(self.period_seconds)
