"""Introspect Token, ITI-102: what we answer about tokens of our own (RFC 7662)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from drimbox.errors import MalformedMessage
from drimbox.standards.iua.access_token import AccessToken, public_claims
from drimbox.standards.iua.iti71_get_access_token import (
    ClientCredentials,
    parse_client_credentials,
    unique_parameters,
)

INACTIVE: Mapping[str, object] = {"active": False}


@dataclass(frozen=True, slots=True, repr=False)
class IntrospectionRequest:
    """Who asks, about which token."""

    credentials: ClientCredentials
    token: str


def parse_introspection_request(fields: Iterable[tuple[str, str]]) -> IntrospectionRequest:
    """Read the form.

    Raises:
        MalformedMessage: no token, or a parameter twice (invalid_request).
        NotAuthenticated: no client assertion (invalid_client).
    """
    parameters = unique_parameters(fields)
    credentials = parse_client_credentials(parameters)
    token = parameters.get("token")
    if token is None:
        raise MalformedMessage("required", where="token")
    return IntrospectionRequest(credentials, token)


def encode_introspection(token: AccessToken) -> dict[str, object]:
    """Return the answer about a live token; the context stays ours."""
    return {"active": True, "token_type": "Bearer"} | public_claims(token)
