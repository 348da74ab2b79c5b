"""HTTP to one DICOMweb service of the site: what moves images, in both directions.

One session a service, its own trust; a redirection is followed nowhere, nothing is inflated, no
proxy of the environment is used, and every wait is bounded by idle time (decision 3).
"""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp

from drimbox.errors import (
    DrimboxError,
    NotAcceptable,
    NotFound,
    RejectedByPartner,
    SettingsError,
    TimedOut,
    TooLarge,
    Unavailable,
)
from drimbox.settings.partners import DicomwebServiceSettings
from drimbox.settings.renewed import Renewed

_READ_BYTES = 1024 * 1024
_ERROR_OF_STATUS: dict[int, type[DrimboxError]] = {
    404: NotFound,
    406: NotAcceptable,
    410: NotFound,
    413: TooLarge,
}
_HINTS = {
    401: "check user and password_file",
    403: "check the rights of our user at the service",
}


def error_of_status(partner: str, status: int) -> DrimboxError:
    """Return what an answer that is no success means (PS3.18 8.5)."""
    known = _ERROR_OF_STATUS.get(status)
    if known is not None:
        return known(f"{partner} answered {status}")
    if status in {408, 429} or status >= 500:
        return Unavailable(partner, f"answered {status}")
    hint = "redirects elsewhere" if 300 <= status < 400 else _HINTS.get(status, "")
    return RejectedByPartner(partner, str(status), hint)


def _tls_of(settings: DicomwebServiceSettings) -> ssl.SSLContext:
    """Return the trust of this service, with our certificate where one is set.

    Raises:
        SettingsError: a file cannot be used.
    """
    try:
        context = ssl.create_default_context(
            cafile=str(settings.ca_file) if settings.ca_file else None
        )
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.certificate_file is not None:
            context.load_cert_chain(settings.certificate_file, settings.key_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError("dicomweb", f"TLS files cannot be used: {error}") from error
    return context


def _renewed_tls(settings: DicomwebServiceSettings) -> Renewed[ssl.SSLContext]:
    named = (settings.certificate_file, settings.key_file, settings.ca_file)
    try:
        return Renewed([one for one in named if one is not None], lambda: _tls_of(settings))
    except OSError as error:
        raise SettingsError("dicomweb", f"TLS files cannot be used: {error}") from error


def password_of(settings: DicomwebServiceSettings) -> str:
    """Read the password.

    Raises:
        SettingsError: the file cannot be read.
    """
    if settings.password_file is None:
        return ""
    try:
        return settings.password_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError("dicomweb.password_file", str(error)) from error


class ServiceConnection:
    """One service; its session opens with the first request and ends with `close`.

    Its attribute tls follows the files of our certificate.

    Args:
        settings: where it is, and how we prove who we are.
        partner: how errors name it.
        reused_within_seconds: a connection that was idle for longer is not used again. What is no
            GET cannot be sent anew where the service closes it at that very moment.
    """

    def __init__(
        self,
        settings: DicomwebServiceSettings,
        partner: str,
        *,
        reused_within_seconds: float = 15.0,
    ) -> None:
        self.settings = settings
        self.partner = partner
        self._reused_within_seconds = reused_within_seconds
        self.tls = _renewed_tls(settings)
        self._password = password_of(settings)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """End the session."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    @asynccontextmanager
    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: AsyncIterator[bytes] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send one request below the root of the service; its status is the caller's to judge.

        Raises:
            TimedOut: no octet came, or could be sent, for idle_timeout_seconds.
            Unavailable: unreachable, or stopped in the middle.
        """
        try:
            async with self._opened().request(
                method,
                self.settings.url.rstrip("/") + path,
                headers={"Accept-Encoding": "identity", **headers},
                data=body,
                allow_redirects=False,
                ssl=self.tls.current,
            ) as answer:
                try:
                    yield answer
                finally:
                    _leave(answer)
        except TimeoutError:
            # Without its cause: that would carry the address, and with it UIDs.
            raise TimedOut(self.partner, self.settings.idle_timeout_seconds) from None
        except (aiohttp.ClientError, ssl.SSLError, OSError):
            raise Unavailable(self.partner, "is unreachable or stopped") from None

    async def octets_of(self, answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        """Yield the octets of an answer as they come.

        Raises:
            TimedOut: none came for idle_timeout_seconds.
            Unavailable: the answer was broken off.
        """
        # Whoever reads an instance does so out of the sight of `request`.
        try:
            async for chunk in answer.content.iter_any():
                yield chunk
        except TimeoutError:
            raise TimedOut(self.partner, self.settings.idle_timeout_seconds) from None
        except (aiohttp.ClientError, OSError):
            raise Unavailable(self.partner, "broke off its answer") from None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            settings = self.settings
            user = settings.user
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit_per_host=16, keepalive_timeout=self._reused_within_seconds
                ),
                timeout=aiohttp.ClientTimeout(
                    total=None,
                    sock_connect=settings.connect_timeout_seconds,
                    sock_read=settings.idle_timeout_seconds,
                ),
                auth=aiohttp.BasicAuth(user, self._password, "utf-8") if user else None,
                auto_decompress=False,
                trust_env=False,
                read_bufsize=_READ_BYTES,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def _leave(answer: aiohttp.ClientResponse) -> None:
    """Break the connection of an answer that is not read to its end: the service is free at once.

    An orderly end of TLS waits until the next record has come, however slow the network is.
    """
    if answer.connection is not None and answer.connection.transport is not None:
        answer.connection.transport.abort()
