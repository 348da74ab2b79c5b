"""What one box may ask of the peer listener, a minute and at once (O12): no box waits for another.

A box is known by the subject of its certificate, before anything else is looked at: whoever is not
on the white list, or has no token, is counted too. What is one too many is answered 429 with
Retry-After (RFC 6585 4) at once; nothing is read of it, and nothing is asked of the PACS.
"""

from collections import Counter

import structlog
from cryptography import x509
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from drimbox.entrypoints.http.error_doors import answer_of_door
from drimbox.entrypoints.http.hardened import client_certificate
from drimbox.entrypoints.http.request_limit import RequestLimit, TooManyRequests
from drimbox.ports.clock import Clock
from drimbox.recently_used import RecentlyUsed

_log = structlog.get_logger("peer_limits")
_CERTIFICATES_KNOWN = 1000
_TOLD_A_MINUTE = 1


class PeerLimits:
    """Counts in this process; several workers allow as many times more."""

    def __init__(self, application: ASGIApp, clock: Clock, *, a_minute: int, at_once: int) -> None:
        self._application = application
        self._rate = RequestLimit(clock, a_minute)
        self._at_once = at_once
        self._under_way = Counter[str]()
        self._told = RequestLimit(clock, _TOLD_A_MINUTE)
        self._subjects = RecentlyUsed[bytes, str](_CERTIFICATES_KNOWN)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, and count it until its answer has left."""
        box = self._box_of(scope)
        try:
            self._take(box)
        except TooManyRequests as error:
            self._tell(box)
            answer = answer_of_door(Request(scope), error)
            await answer(scope, receive, send)
            return
        try:
            await self._application(scope, receive, send)
        finally:
            self._under_way[box] -= 1
            if not self._under_way[box]:
                del self._under_way[box]

    def _take(self, box: str) -> None:
        if self._under_way[box] >= self._at_once:
            raise TooManyRequests(1)
        self._rate.take(box)
        self._under_way[box] += 1

    def _tell(self, box: str) -> None:
        try:
            self._told.take(box)
        except TooManyRequests:
            return
        _log.warning("peer_asks_too_much", subject=box)

    def _box_of(self, scope: Scope) -> str:
        der = client_certificate(scope)
        if der is None:
            return ""
        subject = self._subjects.find(der)
        if subject is None:
            # The handshake has verified it: it can be read.
            subject = x509.load_der_x509_certificate(der).subject.rfc4514_string()
            self._subjects.keep(der, subject)
        return subject
