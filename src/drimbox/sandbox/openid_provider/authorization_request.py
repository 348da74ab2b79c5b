"""The authorization request, judged parameter by parameter (OpenID Connect 3.1.2.1, RFC 7636)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from drimbox.sandbox.openid_provider.clients import SandboxClient
from drimbox.sandbox.openid_provider.refusals import AuthorizationRefused, PageRefused

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z", re.ASCII)
_PRINTABLE = re.compile(r"[\x20-\x7e]*\Z", re.ASCII)
# What would change the meaning of a request and this provider does not do.
_UNSUPPORTED = {"request": "request_not_supported", "request_uri": "request_uri_not_supported"}


@dataclass(frozen=True, slots=True)
class AuthorizationRules:
    """What one provider demands; scopes are all it knows, required_scopes what must be there.

    required_acr, where not empty, are the levels of which acr_values must name one.
    """

    scopes: frozenset[str]
    required_scopes: frozenset[str]
    is_pkce_required: bool
    required_acr: frozenset[str] = frozenset()
    min_state_length: int = 22
    min_nonce_length: int = 22


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """One that may be shown to a person."""

    client: SandboxClient
    redirect_uri: str
    state: str
    nonce: str
    scopes: frozenset[str]
    acr_values: tuple[str, ...]
    code_challenge: str | None


def find_redirection(
    pairs: Iterable[tuple[str, str]], clients: Mapping[str, SandboxClient]
) -> tuple[SandboxClient, str, dict[str, str]]:
    """Return the client, its redirect URI and the parameters.

    Raises:
        PageRefused: a parameter twice, an unknown client, a redirect URI that is not registered
            character for character.
    """
    parameters: dict[str, str] = {}
    for name, value in pairs:
        if name in parameters:
            raise PageRefused(f"Le paramètre {name} est présent deux fois.")
        parameters[name] = value
    client = clients.get(parameters.get("client_id", ""))
    if client is None:
        raise PageRefused("Ce client_id n'est pas enregistré.")
    redirect_uri = parameters.get("redirect_uri", "")
    if redirect_uri not in client.redirect_uris:
        raise PageRefused("Ce redirect_uri n'est pas enregistré pour ce client.")
    return client, redirect_uri, parameters


def judge_request(
    client: SandboxClient,
    redirect_uri: str,
    parameters: Mapping[str, str],
    rules: AuthorizationRules,
) -> AuthorizationRequest:
    """Return the request.

    Raises:
        AuthorizationRefused: with the code of the standard.
    """
    for name, error in _UNSUPPORTED.items():
        if name in parameters:
            raise AuthorizationRefused(error, f"{name} is not supported")
    if parameters.get("response_type") != "code":
        raise AuthorizationRefused("unsupported_response_type", "code alone")
    if parameters.get("response_mode", "query") != "query":
        raise AuthorizationRefused("invalid_request", "response_mode: query alone")
    _check_random(parameters, "state", rules.min_state_length)
    _check_random(parameters, "nonce", rules.min_nonce_length)
    acr_values = tuple(parameters.get("acr_values", "").split())
    if rules.required_acr and not rules.required_acr & set(acr_values):
        wanted = " or ".join(sorted(rules.required_acr))
        raise AuthorizationRefused("invalid_request", f"acr_values: {wanted} is required")
    return AuthorizationRequest(
        client=client,
        redirect_uri=redirect_uri,
        state=parameters["state"],
        nonce=parameters["nonce"],
        scopes=_judge_scopes(parameters.get("scope", ""), rules),
        acr_values=acr_values,
        code_challenge=_judge_pkce(parameters, rules),
    )


def _check_random(parameters: Mapping[str, str], name: str, length: int) -> None:
    value = parameters.get(name, "")
    if len(value) < length or len(value) > 512 or not _PRINTABLE.match(value):
        raise AuthorizationRefused("invalid_request", f"{name}: {length} characters at least")


def _judge_scopes(text: str, rules: AuthorizationRules) -> frozenset[str]:
    scopes = frozenset(text.split())
    if not rules.required_scopes <= scopes:
        raise AuthorizationRefused(
            "invalid_scope", f"required: {' '.join(sorted(rules.required_scopes))}"
        )
    if not scopes <= rules.scopes:
        raise AuthorizationRefused("invalid_scope", "an unknown scope")
    return scopes


def _judge_pkce(parameters: Mapping[str, str], rules: AuthorizationRules) -> str | None:
    challenge = parameters.get("code_challenge")
    if challenge is None:
        if rules.is_pkce_required or "code_challenge_method" in parameters:
            raise AuthorizationRefused("invalid_request", "code_challenge is required")
        return None
    if parameters.get("code_challenge_method") != "S256" or not _CHALLENGE.match(challenge):
        raise AuthorizationRefused("invalid_request", "code_challenge_method: S256 alone")
    return challenge
