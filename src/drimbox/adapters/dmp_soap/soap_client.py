"""One SOAP exchange with the DMP: VIHF, envelope, mutual TLS, limits, and the errors of all that.

body -> envelope + fresh VIHF -> SIMPLE or MTOM -> POST -> status, octets -> envelope -> body
"""

import hashlib
import ssl
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar
from urllib.parse import urlsplit

import aiohttp
import anyio.to_thread
import structlog
from lxml import etree

from drimbox.adapters.dmp_soap.answers import PARTNER, raise_fault
from drimbox.adapters.dmp_soap.establishments import Credentials, Establishments
from drimbox.errors import (
    DrimboxError,
    MalformedMessage,
    Mismatch,
    RejectedByPartner,
    SettingsError,
    TimedOut,
    TooLarge,
    Unavailable,
)
from drimbox.model.publication import DmpIdentity
from drimbox.ports.clock import Clock, Identifiers
from drimbox.settings.partners import DmpSettings
from drimbox.standards.saml.signing_key import NameFormat, SignatureAlgorithm
from drimbox.standards.saml.vihf import VihfProfile, encode_vihf
from drimbox.standards.soap.envelope import (
    MAX_ENVELOPE_BYTES,
    Addressing,
    check_correlation,
    encode_envelope,
    parse_envelope,
)
from drimbox.standards.soap.fault import find_fault
from drimbox.standards.soap.mtom import (
    Attachment,
    PackagedMessage,
    encode_mtom,
    encode_simple,
    parse_message,
)

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
# Larger answers are parsed in a thread: XML of one megabyte holds the loop for 10 ms.
_PARSED_IN_LOOP_BYTES = 256 * 1024
# Without a SOAP body behind, these say that the request itself is refused.
_REFUSED_STATUSES = frozenset({400, 405, 413, 415})
# Long enough for the calls of one consultation, too short to meet a connection the DMP closed.
_KEEPALIVE_SECONDS = 4
T = TypeVar("T")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SoapCall:
    """What to send where; attachments travel beside the body when the call is MTOM."""

    url: str
    action: str
    body: etree._Element
    is_mtom: bool = False
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class SoapAnswer:
    """The element of the answer's body, and the octets beside it."""

    body: etree._Element
    parts: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _HttpAnswer:
    status: int
    content_type: str
    body: bytes


