"""Get Access Token, ITI-71: the token request and its answers (RFC 6749 4.4 and 5, RFC 8707)."""

from collections.abc import Iterable
from dataclasses import dataclass

from drimbox.errors import InvalidValue, MalformedMessage, NotAuthenticated, UnsupportedMessage
from drimbox.standards.iua.client_assertion import CLIENT_ASSERTION_TYPE

# RFC 6749 3.3: a scope word has no space, quote or backslash.
_SCOPE_CHARACTERS = frozenset(chr(c) for c in range(0x21, 0x7F)) - {'"', "\\"}
_MAX_SCOPE_WORDS = 64
_JWT_TOKEN_TYPES = frozenset(
    {
        "urn:ietf:params:oauth:token-type:jwt",
        "urn:ietf:params:oauth:token-type:access_token",
    }
)


@dataclass(frozen=True, slots=True, repr=False)
class ClientCredentials:
    """How a client proves itself: client_id where it said so, and its signed assertion."""

    client_id: str | None
    assertion: str


@dataclass(frozen=True, slots=True, repr=False)
class TokenRequest:
    """A client_credentials request; empty scopes means all that the client may have."""

    credentials: ClientCredentials
    scopes: frozenset[str]
    resources: tuple[str, ...]


def parse_token_request(fields: Iterable[tuple[str, str]]) -> TokenRequest:
    """Read the form of a token request.

    Raises:
        MalformedMessage: a parameter missing or given twice (invalid_request).
        UnsupportedMessage: another grant than client_credentials (unsupported_grant_type).
        InvalidValue: what is "scope" (invalid_scope).
        NotAuthenticated: no client assertion (invalid_client).
    """
    pairs = tuple(fields)
    parameters = unique_parameters(pairs, repeatable=("resource",))
    grant_type = parameters.get("grant_type")
    if grant_type is None:
        raise MalformedMessage("required", where="grant_type")
    if grant_type != "client_credentials":
        raise UnsupportedMessage("client_credentials alone", where="grant_type")
    if parameters.get("requested_token_type", "access_token") not in _JWT_TOKEN_TYPES | {
        "access_token"
    }:
        raise MalformedMessage("jwt alone", where="requested_token_type")
    return TokenRequest(
        credentials=parse_client_credentials(parameters),
        scopes=parse_scopes(parameters.get("scope", "")),
        resources=tuple(value for name, value in pairs if name == "resource"),
    )


def unique_parameters(
    pairs: Iterable[tuple[str, str]], *, repeatable: tuple[str, ...] = ()
) -> dict[str, str]:
    """Return the parameters by name; one without a value counts as absent (RFC 6749 3.2).

    Raises:
        MalformedMessage: one comes twice.
    """
    parameters: dict[str, str] = {}
    for name, value in pairs:
        if not value or name in repeatable:
            continue
        if name in parameters:
            # The name is the caller's own text, so it is not repeated here.
            raise MalformedMessage("a parameter comes twice", where="form")
        parameters[name] = value
    return parameters


def parse_client_credentials(parameters: dict[str, str]) -> ClientCredentials:
    """Return the client's assertion (RFC 7521 4.2).

    Raises:
        NotAuthenticated: none, or proof of another kind: secrets are not accepted.
    """
    assertion = parameters.get("client_assertion")
    if assertion is None:
        raise NotAuthenticated("no client assertion", error="invalid_client")
    if parameters.get("client_assertion_type") != CLIENT_ASSERTION_TYPE:
        raise NotAuthenticated("not a JWT client assertion", error="invalid_client")
    return ClientCredentials(parameters.get("client_id"), assertion)


def parse_scopes(text: str) -> frozenset[str]:
    """Split scope words.

    Raises:
        InvalidValue: what is "scope".
    """
    words = text.split(" ") if text else []
    if len(words) > _MAX_SCOPE_WORDS or not all(
        word and _SCOPE_CHARACTERS.issuperset(word) for word in words
    ):
        raise InvalidValue("scope", "words of RFC 6749 3.3, one space between")
    return frozenset(words)


def encode_token_answer(
    access_token: str, *, expires_in: int, scopes: Iterable[str]
) -> dict[str, object]:
    """Return the successful answer (RFC 6749 5.1); it must not be cached."""
    return {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": expires_in,
        "scope": " ".join(sorted(scopes)),
    }


def encode_token_error(code: str) -> dict[str, object]:
    """Return the error answer (RFC 6749 5.2)."""
    return {"error": code}
