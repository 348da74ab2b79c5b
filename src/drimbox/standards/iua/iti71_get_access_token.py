"""Get Access Token, ITI-71: the token request, grant by grant, and its answers.

client_credentials   RFC 6749 4.4     code          RFC 6749 4.1.3, RFC 7636 4.5
jwt-bearer           RFC 7523 2.1     exchange      RFC 8693 2.1
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from drimbox.errors import InvalidValue, MalformedMessage, NotAuthenticated, UnsupportedMessage
from drimbox.standards.iua.client_assertion import CLIENT_ASSERTION_TYPE

# RFC 6749 3.3: a scope word has no space, quote or backslash.
_SCOPE_CHARACTERS = frozenset(chr(c) for c in range(0x21, 0x7F)) - {'"', "\\"}
_DESCRIPTION_CHARACTERS = _SCOPE_CHARACTERS | {" "}
_MAX_SCOPE_WORDS = 64
JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a URN
# RFC 7636 4.1.
_CODE_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z", re.ASCII)


class GrantType(Enum):
    """The grants that this product knows; each listener serves some of them."""

    CLIENT_CREDENTIALS = "client_credentials"
    AUTHORIZATION_CODE = "authorization_code"
    JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - a URN


@dataclass(frozen=True, slots=True, repr=False)
class ClientCredentials:
    """How a client says who it is: its client_id, its signed assertion, or both.

    Without an assertion the proof is the certificate of the connection, or nothing at all.
    """

    client_id: str | None
    assertion: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class ClientGrant:
    """The client asks for itself."""

    grant_type = GrantType.CLIENT_CREDENTIALS


@dataclass(frozen=True, slots=True, repr=False)
class CodeGrant:
    """The client redeems what a professional allowed."""

    grant_type = GrantType.AUTHORIZATION_CODE
    code: str
    redirect_uri: str
    code_verifier: str


@dataclass(frozen=True, slots=True, repr=False)
class AssertionGrant:
    """The client asks for somebody whom it names in an assertion."""

    grant_type = GrantType.JWT_BEARER
    assertion: str


@dataclass(frozen=True, slots=True, repr=False)
class ExchangeGrant:
    """The client brings the professional's own token, and says for which context or consent."""

    grant_type = GrantType.TOKEN_EXCHANGE
    subject_token: str
    actor_token: str | None = None
    launch: str | None = None


Grant = ClientGrant | CodeGrant | AssertionGrant | ExchangeGrant


@dataclass(frozen=True, slots=True, repr=False)
class TokenRequest:
    """A token request; empty scopes means all that may be had.

    credentials are None only where the grant is itself the proof (RFC 7523 2.1).
    """

    credentials: ClientCredentials | None
    scopes: frozenset[str]
    resources: tuple[str, ...]
    grant: Grant = ClientGrant()


def parse_token_request(fields: Iterable[tuple[str, str]]) -> TokenRequest:
    """Read the form of a token request.

    Raises:
        MalformedMessage: a parameter missing or given twice (invalid_request).
        UnsupportedMessage: a grant that we do not know (unsupported_grant_type).
        InvalidValue: what is "scope" (invalid_scope), or a token of another type.
        NotAuthenticated: nothing says which client asks (invalid_client).
    """
    pairs = tuple(fields)
    parameters = unique_parameters(pairs, repeatable=("resource", "audience"))
    grant = _parse_grant(parameters)
    wanted_type = parameters.get("requested_token_type", ACCESS_TOKEN_TYPE)
    if wanted_type not in {"access_token", ACCESS_TOKEN_TYPE, JWT_TYPE}:
        raise MalformedMessage("jwt alone", where="requested_token_type")
    says_client = "client_id" in parameters or "client_assertion" in parameters
    may_be_silent = isinstance(grant, AssertionGrant) and not says_client
    return TokenRequest(
        credentials=None if may_be_silent else parse_client_credentials(parameters),
        scopes=parse_scopes(parameters.get("scope", "")),
        resources=tuple(value for name, value in pairs if name in {"resource", "audience"}),
        grant=grant,
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


def parse_client_credentials(parameters: Mapping[str, str]) -> ClientCredentials:
    """Return how the client says who it is (RFC 7521 4.2, RFC 8705 2).

    Raises:
        NotAuthenticated: it does not, or by proof of another kind: secrets are not accepted.
    """
    client_id, assertion = parameters.get("client_id"), parameters.get("client_assertion")
    if client_id is None and assertion is None:
        raise NotAuthenticated("no client named", error="invalid_client")
    if assertion is not None and parameters.get("client_assertion_type") != CLIENT_ASSERTION_TYPE:
        raise NotAuthenticated("not a JWT client assertion", error="invalid_client")
    return ClientCredentials(client_id, assertion)


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


def encode_token_error(code: str, description: str = "") -> dict[str, str]:
    """Return the error answer (RFC 6749 5.2); the description is for the client's developer."""
    # The RFC leaves out quotes and backslashes, and all that is not ASCII.
    said = "".join(c for c in description if c in _DESCRIPTION_CHARACTERS)
    return {"error": code} | ({"error_description": said} if said else {})


def _parse_grant(parameters: Mapping[str, str]) -> Grant:
    word = _required(parameters, "grant_type")
    try:
        grant_type = GrantType(word)
    except ValueError:
        raise UnsupportedMessage("a grant of ours", where="grant_type") from None
    return _PARSERS[grant_type](parameters)


def _parse_code_grant(parameters: Mapping[str, str]) -> CodeGrant:
    verifier = _required(parameters, "code_verifier")
    if not _CODE_VERIFIER.match(verifier):
        raise MalformedMessage("43 to 128 characters of RFC 7636 4.1", where="code_verifier")
    return CodeGrant(_required(parameters, "code"), _required(parameters, "redirect_uri"), verifier)


def _parse_exchange(parameters: Mapping[str, str]) -> ExchangeGrant:
    subject_token = _required(parameters, "subject_token")
    if _required(parameters, "subject_token_type") not in {ACCESS_TOKEN_TYPE, JWT_TYPE}:
        raise InvalidValue("subject_token_type", "access_token or jwt")
    actor_token = parameters.get("actor_token")
    # RFC 8693 2.1: required with actor_token, forbidden without.
    if parameters.get("actor_token_type") != (JWT_TYPE if actor_token is not None else None):
        raise InvalidValue("actor_token_type", "jwt, with an actor_token")
    return ExchangeGrant(subject_token, actor_token, parameters.get("launch"))


def _required(parameters: Mapping[str, str], name: str) -> str:
    value = parameters.get(name)
    if value is None:
        raise MalformedMessage("required", where=name)
    return value


_PARSERS: Mapping[GrantType, Callable[[Mapping[str, str]], Grant]] = {
    GrantType.CLIENT_CREDENTIALS: lambda _: ClientGrant(),
    GrantType.AUTHORIZATION_CODE: _parse_code_grant,
    GrantType.JWT_BEARER: lambda p: AssertionGrant(_required(p, "assertion")),
    GrantType.TOKEN_EXCHANGE: _parse_exchange,
}
