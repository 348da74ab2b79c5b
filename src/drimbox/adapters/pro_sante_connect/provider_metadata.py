"""The discovery document of a provider, checked (OpenID Connect Discovery 4.3, RFC 8705 5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from drimbox.errors import RejectedByPartner

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class ProviderMetadata:
    """The endpoints in use; what machines call is the mutual TLS alias where we have one."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    introspection_endpoint: str
    end_session_endpoint: str
    jwks_uri: str


def parse_metadata(
    members: Mapping[str, object], *, issuer: str, is_mutual_tls: bool
) -> ProviderMetadata:
    """Read a discovery document.

    Raises:
        RejectedByPartner: it is another issuer's, or an endpoint is missing or not HTTPS.
    """
    if members.get("issuer") != issuer:
        raise RejectedByPartner("OpenID provider", "another issuer in its discovery")
    aliases = members.get("mtls_endpoint_aliases")
    aliased: Mapping[str, object] = {}
    if is_mutual_tls and isinstance(aliases, Mapping):
        aliased = aliases

    def endpoint(name: str) -> str:
        return _checked(aliased.get(name) or members.get(name), name, issuer)

    return ProviderMetadata(
        issuer=issuer,
        # The browser goes there: it has no client certificate of ours.
        authorization_endpoint=_checked(
            members.get("authorization_endpoint"), "authorization_endpoint", issuer
        ),
        token_endpoint=endpoint("token_endpoint"),
        userinfo_endpoint=endpoint("userinfo_endpoint"),
        introspection_endpoint=endpoint("introspection_endpoint"),
        end_session_endpoint=_checked(
            members.get("end_session_endpoint"), "end_session_endpoint", issuer
        ),
        jwks_uri=_checked(members.get("jwks_uri"), "jwks_uri", issuer),
    )


def is_safe_address(url: str, issuer: str) -> bool:
    """Tell whether an address of this issuer may be used: HTTPS, or all on loopback (the demo)."""
    parts, home = urlsplit(url), urlsplit(issuer)
    if parts.scheme == "https" and parts.hostname:
        return True
    is_demo = home.scheme == "http" and home.hostname in _LOOPBACK
    return parts.scheme == "http" and parts.hostname in _LOOPBACK and is_demo


def _checked(url: object, name: str, issuer: str) -> str:
    if not isinstance(url, str) or not is_safe_address(url, issuer):
        raise RejectedByPartner("OpenID provider", f"no usable {name} in its discovery")
    return url
