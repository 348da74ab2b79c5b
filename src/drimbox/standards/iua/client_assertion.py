"""private_key_jwt: a client proves itself by a signed assertion that serves once (RFC 7523 2.2)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from drimbox.standards.iua.jwks import PublicKeys, SigningKey
from drimbox.standards.iua.signed_token import (
    CLOCK_SKEW,
    TokenShape,
    parse_signed_token,
    peek_issuer,
    refuse,
    sign_token,
)

CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("ES384", "ES256", "PS256", "PS384", "RS256", "RS384")
MAX_LIFETIME = timedelta(minutes=5)
MAX_ASSERTION_BYTES = 24 * 1024
_MAX_JTI_LENGTH = 256
# Clients with an IGC-Santé key send its chain along (x5c); it is not looked at, but has to fit.
_SHAPE = TokenShape(
    types=frozenset({None, "jwt", "client-authentication+jwt"}),
    algorithms=ALGORITHMS,
    max_header_bytes=16 * 1024,
    max_token_bytes=MAX_ASSERTION_BYTES,
)


@dataclass(frozen=True, slots=True, repr=False)
class ClientAssertion:
    """An assertion that holds; identifier (jti) is to be used up by the caller until expires_at.

    expires_at includes the clock skew that we allow.
    """

    client_id: str
    identifier: str
    expires_at: datetime


def claimed_client_id(text: str) -> str | None:
    """Return who the assertion says it comes from, to find that client's keys."""
    return peek_issuer(text, MAX_ASSERTION_BYTES)


def parse_client_assertion(
    text: str, keys: PublicKeys, *, client_id: str, audiences: Collection[str], now: datetime
) -> ClientAssertion:
    """Return the assertion if this client signed it, for us, for five minutes at most.

    audiences are the names of ours, compared character for character; the assertion names one of
    them and nobody else.

    Raises:
        NotAuthenticated: anything else.
    """
    claims = parse_signed_token(text, keys, _SHAPE)
    claims.check_issuer(client_id)
    if claims.text("sub") != client_id:
        refuse("iss and sub differ")
    if len(claims.audience) != 1 or claims.audience[0] not in audiences:
        refuse("for another audience")
    claims.check_time(now)
    expires_at = claims.instant("exp")
    if expires_at > now + MAX_LIFETIME + CLOCK_SKEW:
        refuse("valid for more than five minutes")
    identifier = claims.text("jti")
    if len(identifier) > _MAX_JTI_LENGTH:
        refuse("jti too long")
    return ClientAssertion(client_id, identifier, expires_at + CLOCK_SKEW)


def encode_client_assertion(
    key: SigningKey, *, client_id: str, audience: str, identifier: str, now: datetime
) -> str:
    """Sign an assertion of our own, for one minute."""
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": identifier,
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(minutes=1)).timestamp()),
    }
    return sign_token(claims, key, token_type="JWT")  # noqa: S106 - a media type
