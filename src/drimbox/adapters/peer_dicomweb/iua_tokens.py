"""Tokens of Source boxes: the professional's own token exchanged over mutual TLS (RFC 8693).

    POST https://<db>/oauth2/token    subject_token = the professional's Pro Santé Connect token
                                      actor_token   = our word on place, purpose and consent,
                                                      signed with the key of our certificate
    -> a token bound to our certificate, kept until shortly before it ends

One token serves one context at one box: another patient is another consent.
"""

import json
import re
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakValueDictionary

import aiohttp
import anyio
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from drimbox.adapters.peer_dicomweb.peer_connection import PARTNER, PeerConnection
from drimbox.errors import (
    MalformedMessage,
    NotAuthenticated,
    RejectedByPartner,
    SettingsError,
    Unavailable,
)
from drimbox.model.access import ConsultationContext, Peer
from drimbox.model.practice import Structure
from drimbox.ports.clock import Clock, Identifiers
from drimbox.ports.trusted_space import TrustedSpace
from drimbox.recently_used import RecentlyUsed
from drimbox.settings.partners import TlsFiles
from drimbox.settings.renewed import Renewed
from drimbox.standards.iua.assertion import Assertion, encode_assertion
from drimbox.standards.iua.iti71_get_access_token import ACCESS_TOKEN_TYPE, JWT_TYPE, GrantType
from drimbox.standards.iua.iti103_metadata import TOKEN_PATH
from drimbox.standards.iua.iua_extensions import NORMAL_ACCESS, IheIua
from drimbox.standards.iua.jwks import SigningKey, load_certificate_key

SCOPE = "RAD-107"
MAX_ANSWER_BYTES = 64 * 1024
_MAX_KEPT = 2000
_MARGIN = timedelta(seconds=30)
_ERROR_CODE = re.compile(r"[a-z_]{1,40}\Z", re.ASCII)
# b64token of RFC 6750 2.1.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,8192}=*\Z", re.ASCII)

# The box, the context and the professional; scope and certificate are the same for all of ours.
_Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True, repr=False)
class _Credentials:
    certificate_der: bytes
    key: SigningKey


@dataclass(frozen=True, slots=True, repr=False)
class _Kept:
    """certificate_der is that which the token is bound to."""

    token: str
    serves_until: datetime
    certificate_der: bytes


class IuaTokens:
    """Implements ports.peer_tokens.PeerTokens for boxes that give tokens of their own."""

    def __init__(
        self,
        connection: PeerConnection,
        client: TlsFiles,
        trusted_space: TrustedSpace,
        clock: Clock,
        identifiers: Identifiers,
    ) -> None:
        """Read the key of our certificate.

        Raises:
            SettingsError: it can sign no token.
        """
        self._connection = connection
        self._trusted_space = trusted_space
        self._clock = clock
        self._identifiers = identifiers
        self.credentials = Renewed(
            (client.certificate_file, client.key_file), lambda: _read_credentials(client)
        )
        self._kept = RecentlyUsed[_Key, _Kept](_MAX_KEPT)
        self._asking: WeakValueDictionary[_Key, anyio.Lock] = WeakValueDictionary()

    async def token_for(self, peer: Peer, context: ConsultationContext, access_token: str) -> str:
        """See ports.peer_tokens; whoever else wants the same token waits for it."""
        key = _key_of(peer, context)
        lock = self._asking.setdefault(key, anyio.Lock())
        async with lock:
            kept = self._kept.find(key)
            if kept is None or not self._serves(kept):
                kept = await self._exchange(peer, context, access_token)
                self._kept.keep(key, kept)
        return kept.token

    def forget(self, peer: Peer, context: ConsultationContext) -> bool:
        """See ports.peer_tokens."""
        return self._kept.forget(_key_of(peer, context)) is not None

    def _serves(self, kept: _Kept) -> bool:
        is_bound_to_ours = kept.certificate_der == self.credentials.current.certificate_der
        return is_bound_to_ours and kept.serves_until > self._clock.now()

    async def _exchange(self, peer: Peer, context: ConsultationContext, access_token: str) -> _Kept:
        # Who we are is what the white list says of our certificate, as the other box reads it.
        credentials = self.credentials.current
        own = self._trusted_space.check_peer_certificate(credentials.certificate_der)
        asked_at = self._clock.now()
        form = {
            "grant_type": GrantType.TOKEN_EXCHANGE.value,
            "client_id": own.db_host,
            "subject_token": access_token,
            "subject_token_type": ACCESS_TOKEN_TYPE,
            "actor_token": self._actor_token(own, peer, context, credentials.key),
            "actor_token_type": JWT_TYPE,
            "scope": SCOPE,
        }
        async with self._connection.request(peer, "POST", TOKEN_PATH, form=form) as answer:
            members = await _read_answer(answer)
        lifetime = timedelta(seconds=members["expires_in"])
        serves_until = asked_at + lifetime - min(_MARGIN, lifetime / 4)
        return _Kept(members["access_token"], serves_until, credentials.certificate_der)

    def _actor_token(
        self, own: Peer, peer: Peer, context: ConsultationContext, key: SigningKey
    ) -> str:
        place = _place_of(context)
        actor = Assertion(
            issuer=own.db_host,
            subject=own.db_host,
            identifier=self._identifiers.new_secret(),
            expires_at=self._clock.now(),
            ihe_iua=IheIua(
                subject_name=own.name or own.db_host,
                subject_organization=place.name or None if place else None,
                subject_organization_id=place.identifier if place else None,
                purpose_of_use=(NORMAL_ACCESS,),
            ),
            consent=context.consent,
        )
        audience = f"https://{peer.db_host}{TOKEN_PATH}"
        return encode_assertion(actor, key, audience=audience, now=self._clock.now())


