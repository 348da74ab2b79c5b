"""Puts a client certificate into the scope, as the hardened protocol does after a handshake."""

from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass
class WithCertificate:
    app: ASGIApp
    certificate_der: bytes | None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("extensions", {})["tls"] = {"client_cert_der": self.certificate_der}
        await self.app(scope, receive, send)
