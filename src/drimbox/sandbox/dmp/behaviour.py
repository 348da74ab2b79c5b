"""How the stand-in misbehaves when a test asks it to (reliability R2, R3)."""

from dataclasses import dataclass
from enum import Enum


class Mode(Enum):
    """What happens to requests; the value is the word of POST /sandbox/mode."""

    NORMAL = "normal"
    REFUSE = "refuse"
    BLACKHOLE = "blackhole"
    SLOW = "slow"
    HTTP_500 = "http500"
    SOAP_FAULT = "soap-fault"
    REGISTRY_BUSY = "registry-busy"
    REJECT = "reject"
    RESET_AFTER_SUCCESS = "reset-after-success"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A mode, for how many requests (None: until told otherwise), and a delay before each answer.

    REFUSE drops the connection unread; BLACKHOLE never answers; SLOW trickles the answer octet by
    octet; REJECT is a permanent XDSRepositoryError; RESET_AFTER_SUCCESS stores, then drops the
    connection instead of answering.
    """

    mode: Mode = Mode.NORMAL
    requests: int | None = None
    latency_ms: int = 0

    def after_one(self) -> "Behaviour":
        """Return what holds for the next request."""
        if self.requests is None:
            return self
        left = self.requests - 1
        return Behaviour(self.mode, left, self.latency_ms) if left > 0 else Behaviour()