class DmpSoapClient:
    """Speaks to every service of the DMP; close it with aclose."""

    def __init__(
        self,
        settings: DmpSettings,
        *,
        establishments: Establishments,
        clock: Clock,
        identifiers: Identifiers,
    ) -> None:
        """Check the addresses; nothing is opened before the first call.

        Raises:
            SettingsError: an address that is not https (plain http: loopback only).
        """
        for name in ("registry_url", "repository_url", "patients_url"):
            _check_address(f"dmp.{name}", getattr(settings, name))
        self._settings = settings
        self._establishments = establishments
        self._clock = clock
        self._identifiers = identifiers
        self._profile = _vihf_profile(settings)
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def aclose(self) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    def new_uuid(self) -> uuid.UUID:
        """Return a fresh version 4 UUID, made of a fresh secret."""
        digest = hashlib.sha256(self._identifiers.new_secret().encode()).digest()
        return uuid.UUID(bytes=digest[:16], version=4)

    async def call(
        self, call: SoapCall, identity: DmpIdentity, read: Callable[[SoapAnswer], T]
    ) -> T:
        """Send one request in that identity, and return what read makes of the answer.

        read may raise MalformedMessage: the answer then counts as none.

        Raises:
            Unavailable, TimedOut: no answer, none that can be read, or the receiver's fault.
            RejectedByPartner: a fault of ours.
            SettingsError: no certificate for the structure that acts.
        """
        credentials = self._establishments.choose(identity.structure_identifier)
        addressing = Addressing(call.action, f"urn:uuid:{self.new_uuid()}", call.url)
        request = self._package(call, addressing, self._vihf(identity, credentials))
        answer = await self._post(call, request, credentials)

        def unpack() -> T:
            return self._read(answer, addressing, read)

        if len(answer.body) > _PARSED_IN_LOOP_BYTES:
            return await anyio.to_thread.run_sync(unpack)
        return unpack()

    def _vihf(self, identity: DmpIdentity, credentials: Credentials) -> bytes:
        # Identifiant_Structure is the OU of the certificates that prove it.
        return encode_vihf(
            replace(identity, structure_identifier=credentials.identifier),
            self._profile,
            credentials.signing_key,
            assertion_id=f"_{self.new_uuid().hex}",
            issued_at=self._clock.now(),
        )

    def _package(self, call: SoapCall, addressing: Addressing, security: bytes) -> PackagedMessage:
        envelope = encode_envelope(call.body, addressing, security=security)
        if call.is_mtom:
            seed = self.new_uuid().hex
            return encode_mtom(envelope, call.attachments, boundary_seed=seed)
        return encode_simple(envelope)

    async def _post(
        self, call: SoapCall, request: PackagedMessage, credentials: Credentials
    ) -> _HttpAnswer:
        headers = {"Content-Type": request.content_type, "Accept-Encoding": "identity"}
        async with self._partner_errors():
            session = self._session(credentials)
            async with session.post(
                call.url,
                data=request.body,
                headers=headers,
                allow_redirects=False,
                ssl=credentials.tls,
            ) as response:
                if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                    raise MalformedMessage("only identity is asked for", where="Content-Encoding")
                body = await _read_bounded(response, self._limit(call))
                content_type = response.headers.get("Content-Type", "")
                return _HttpAnswer(response.status, content_type, body)

    def _limit(self, call: SoapCall) -> int:
        """Return how many octets an answer may have: documents come with MTOM calls only."""
        limit = self._settings.max_response_bytes
        return limit if call.is_mtom else min(limit, MAX_ENVELOPE_BYTES)

    def _session(self, credentials: Credentials) -> aiohttp.ClientSession:
        """Return the session of one establishment: its connections, each by its certificate."""
        session = self._sessions.get(credentials.identifier)
        if session is None:
            settings = self._settings
            seconds = settings.connect_timeout_seconds + settings.read_timeout_seconds
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(keepalive_timeout=_KEEPALIVE_SECONDS),
                timeout=aiohttp.ClientTimeout(
                    # Bounded as a whole too: a lease of the outbox must outlive it.
                    total=seconds,
                    sock_connect=settings.connect_timeout_seconds,
                    sock_read=settings.read_timeout_seconds,
                ),
                auto_decompress=False,
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
            self._sessions[credentials.identifier] = session
        return session

    def _read(self, answer: _HttpAnswer, request: Addressing, read: Callable[[SoapAnswer], T]) -> T:
        try:
            message = parse_message(answer.content_type, answer.body)
            envelope = parse_envelope(message.root, max_bytes=self._settings.max_response_bytes)
            fault = find_fault(envelope)
            # A proxy on the way may answer a fault that relates to nothing.
            if fault is None and answer.status == 200:
                check_correlation(envelope, request)
                return read(SoapAnswer(envelope.body, dict(message.parts)))
        except (MalformedMessage, TooLarge, Mismatch) as error:
            raise _unreadable(answer.status, error) from error
        if fault is not None:
            raise_fault(fault)
        raise Unavailable(PARTNER, f"answered HTTP {answer.status}")

    @asynccontextmanager
    async def _partner_errors(self) -> AsyncIterator[None]:
        """Translate what the network does to us."""
        seconds = self._settings.read_timeout_seconds
        try:
            yield
        except TimeoutError as error:
            raise TimedOut(PARTNER, seconds) from error
        except (aiohttp.ClientError, ssl.SSLError, OSError) as error:
            _log.info("dmp_unreachable", error=type(error).__name__)
            raise Unavailable(PARTNER, "cannot be reached, or broke off") from error
        except (MalformedMessage, TooLarge) as error:
            raise Unavailable(PARTNER, f"sent what cannot be read: {error}") from error


async def _read_bounded(response: aiohttp.ClientResponse, limit: int) -> bytes:
    received = bytearray()
    async for chunk in response.content.iter_any():
        received += chunk
        if len(received) > limit:
            raise TooLarge(f"answer: at most {limit} octets")
    return bytes(received)


def _unreadable(status: int, error: Exception) -> DrimboxError:
    """Say what an answer without readable SOAP means: by its status when that is an error."""
    if status in _REFUSED_STATUSES:
        return RejectedByPartner(PARTNER, f"HTTP {status}")
    if status != 200:
        return Unavailable(PARTNER, f"answered HTTP {status}")
    return Unavailable(PARTNER, f"sent what cannot be read: {error}")


def _check_address(path: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme != "http" or parts.hostname not in _LOOPBACK:
        raise SettingsError(path, "an https address")


def _vihf_profile(settings: DmpSettings) -> VihfProfile:
    return VihfProfile(
        version=settings.vihf_version,
        issuer_format=NameFormat(settings.issuer_format),
        algorithm=SignatureAlgorithm(settings.signature_algorithm),
        software_name=settings.software_name,
        software_version=settings.software_version,
        homologation_id=settings.homologation_id.get_secret_value(),
        authn_context_class=settings.authn_context_class,
        strong_authn_declaration=settings.air_authn_context_declaration,
    )
