"""The id_token of an OpenID provider, verified (OpenID Connect Core 3.1.3.7)."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from drimbox.standards.iua.jwks import PublicKeys
from drimbox.standards.iua.signed_token import (
    Claims,
    TokenShape,
    parse_signed_token,
    peek_header,
    refuse,
)

# Fixed here, whatever the provider's discovery announces.
ALGORITHMS = ("RS256", "PS256", "ES256", "RS384", "PS384", "ES384")
_SHAPE = TokenShape(
    types=frozenset({None, "jwt"}),
    algorithms=ALGORITHMS,
    max_header_bytes=1024,
    max_token_bytes=16 * 1024,
)
_DIGESTS = {"256": hashlib.sha256, "384": hashlib.sha384}


@dataclass(frozen=True, slots=True, repr=False)
class IdToken:
    """What we keep of it; authenticated_at is auth_time, else iat."""

    subject: str
    authenticated_at: datetime


@dataclass(frozen=True, slots=True, repr=False)
class IdTokenRules:
    """What this sign-in expects; nonce None at a refresh, where none was sent."""

    issuer: str
    client_id: str
    nonce: str | None
    access_token: str


def parse_id_token(text: str, keys: PublicKeys, rules: IdTokenRules, now: datetime) -> IdToken:
    """Return the id_token's subject if it belongs to this sign-in.

    Raises:
        NotAuthenticated: anything does not hold.
    """
    claims = parse_signed_token(text, keys, _SHAPE)
    claims.check_issuer(rules.issuer)
    _check_audience(claims, rules.client_id)
    claims.check_time(now)
    issued_at = claims.instant("iat")
    # Keycloak tells its tokens apart by a claim: an access token is no id_token.
    if claims.get("typ") not in {None, "ID"}:
        refuse("not an id_token")
    if rules.nonce is not None and not hmac.compare_digest(
        claims.text("nonce").encode(), rules.nonce.encode()
    ):
        refuse("another nonce")
    _check_access_token_hash(claims, rules.access_token, peek_header(text, len(text))["alg"])
    has_instant = claims.get("auth_time") is not None
    authenticated_at = claims.instant("auth_time") if has_instant else issued_at
    return IdToken(claims.text("sub"), authenticated_at)


def access_token_hash(access_token: str, algorithm: str) -> str:
    """Return at_hash: the left half of the digest that the algorithm names (3.1.3.6)."""
    digest = _DIGESTS[algorithm[-3:]](access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def _check_audience(claims: Claims, client_id: str) -> None:
    if client_id not in claims.audience:
        refuse("for another client")
    authorised_party = claims.optional_text("azp")
    if authorised_party is None and len(claims.audience) > 1:
        refuse("several audiences and no azp")
    if authorised_party not in {None, client_id}:
        refuse("azp: another client")


def _check_access_token_hash(claims: Claims, access_token: str, algorithm: object) -> None:
    # at_hash is optional in the code flow; where it is there, it must hold.
    if claims.get("at_hash") is None:
        return
    expected = access_token_hash(access_token, str(algorithm))
    if not hmac.compare_digest(claims.text("at_hash").encode(), expected.encode()):
        refuse("at_hash: another access token")
