"""A credential that did not hold leaves a trace, as every access does (PS3.15 A.5.3.11).

Whoever sends such credentials by the thousand must not fill the trail: so many an hour of one
address are recorded. The log has a line of each in any case.
"""

from dataclasses import dataclass

from drimbox.errors import DrimboxError
from drimbox.model.audit import AuditAction, AuditEvent, AuditOutcome
from drimbox.ports.audit_repository import AuditRepository
from drimbox.ports.clock import Clock
from drimbox.recently_used import RecentlyUsed

UNKNOWN_USER = "unknown"
MAX_OF_AN_ADDRESS = 600
_WINDOW_SECONDS = 3600.0
_MAX_ADDRESSES = 1000


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    """Who is refused where: door is a first path segment; user known only by a signed token."""

    door: str
    source_address: str
    user: str = UNKNOWN_USER
    request_id: str = ""


class RecordRefusal:
    """Records refusals of one listener, within bounds."""

    def __init__(self, audit: AuditRepository, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock
        self._counted = RecentlyUsed[str, tuple[float, int]](_MAX_ADDRESSES)

    async def __call__(self, request: RefusedRequest, error: DrimboxError) -> None:
        """Record a refusal; the error's text never quotes a credential.

        Raises:
            Unavailable: the trail is away.
        """
        if self._count(request.source_address) > MAX_OF_AN_ADDRESS:
            return
        await self._audit.record(
            AuditEvent(
                action=AuditAction.ACCESS_REFUSED,
                outcome=AuditOutcome.MINOR_FAILURE,
                occurred_at=self._clock.now(),
                user=request.user,
                source_address=request.source_address,
                description=f"{request.door}: {error}",
                request_id=request.request_id,
            )
        )

    def _count(self, address: str) -> int:
        now = self._clock.monotonic()
        since, count = self._counted.find(address) or (now, 0)
        if now - since >= _WINDOW_SECONDS:
            since, count = now, 0
        self._counted.keep(address, (since, count + 1))
        return count + 1