def _read_credentials(client: TlsFiles) -> _Credentials:
    try:
        key = load_certificate_key(client.key_file.read_bytes())
    except MalformedMessage as error:
        raise SettingsError("peer_client.key_file", str(error)) from error
    certificate = x509.load_pem_x509_certificates(client.certificate_file.read_bytes())[0]
    # While one of both files is still the former one, they do not fit together: SSLError.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_cert_chain(client.certificate_file, client.key_file)
    return _Credentials(certificate.public_bytes(Encoding.DER), key)


def _key_of(peer: Peer, context: ConsultationContext) -> _Key:
    if context.professional is None:
        raise NotAuthenticated("nobody has signed in")
    return peer.db_host, context.identifier, context.professional.national_id


def _place_of(context: ConsultationContext) -> Structure | None:
    """Return where the professional consults: the situation chosen, else the only activity."""
    professional, situation = context.professional, context.situation
    places = [a.structure for a in professional.activities] if professional else []
    if situation is None:
        return places[0] if len(places) == 1 else None
    named = (place for place in places if place.identifier == situation.value)
    return next(named, Structure(situation.value, ""))


async def _read_answer(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    """Return the members of a good answer.

    Raises:
        Unavailable: 5xx.
        RejectedByPartner: an OAuth error, no token endpoint, or an answer that cannot be used.
    """
    body = await answer.content.read(MAX_ANSWER_BYTES + 1)
    while len(body) <= MAX_ANSWER_BYTES and (more := await answer.content.read(MAX_ANSWER_BYTES)):
        body += more
    if answer.status >= 500:
        raise Unavailable(PARTNER, f"answered {answer.status} for a token")
    try:
        members = json.loads(body) if len(body) <= MAX_ANSWER_BYTES else None
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict):
        raise RejectedByPartner(PARTNER, str(answer.status), "no token: not a JSON object")
    if answer.status != 200:
        code = members.get("error")
        is_code = isinstance(code, str) and _ERROR_CODE.match(code) is not None
        raise RejectedByPartner(PARTNER, str(code) if is_code else str(answer.status), "no token")
    _check_members(members)
    return members


def _check_members(members: dict[str, Any]) -> None:
    token, seconds = members.get("access_token"), members.get("expires_in")
    is_bearer = str(members.get("token_type", "")).lower() == "bearer"
    is_lasting = isinstance(seconds, int) and not isinstance(seconds, bool) and 0 < seconds < 86400
    if not (is_bearer and is_lasting and isinstance(token, str) and _TOKEN.match(token)):
        raise RejectedByPartner(PARTNER, "200", "no bearer token with its life in the answer")
