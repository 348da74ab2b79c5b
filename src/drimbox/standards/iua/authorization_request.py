"""The authorization request of an application, and where its answer goes (RFC 6749 4.1.1, SMART).

who asks and where to answer   client_id, redirect_uri   a fault is shown to the user, no answer
everything else                                          a fault goes back to the application
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from drimbox.errors import InvalidValue, MalformedMessage, UnsupportedMessage
from drimbox.standards.iua.iti71_get_access_token import parse_scopes, unique_parameters

# RFC 7636 4.2: SHA-256 in base64url.
_CODE_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z", re.ASCII)
_MAX_STATE, _MAX_LAUNCH = 1024, 256
# Printable ASCII after the authority, without "#".
_REDIRECT_URI = re.compile(
    r"(?:https://[A-Za-z0-9.:\[\]-]+|http://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?)"
    r"(?:[/?][!\"$-~]*)?\Z",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class AnswerAddress:
    """Which client says it asks, and the redirect_uri that it names."""

    client_id: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A whole request; launch is what the calling software handed over, None standing alone."""

    client_id: str
    redirect_uri: str
    scopes: frozenset[str]
    state: str
    code_challenge: str
    launch: str | None
    resources: tuple[str, ...]

    def __repr__(self) -> str:
        return "AuthorizationRequest()"


def parse_answer_address(pairs: Iterable[tuple[str, str]]) -> AnswerAddress:
    """Read who asks and where to answer.

    Raises:
        MalformedMessage: one is missing or comes twice.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in {"client_id", "redirect_uri"} and value:
            if name in found:
                raise MalformedMessage("comes twice", where=name)
            found[name] = value
    return AnswerAddress(_required(found, "client_id"), _required(found, "redirect_uri"))


def parse_authorization_request(pairs: Iterable[tuple[str, str]]) -> AuthorizationRequest:
    """Read the request.

    Raises:
        MalformedMessage: a parameter missing, twice or too long; PKCE with S256 is required, and
            state (invalid_request).
        UnsupportedMessage: another response_type than code.
        InvalidValue: what is "scope".
    """
    known = tuple(pairs)
    parameters = unique_parameters(known, repeatable=("resource",))
    if _required(parameters, "response_type") != "code":
        raise UnsupportedMessage("code alone", where="response_type")
    # RFC 7636 4.3: without a method it would be "plain", which protects from nobody.
    if parameters.get("code_challenge_method") != "S256":
        raise MalformedMessage("S256", where="code_challenge_method")
    challenge = _required(parameters, "code_challenge")
    if not _CODE_CHALLENGE.match(challenge):
        raise MalformedMessage("43 characters of base64url", where="code_challenge")
    state, launch = _required(parameters, "state"), parameters.get("launch")
    if len(state) > _MAX_STATE or len(launch or "") > _MAX_LAUNCH:
        raise MalformedMessage("too long", where="state or launch")
    return AuthorizationRequest(
        client_id=_required(parameters, "client_id"),
        redirect_uri=_required(parameters, "redirect_uri"),
        scopes=parse_scopes(parameters.get("scope", "")),
        state=state,
        code_challenge=challenge,
        launch=launch,
        resources=tuple(value for name, value in known if name in {"aud", "resource"} and value),
    )


def find_state(pairs: Iterable[tuple[str, str]]) -> str | None:
    """Return the state to send back with an error, where the request has one and only one."""
    states = [value for name, value in pairs if name == "state"]
    return states[0] if len(states) == 1 and 0 < len(states[0]) <= _MAX_STATE else None


def answer_url(redirect_uri: str, parameters: Mapping[str, str | None]) -> str:
    """Return where to send the browser: the answer joins the query that is there (3.1.2)."""
    present = {name: value for name, value in parameters.items() if value is not None}
    separator = "&" if "?" in redirect_uri else "?"
    return f"{redirect_uri}{separator}{urlencode(present, quote_via=quote, safe='')}"


def check_redirect_uri(uri: str) -> None:
    """Check an address that a client registers: HTTPS, or HTTP on loopback, and no fragment.

    Raises:
        InvalidValue: another (RFC 6749 3.1.2, RFC 8252 7.3).
    """
    if not _REDIRECT_URI.match(uri):
        raise InvalidValue("redirect_uri", "https, or http on loopback, without fragment")


def _required(parameters: Mapping[str, str], name: str) -> str:
    value = parameters.get(name)
    if value is None:
        raise MalformedMessage("required", where=name)
    return value
