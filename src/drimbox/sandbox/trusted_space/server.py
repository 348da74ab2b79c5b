"""Serves the signed white list and the CRL, as ANS and IGC-Santé publish them (EC-4)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiohttp import web

from drimbox.model.access import Peer
from drimbox.sandbox.trusted_space.pki import Issued, TestPki
from drimbox.sandbox.trusted_space.white_list import sign_white_list

_CRL_SIGNED_EVERY = timedelta(days=1)


class SandboxTrustedSpace:
    """The white list of these peers, and the CRL of this PKI.

    The list is signed anew at each publication; the CRL as soon as something else is revoked, and
    each day. Whoever has the newest CRL already is told so (304).
    """

    def __init__(self, pki: TestPki, signer: Issued, peers: Sequence[Peer]) -> None:
        self._pki = pki
        self._signer = signer
        self._runner: web.AppRunner | None = None
        self._base_url = ""
        self._list = b""
        self._crl = _SignedCrl(b"", frozenset(), datetime.min.replace(tzinfo=UTC))
        self.publish(peers)

    def publish(self, peers: Sequence[Peer], *, generated_at: datetime | None = None) -> None:
        """Sign and serve a list of these peers from now on."""
        at = generated_at or datetime.now(UTC)
        self._list = sign_white_list(peers, self._signer, generated_at=at)

    @property
    def white_list_url(self) -> str:
        return f"{self._base_url}/liste-blanche.xml"

    @property
    def crl_url(self) -> str:
        return f"{self._base_url}/organisations.crl"

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes a free one."""
        app = web.Application()
        app.router.add_get("/liste-blanche.xml", self._serve_list)
        app.router.add_get("/organisations.crl", self._serve_crl)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        bound = self._runner.addresses[0][1]
        self._base_url = f"http://{host}:{bound}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve_list(self, request: web.Request) -> web.Response:
        del request
        return web.Response(body=self._list, content_type="application/xml")

    async def _serve_crl(self, request: web.Request) -> web.Response:
        crl = self._newest_crl()
        if any(tag.value == crl.entity_tag for tag in request.if_none_match or ()):
            return web.Response(status=304)
        answer = web.Response(body=crl.content, content_type="application/pkix-crl")
        answer.etag = crl.entity_tag
        return answer

    def _newest_crl(self) -> "_SignedCrl":
        now, revoked = datetime.now(UTC), self._pki.revoked
        if self._crl.revoked != revoked or now - self._crl.signed_at > _CRL_SIGNED_EVERY:
            self._crl = _SignedCrl(self._pki.crl(), revoked, now)
        return self._crl


@dataclass(frozen=True, slots=True)
class _SignedCrl:
    content: bytes
    revoked: frozenset[int]
    signed_at: datetime

    @property
    def entity_tag(self) -> str:
        return hashlib.sha256(self.content).hexdigest()
