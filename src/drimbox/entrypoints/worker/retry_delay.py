"""How long to wait before the next attempt: exponential, with full jitter."""

from collections.abc import Callable
from dataclasses import dataclass

from drimbox.settings.partners import PublicationSettings

_MAX_DOUBLINGS = 20
_SHORTEST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class RetryDelay:
    """random gives numbers in [0, 1), so that those who failed together do not return together."""

    settings: PublicationSettings
    random: Callable[[], float]

    def seconds(self, attempts: int) -> float:
        """Draw between nothing and the ceiling, which doubles with each attempt (from 1)."""
        doublings = min(max(attempts - 1, 0), _MAX_DOUBLINGS)
        ceiling = min(
            self.settings.first_retry_seconds * 2.0**doublings, self.settings.last_retry_seconds
        )
        return max(ceiling * self.random(), min(_SHORTEST_SECONDS, ceiling))
