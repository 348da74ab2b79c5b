"""Assertions by others that serve once: a client's, a grant's, an acting box's (RFC 7521, 7523).

    client assertion   iss = sub = the client; proves who asks            RFC 7523 2.2
    authorization      iss = the client, sub = for whom it asks           RFC 7523 2.1
    actor token        iss = sub = the box, signed with the key of its    RFC 8693 2.1
                       client certificate; says the consent collected

All name one audience of ours, live five minutes at most, and carry a jti that the caller uses up.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from drimbox.model.consent import InformationEtOppositionConsultation
from drimbox.standards.iua.iua_extensions import (
    IheIua,
    encode_extensions,
    parse_consent,
    parse_ihe_iua,
)
from drimbox.standards.iua.jwks import PublicKeys, SigningKey
from drimbox.standards.iua.signed_token import (
    CLOCK_SKEW,
    TokenShape,
    parse_signed_token,
    peek_issuer,
    refuse,
    sign_token,
)

ALGORITHMS = ("ES384", "ES256", "PS256", "PS384", "RS256", "RS384")
MAX_LIFETIME = timedelta(minutes=5)
MAX_ASSERTION_BYTES = 24 * 1024
_OWN_LIFETIME = timedelta(minutes=1)
_MAX_TEXT = 256
# Clients with an IGC-Santé key send its chain along (x5c); it is not looked at, but has to fit.
_SHAPE = TokenShape(
    types=frozenset({None, "jwt", "client-authentication+jwt"}),
    algorithms=ALGORITHMS,
    max_header_bytes=16 * 1024,
    max_token_bytes=MAX_ASSERTION_BYTES,
)


@dataclass(frozen=True, slots=True, repr=False)
class Assertion:
    """An assertion that holds; identifier (jti) is to be used up by the caller until expires_at.

    expires_at includes the clock skew that we allow.
    """

    issuer: str
    subject: str
    identifier: str
    expires_at: datetime
    ihe_iua: IheIua | None = None
    consent: InformationEtOppositionConsultation | None = None


def claimed_issuer(text: str) -> str | None:
    """Return who the assertion says it comes from, to find that one's keys."""
    return peek_issuer(text, MAX_ASSERTION_BYTES)


def parse_assertion(
    text: str, keys: PublicKeys, *, issuer: str, audiences: Collection[str], now: datetime
) -> Assertion:
    """Return the assertion if this issuer signed it, for us, for five minutes at most.

    audiences are the names of ours, compared character for character; the assertion names one of
    them and nobody else.

    Raises:
        NotAuthenticated: anything else.
    """
    claims = parse_signed_token(text, keys, _SHAPE)
    claims.check_issuer(issuer)
    if len(claims.audience) != 1 or claims.audience[0] not in audiences:
        refuse("for another audience")
    claims.check_time(now)
    expires_at = claims.instant("exp")
    if expires_at > now + MAX_LIFETIME + CLOCK_SKEW:
        refuse("valid for more than five minutes")
    identifier, subject = claims.text("jti"), claims.text("sub")
    if max(len(identifier), len(subject)) > _MAX_TEXT:
        refuse("jti or sub too long")
    return Assertion(
        issuer=issuer,
        subject=subject,
        identifier=identifier,
        expires_at=expires_at + CLOCK_SKEW,
        ihe_iua=parse_ihe_iua(claims),
        consent=parse_consent(claims),
    )


def encode_assertion(assertion: Assertion, key: SigningKey, *, audience: str, now: datetime) -> str:
    """Sign an assertion of our own, for one minute; its expires_at is not looked at."""
    claims: dict[str, object] = {
        "iss": assertion.issuer,
        "sub": assertion.subject,
        "aud": audience,
        "jti": assertion.identifier,
        "iat": int(now.timestamp()),
        "exp": int((now + _OWN_LIFETIME).timestamp()),
    }
    claims |= encode_extensions(assertion.ihe_iua, assertion.consent)
    return sign_token(claims, key, token_type="JWT")  # noqa: S106 - a media type
