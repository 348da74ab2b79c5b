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

from drimbox.model.practice import Code
from drimbox.standards.iua.jwks import PublicKeys, SigningKey
from drimbox.standards.iua.signed_token import (
    Claims,
    TokenShape,
    parse_signed_token,
    refuse,
    sign_token,
)

ALGORITHMS = ("ES384", "ES256")
CONTEXT_CLAIM = "drimbox_context"
_SHAPE = TokenShape(types=frozenset({"at+jwt"}), algorithms=ALGORITHMS)


@dataclass(frozen=True, slots=True, repr=False)
class IheIua:
    """Claims of extensions.ihe_iua: who the subject is and why (IUA 3.71.4.2.2.1.1)."""

    subject_name: str
    subject_organization: str | None = None
    subject_organization_id: str | None = None
    subject_role: tuple[Code, ...] = ()
    purpose_of_use: tuple[Code, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class AccessToken:
    """One access token, read or to be signed.

    certificate_thumbprint is cnf.x5t#S256 (RFC 8705 3.1); context the consultation context.
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


def encode_access_token(token: AccessToken, key: SigningKey) -> str:
    """Sign the token with our key, typ at+jwt."""
    claims: dict[str, object] = {
        "iss": token.issuer,
        "sub": token.subject,
        "client_id": token.client_id,
        "aud": token.audience,
        "scope": " ".join(sorted(token.scopes)),
        "jti": token.identifier,
        "iat": int(token.issued_at.timestamp()),
        "exp": int(token.expires_at.timestamp()),
    }
    if token.context is not None:
        claims[CONTEXT_CLAIM] = token.context
    if token.certificate_thumbprint is not None:
        claims["cnf"] = {"x5t#S256": token.certificate_thumbprint}
    if token.ihe_iua is not None:
        claims["extensions"] = {"ihe_iua": encode_ihe_iua(token.ihe_iua)}
    return sign_token(claims, key, token_type="at+jwt")  # noqa: S106 - a media type


def parse_access_token(
    text: str, keys: PublicKeys, *, issuer: str, audience: str, now: datetime
) -> AccessToken:
    """Return the token if it is ours, for this audience, and live.

    The binding to a certificate is checked apart, by check_binding.

    Raises:
        NotAuthenticated: anything else (invalid_token).
    """
    claims = parse_signed_token(text, keys, _SHAPE)
    claims.check_issuer(issuer)
    if claims.audience != (audience,):
        refuse("for another audience")
    claims.check_time(now)
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
        certificate_thumbprint=_thumbprint_claim(claims),
        ihe_iua=_parse_ihe_iua(claims),
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


def encode_ihe_iua(extension: IheIua) -> dict[str, object]:
    """Return the members present."""
    members: dict[str, object] = {
        "subject_name": extension.subject_name,
        "subject_organization": extension.subject_organization,
        "subject_organization_id": extension.subject_organization_id,
        "subject_role": [_encode_coding(code) for code in extension.subject_role],
        "purpose_of_use": [_encode_coding(code) for code in extension.purpose_of_use],
    }
    return {name: value for name, value in members.items() if value}


def _encode_coding(code: Code) -> dict[str, str]:
    coding = {"system": f"urn:oid:{code.system}", "code": code.value}
    return coding | ({"display": code.display} if code.display else {})


def _thumbprint_claim(claims: Claims) -> str | None:
    confirmation = claims.get("cnf")
    if confirmation is None:
        return None
    # RFC 7800 3.1: a confirmation that we do not understand must not be taken for none.
    if not isinstance(confirmation, Mapping) or set(confirmation) != {"x5t#S256"}:
        refuse("claim cnf: x5t#S256 alone is understood")
    value = confirmation["x5t#S256"]
    if not isinstance(value, str) or not value:
        refuse("claim cnf: not a thumbprint")
    return value


def _parse_ihe_iua(claims: Claims) -> IheIua | None:
    extensions = claims.get("extensions")
    members = extensions.get("ihe_iua") if isinstance(extensions, Mapping) else None
    if not isinstance(members, Mapping):
        return None
    known = Claims(members)
    return IheIua(
        subject_name=known.text("subject_name"),
        subject_organization=known.optional_text("subject_organization"),
        subject_organization_id=known.optional_text("subject_organization_id"),
        subject_role=_parse_codings(known.get("subject_role")),
        purpose_of_use=_parse_codings(known.get("purpose_of_use")),
    )


def _parse_codings(value: object) -> tuple[Code, ...]:
    codings = (
        [Claims(c) for c in value if isinstance(c, Mapping)] if isinstance(value, list) else []
    )
    return tuple(
        Code(
            c.text("code"),
            c.text("system").removeprefix("urn:oid:"),
            c.optional_text("display") or "",
        )
        for c in codings
    )
