"""Access tokens that we issue: JWT profile of RFC 9068 with the IUA extension (ITI-71, ITI-72).

A token of a consultation context carries the context's random identifier as a private claim: the
patient stays on our side, the INS is never in a token.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from drimbox.errors import NotAuthenticated
from drimbox.model.consent import InformationEtOppositionConsultation
from drimbox.recently_used import RecentlyUsed
from drimbox.standards.iua.iua_extensions import (
    IheIua,
    encode_extensions,
    parse_consent,
    parse_ihe_iua,
)
from drimbox.standards.iua.jwks import PublicKeys, SigningKey
from drimbox.standards.iua.signed_token import (
    CLOCK_SKEW,
    Claims,
    TokenShape,
    parse_signed_token,
    refuse,
    sign_token,
)

ALGORITHMS = ("ES384", "ES256")
CONTEXT_CLAIM = "drimbox_context"
MAX_VERIFIED = 1000
_SHAPE = TokenShape(types=frozenset({"at+jwt"}), algorithms=ALGORITHMS)


class TokenExpired(NotAuthenticated):
    """A token of ours, whole and signed, that was live once.

    Attributes:
        subject: whose it was.
    """

    def __init__(self, subject: str) -> None:
        super().__init__("expired", error="invalid_token")
        self.subject = subject


@dataclass(frozen=True, slots=True, repr=False)
class AccessToken:
    """One access token, read or to be signed.

    certificate_thumbprint is cnf.x5t#S256 (RFC 8705 3.1); context the consultation context; actor
    is act.sub, the box that acts for the subject (RFC 8693 4.1). family_name and given_name are
    the subject's (RFC 9068 2.2.2).
    """

    issuer: str
    subject: str
    client_id: str
    audience: str
    scopes: frozenset[str]
    identifier: str
    issued_at: datetime
    expires_at: datetime
    context: str | None = None
    certificate_thumbprint: str | None = None
    ihe_iua: IheIua | None = None
    consent: InformationEtOppositionConsultation | None = None
    actor: str | None = None
    family_name: str | None = None
    given_name: str | None = None


def encode_access_token(token: AccessToken, key: SigningKey) -> str:
    """Sign the token with our key, typ at+jwt."""
    private = {} if token.context is None else {CONTEXT_CLAIM: token.context}
    return sign_token(public_claims(token) | private, key, token_type="at+jwt")  # noqa: S106


def public_claims(token: AccessToken) -> dict[str, object]:
    """Return the claims that whoever may introspect the token is told too."""
    claims: dict[str, object] = {
        "iss": token.issuer,
        "sub": token.subject,
        "client_id": token.client_id,
        "aud": token.audience,
        "scope": " ".join(sorted(token.scopes)),
        "jti": token.identifier,
        "iat": int(token.issued_at.timestamp()),
        "exp": int(token.expires_at.timestamp()),
        "family_name": token.family_name,
        "given_name": token.given_name,
    }
    if token.certificate_thumbprint is not None:
        claims["cnf"] = {"x5t#S256": token.certificate_thumbprint}
    if token.actor is not None:
        claims["act"] = {"sub": token.actor}
    claims |= encode_extensions(token.ihe_iua, token.consent)
    return {name: value for name, value in claims.items() if value is not None}


class VerifiedTokens:
    """Reads tokens of one issuer, and verifies the signature of each once.

    What is kept goes by the whole text of a token. Whether it is live is asked each time; so must
    be its binding (check_binding). The least recently read is forgotten first.
    """

    def __init__(self, limit: int = MAX_VERIFIED) -> None:
        self._kept = RecentlyUsed[str, tuple[Claims, AccessToken]](limit)

    def __contains__(self, text: str) -> bool:
        return text in self._kept

    def parse(
        self, text: str, keys: PublicKeys, *, issuer: str, audience: str, now: datetime
    ) -> AccessToken:
        """Return the token if it is ours, for this audience, and live.

        Raises:
            TokenExpired: it was.
            NotAuthenticated: anything else (invalid_token).
        """
        found = self._kept.find(text)
        if found is None:
            claims = parse_signed_token(text, keys, _SHAPE)
            found = claims, _from_claims(claims, issuer, audience)
        claims, token = found
        try:
            _check_live(claims, token, now)
        except NotAuthenticated:
            self._kept.forget(text)
            raise
        self._kept.keep(text, found)
        return token


def _check_live(claims: Claims, token: AccessToken, now: datetime) -> None:
    if token.expires_at + CLOCK_SKEW <= now:
        raise TokenExpired(token.subject)
    claims.check_time(now)


def _from_claims(claims: Claims, issuer: str, audience: str) -> AccessToken:
    claims.check_issuer(issuer)
    if claims.audience != (audience,):
        refuse("for another audience")
    return AccessToken(
        issuer=issuer,
        subject=claims.text("sub"),
        client_id=claims.text("client_id"),
        audience=audience,
        scopes=frozenset(claims.text("scope").split()),
        identifier=claims.text("jti"),
        issued_at=claims.instant("iat"),
        expires_at=claims.instant("exp"),
        context=claims.optional_text(CONTEXT_CLAIM),
        certificate_thumbprint=_member_alone(claims, "cnf", "x5t#S256"),
        ihe_iua=parse_ihe_iua(claims),
        consent=parse_consent(claims),
        actor=_member_alone(claims, "act", "sub"),
        family_name=claims.optional_text("family_name"),
        given_name=claims.optional_text("given_name"),
    )


def check_binding(token: AccessToken, certificate_der: bytes | None) -> None:
    """Check, on each request, that a bound token comes from its own certificate (RFC 8705 3).

    certificate_der is what the TLS peer of this request presented; None where none is asked for.

    Raises:
        NotAuthenticated: another certificate, or none.
    """
    if token.certificate_thumbprint is None:
        return
    presented = thumbprint(certificate_der) if certificate_der is not None else ""
    if not hmac.compare_digest(token.certificate_thumbprint.encode(), presented.encode()):
        refuse("bound to another certificate")


def thumbprint(certificate_der: bytes) -> str:
    """Return x5t#S256: SHA-256 of the DER, base64url without padding."""
    return urlsafe_b64encode(hashlib.sha256(certificate_der).digest()).rstrip(b"=").decode()


def _member_alone(claims: Claims, name: str, member: str) -> str | None:
    """Return the one member that we understand of a claim that may be absent.

    RFC 7800 3.1: a confirmation that we do not understand must not be taken for none; an actor that
    acts for another (a nested act) is none of ours.
    """
    value = claims.get(name)
    if value is None:
        return None
    if not isinstance(value, Mapping) or set(value) != {member}:
        refuse(f"claim {name}: {member} alone is understood")
    text = value[member]
    if not isinstance(text, str) or not text:
        refuse(f"claim {name}: {member} is no text")
    return text
