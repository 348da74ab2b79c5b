"""The one place where a signed token of anybody is believed: JWS compact, RFC 7515, 7519, 8725.

    token -> header (allow-list of names, typ, alg) -> key by kid from our store -> signature
          -> claims (one JSON object, no name twice) -> Claims, typed reading

What a token says of its own key (jwk, jku, x5u, x5c) is never looked at; jwk, jku, x5u, crit, b64
and every member of a JWE are refused outright.
"""

import base64
import binascii
import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from joserfc import jws
from joserfc.errors import JoseError

from drimbox.errors import NotAuthenticated
from drimbox.standards.iua.jwks import PublicKeys, SigningKey

CLOCK_SKEW = timedelta(seconds=60)
# 9999-12-31: whatever lies beyond is no instant.
_LAST_SECOND = 253402300799
_HEADER_NAMES = frozenset({"alg", "typ", "cty", "kid", "x5t", "x5t#S256", "x5c"})


@dataclass(frozen=True, slots=True)
class TokenShape:
    """What one kind of token looks like before anything is believed.

    types are the media types allowed in typ, lower case, without "application/"; None among them
    allows its absence.
    """

    types: frozenset[str | None]
    algorithms: tuple[str, ...]
    max_header_bytes: int = 512
    max_token_bytes: int = 8192


class Claims:
    """The claims of a token whose signature holds; each reading checks its type."""

    __slots__ = ("_members",)

    def __init__(self, members: Mapping[str, object]) -> None:
        self._members = members

    def get(self, name: str) -> object:
        return self._members.get(name)

    def text(self, name: str) -> str:
        """Return a required, non-empty string."""
        value = self._members.get(name)
        if not isinstance(value, str) or not value:
            refuse(f"claim {name}: a string is required")
        return value

    def optional_text(self, name: str) -> str | None:
        return None if self._members.get(name) is None else self.text(name)

    def instant(self, name: str) -> datetime:
        """Return a required NumericDate."""
        value = self._members.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            refuse(f"claim {name}: a NumericDate is required")
        if not math.isfinite(value) or not 0 <= value <= _LAST_SECOND:
            refuse(f"claim {name}: out of range")
        return datetime.fromtimestamp(value, UTC)

    @property
    def audience(self) -> tuple[str, ...]:
        """Return aud, one string or an array of them, never empty."""
        value = self._members.get("aud")
        several = value if isinstance(value, list) else [value]
        words = tuple(word for word in several if isinstance(word, str) and word)
        if not words or len(words) != len(several):
            refuse("claim aud: a string or an array of strings is required")
        return words

    def check_time(self, now: datetime, *, skew: timedelta = CLOCK_SKEW) -> None:
        """Check exp (required), nbf and iat (where present) against the present."""
        if self.instant("exp") + skew <= now:
            refuse("expired")
        if self._members.get("nbf") is not None and self.instant("nbf") - skew > now:
            refuse("not yet valid")
        if self._members.get("iat") is not None and self.instant("iat") - skew > now:
            refuse("issued in the future")

    def check_issuer(self, issuer: str) -> None:
        """Check iss, character for character."""
        if self.text("iss") != issuer:
            refuse("another issuer")


def parse_signed_token(token: str, keys: PublicKeys, shape: TokenShape) -> Claims:
    """Return the claims of a token of this shape, signed by one of these keys.

    Raises:
        NotAuthenticated: anything else; the code is invalid_token.
    """
    header = peek_header(token, shape.max_token_bytes)
    algorithm = _check_header(header, shape)
    kid = header.get("kid")
    if kid is not None and not isinstance(kid, str):
        refuse("kid: not a string")
    key = keys.find(kid)
    if key is None:
        refuse("no key of this kid")
    registry = jws.JWSRegistry(algorithms=[algorithm])
    registry.max_header_length = shape.max_header_bytes
    try:
        signed = jws.deserialize_compact(token, key, registry=registry)
    except (JoseError, ValueError, TypeError) as error:
        raise NotAuthenticated("signature does not hold", error="invalid_token") from error
    return Claims(_parse_json_object(signed.payload or b""))


def sign_token(claims: Mapping[str, object], key: SigningKey, *, token_type: str) -> str:
    """Return the compact serialization."""
    header = {"alg": key.algorithm, "typ": token_type, "kid": key.kid}
    payload = json.dumps(claims, ensure_ascii=False, separators=(",", ":"))
    return jws.serialize_compact(header, payload, key.private, algorithms=[key.algorithm])


def peek_header(token: str, max_bytes: int) -> dict[str, object]:
    """Return the header of a compact JWS, not believed yet."""
    return _peek(token, 0, max_bytes)


def peek_issuer(token: str, max_bytes: int = 8192) -> str | None:
    """Return the iss that a compact JWS claims, to choose who verifies; None when it has none."""
    try:
        issuer = _peek(token, 1, max_bytes).get("iss")
    except NotAuthenticated:
        return None
    return issuer if isinstance(issuer, str) else None


def kid_of(token: str, max_bytes: int = 8192) -> str | None:
    """Return the kid that a token names, to find keys before it is verified."""
    kid = peek_header(token, max_bytes).get("kid")
    return kid if isinstance(kid, str) else None


def refuse(reason: str) -> NoReturn:
    """Raise the only error of this package's verifiers."""
    raise NotAuthenticated(reason, error="invalid_token")


def _check_header(header: Mapping[str, object], shape: TokenShape) -> str:
    if foreign := set(header) - _HEADER_NAMES:
        refuse(f"header with {len(foreign)} members that are not allowed")
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in shape.algorithms:
        refuse("algorithm not allowed")
    # RFC 7515 4.1.10 and 4.1.9: cty announces a nested token; typ may leave out "application/".
    if "cty" in header:
        refuse("nested token")
    if _media_type(header.get("typ")) not in shape.types:
        refuse("another type of token")
    return algorithm


def _media_type(typ: object) -> str | None:
    if typ is None:
        return None
    if not isinstance(typ, str):
        refuse("typ: not a string")
    return typ.lower().removeprefix("application/")


def _peek(token: str, index: int, max_bytes: int) -> dict[str, object]:
    if len(token) > max_bytes:
        refuse("token too large")
    segments = token.split(".")
    if len(segments) != 3 or not all(segments):
        refuse("not a signed token in compact form")
    return _parse_json_object(_decode_segment(segments[index]))


def _decode_segment(segment: str) -> bytes:
    try:
        return base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotAuthenticated("not base64url", error="invalid_token") from error


def _parse_json_object(octets: bytes) -> dict[str, object]:
    try:
        value = json.loads(
            octets.decode(), object_pairs_hook=_without_twins, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        raise NotAuthenticated("not a JSON object", error="invalid_token") from error
    if not isinstance(value, dict):
        refuse("not a JSON object")
    return value


def _without_twins(pairs: Collection[tuple[str, object]]) -> dict[str, object]:
    # RFC 7519 4: claim names are unique; two parsers must not read two different tokens.
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name comes twice")
    return members


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
