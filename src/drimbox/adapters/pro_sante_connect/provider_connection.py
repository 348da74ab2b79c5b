"""HTTP towards an OpenID provider: authlib's client on one bounded, pooled transport.

Every wait and every size has a limit; nothing is inflated, redirected or proxied. What goes wrong
comes out as Unavailable or TimedOut (worth another try) or RejectedByPartner (not).
"""

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuthError

from drimbox.errors import NotAuthenticated, RejectedByPartner, TimedOut, Unavailable
from drimbox.settings.partners import OpenIdProviderSettings, TlsFiles
from drimbox.settings.renewed import Renewed

PARTNER = "Pro Santé Connect"
CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
TOTAL_SECONDS = 20.0
MAX_ANSWER_BYTES = 256 * 1024
_TIMEOUT = httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
_LIMITS = httpx2.Limits(max_connections=20, max_keepalive_connections=10, keepalive_expiry=30)
_OAUTH_CODES = frozenset(
    {
        "access_denied",
        "invalid_client",
        "invalid_request",
        "invalid_scope",
        "unauthorized_client",
        "unsupported_grant_type",
    }
)


class _BoundedTransport(httpx2.AsyncBaseTransport):
    """A pool of connections that outlives authlib's clients, with a limit on each answer.

    A pool belongs to one certificate. That of the former one stays until the next renewal, long
    after its last call has ended: no call takes more than TOTAL_SECONDS.
    """

    def __init__(self, contexts: Renewed[ssl.SSLContext]) -> None:
        self._contexts = contexts
        self._context = contexts.current
        self._pool = _pool(self._context)
        self._former: httpx2.AsyncHTTPTransport | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        pool = await self._pool_of_today()
        response = await pool.handle_async_request(request)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            await response.aclose()
            raise httpx2.DecodingError("an encoded answer was not asked for", request=request)
        if not isinstance(response.stream, httpx2.AsyncByteStream):
            raise httpx2.ReadError("not a stream", request=request)
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=_BoundedStream(response.stream),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Do nothing when a client of one call ends; close_pool ends the pool."""

    async def close_pool(self) -> None:
        await self._pool.aclose()
        if self._former is not None:
            await self._former.aclose()

    async def _pool_of_today(self) -> httpx2.AsyncHTTPTransport:
        context = self._contexts.current
        if context is not self._context:
            outlived, self._former = self._former, self._pool
            self._context, self._pool = context, _pool(context)
            if outlived is not None:
                await outlived.aclose()
        return self._pool


def _pool(context: ssl.SSLContext) -> httpx2.AsyncHTTPTransport:
    return httpx2.AsyncHTTPTransport(verify=context, trust_env=False, limits=_LIMITS)


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        async for chunk in self._inner:
            received += len(chunk)
            if received > MAX_ANSWER_BYTES:
                raise httpx2.ReadError("the answer is larger than 256 KiB")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


class ProviderConnection:
    """One provider, one pool; tls follows the files of our certificate."""

    def __init__(self, settings: OpenIdProviderSettings, *, redirect_uri: str) -> None:
        self._settings = settings
        self._redirect_uri = redirect_uri
        self._secret = _read_secret(settings.client_secret_file)
        tls = settings.tls
        self.tls = Renewed(tls.every_file if tls else (), lambda: _tls_context(tls))
        self._transport = _BoundedTransport(self.tls)

    @property
    def is_mutual_tls(self) -> bool:
        """Whether our certificate proves who we are (RFC 8705 2.1)."""
        return self._settings.tls is not None

    def client(self) -> AsyncOAuth2Client:
        """Return an authlib client for one call: it keeps the last token, so none is shared.

        Without a secret it sends client_id alone; the certificate is the proof.
        """
        return AsyncOAuth2Client(
            client_id=self._settings.client_id,
            client_secret=self._secret,
            token_endpoint_auth_method="client_secret_basic" if self._secret else "none",
            scope=self._settings.scope,
            redirect_uri=self._redirect_uri,
            transport=self._transport,
            timeout=_TIMEOUT,
            trust_env=False,
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )

    async def get_json(self, url: str, *, bearer: str | None = None) -> dict[str, Any]:
        """GET one JSON object.

        Raises:
            NotAuthenticated: 401 or 403.
            RejectedByPartner: another 4xx, or no JSON object.
            Unavailable: no answer, or 5xx.
        """
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        async with translated():
            response = await self.client().request(
                "GET", url, withhold_token=True, auth=None, headers=headers
            )
        return read_json(response)

    async def close(self) -> None:
        await self._transport.close_pool()


def read_json(response: httpx2.Response) -> dict[str, Any]:
    """Return the object of an answer that is 200; raises as get_json."""
    status = response.status_code
    if status in {401, 403}:
        raise NotAuthenticated(f"{PARTNER} refused ({status})", error="invalid_token")
    if status >= 500:
        raise Unavailable(PARTNER, f"answered {status}")
    try:
        value = json.loads(response.content)
    except (ValueError, RecursionError) as error:
        raise RejectedByPartner(PARTNER, str(status), "no JSON") from error
    if status != 200 or not isinstance(value, Mapping):
        raise RejectedByPartner(PARTNER, str(status))
    return dict(value)


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Turn what httpx2, authlib and the clock raise into our errors; bound the whole call."""
    try:
        with anyio.fail_after(TOTAL_SECONDS):
            yield
    except (TimeoutError, httpx2.TimeoutException) as error:
        raise TimedOut(PARTNER, TOTAL_SECONDS) from error
    except httpx2.HTTPError as error:
        raise Unavailable(PARTNER) from error
    except OAuthError as error:
        # invalid_grant: the code or the refresh token is over; the rest is about our registration.
        if error.error == "invalid_grant":
            raise NotAuthenticated(f"{PARTNER} refused the grant") from None
        code = error.error if error.error in _OAUTH_CODES else "error"
        raise RejectedByPartner(PARTNER, code) from None
    except ValueError as error:
        raise RejectedByPartner(PARTNER, "no JSON") from error


def _read_secret(file: Path | None) -> str | None:
    return None if file is None else file.read_text("utf-8").strip()


def _tls_context(files: TlsFiles | None) -> ssl.SSLContext:
    if files is None:
        return ssl.create_default_context()
    context = ssl.create_default_context(cafile=str(files.ca_file))
    context.load_cert_chain(str(files.certificate_file), str(files.key_file))
    return context
