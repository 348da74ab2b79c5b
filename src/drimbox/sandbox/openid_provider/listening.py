"""Two sockets for one provider: plain HTTP for browsers on loopback, mutual TLS for machines."""

import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler

from drimbox.sandbox.openid_provider.refusals import MachineRefused

MAX_FORM_BYTES = 64 * 1024


class Listening:
    """Serves one application on both sockets."""

    def __init__(self) -> None:
        self._runner: web.AppRunner | None = None
        self.port = 0
        self.mtls_port: int | None = None

    async def start(
        self,
        app: web.Application,
        *,
        host: str,
        port: int,
        mtls_port: int | None,
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        """Listen; port 0 takes a free one.

        Raises:
            ValueError: mutual TLS without a context that requires client certificates.
        """
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.port = self._runner.addresses[0][1]
        if mtls_port is None:
            return
        if ssl_context is None or ssl_context.verify_mode is not ssl.CERT_REQUIRED:
            raise ValueError("mutual TLS needs a context with CERT_REQUIRED")
        await web.TCPSite(self._runner, host, mtls_port, ssl_context=ssl_context).start()
        self.mtls_port = self._runner.addresses[1][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


@web.middleware
async def answer_refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn MachineRefused into RFC 6749 5.2, or into a challenge where a bearer was wanted."""
    try:
        return await handler(request)
    except MachineRefused as refusal:
        headers = {"Cache-Control": "no-store"}
        if refusal.status == 401:
            kind = "Bearer" if refusal.error == "invalid_token" else "Basic"
            headers["WWW-Authenticate"] = f'{kind} realm="sandbox", error="{refusal.error}"'
        return web.json_response(
            {"error": refusal.error, "error_description": refusal.description},
            status=refusal.status,
            headers=headers,
        )


async def read_form(request: web.Request) -> dict[str, str]:
    """Return the form, each name once.

    Raises:
        MachineRefused: another content type, or a parameter twice (invalid_request).
    """
    if request.content_type != "application/x-www-form-urlencoded":
        raise MachineRefused("invalid_request", "application/x-www-form-urlencoded is required")
    form: dict[str, str] = {}
    for name, value in (await request.post()).items():
        if name in form or not isinstance(value, str):
            raise MachineRefused("invalid_request", f"{name} comes twice")
        form[name] = value
    return form


def bearer_of(request: web.Request) -> str:
    """Return the bearer token.

    Raises:
        MachineRefused: none (401).
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise MachineRefused("invalid_token", "a bearer token is required", status=401)
    return token


def no_store(answer: Mapping[str, object]) -> web.Response:
    """Return JSON that nobody keeps."""
    return web.json_response(dict(answer), headers={"Cache-Control": "no-store"})


RouteTable = Sequence[tuple[str, str, Callable[[web.Request], Awaitable[web.StreamResponse]]]]


def application(routes: RouteTable) -> web.Application:
    """Return an application with these (method, path, handler)."""
    app = web.Application(middlewares=[answer_refusals], client_max_size=MAX_FORM_BYTES)
    for method, path, handler in routes:
        app.router.add_route(method, path, handler)
    return app
