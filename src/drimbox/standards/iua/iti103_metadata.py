"""Get Authorization Server Metadata, ITI-103 (RFC 8414), and SMART discovery (App Launch 2.2 4).

Both are told from one description of what a listener truly serves.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from drimbox.model.scopes import Level, Permission, Scope, parse_scope
from drimbox.standards.iua.assertion import ALGORITHMS
from drimbox.standards.iua.iti71_get_access_token import GrantType

METADATA_PATH = "/.well-known/oauth-authorization-server"
SMART_CONFIGURATION_PATH = "/fhir/.well-known/smart-configuration"
AUTHORIZE_PATH = "/oauth2/authorize"
TOKEN_PATH = "/oauth2/token"  # noqa: S105 - a path
INTROSPECTION_PATH = "/oauth2/introspect"
JWKS_PATH = "/oauth2/jwks"
_SMART_IMAGING = "http://fhir.org/argonaut/smart-imaging/capabilities"


@dataclass(frozen=True, slots=True)
class ServerFeatures:
    """What the authorization server of one listener serves.

    are_tokens_bound: the listener asks for client certificates, which prove its clients too, and
    binds its tokens to them. scopes are those that some client may have.
    """

    issuer: str
    grant_types: tuple[GrantType, ...]
    scopes: frozenset[str]
    are_tokens_bound: bool = False

    @property
    def has_authorize(self) -> bool:
        return GrantType.AUTHORIZATION_CODE in self.grant_types

    @property
    def authentication_methods(self) -> list[str]:
        """Return how clients prove themselves; without a key (none) a code alone is redeemed."""
        methods = ["private_key_jwt"]
        if self.are_tokens_bound:
            methods.append("tls_client_auth")
        return [*methods, "none"] if self.has_authorize else methods


def encode_metadata(features: ServerFeatures) -> dict[str, object]:
    """Return the metadata of the authorization server at this base URL."""
    machines = [m for m in features.authentication_methods if m != "none"]
    return _common(features) | {
        # IUA 3.103.4.2.2.
        "access_token_format": "ihe-jwt",
        "introspection_endpoint_auth_methods_supported": machines,
        "introspection_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "tls_client_certificate_bound_access_tokens": features.are_tokens_bound,
    }


def encode_smart_configuration(features: ServerFeatures) -> dict[str, object]:
    """Return the discovery document beside the FHIR service."""
    return _common(features) | {"capabilities": _capabilities(features)}


def _common(features: ServerFeatures) -> dict[str, object]:
    issuer = features.issuer
    members: dict[str, object] = {
        "issuer": issuer,
        "token_endpoint": issuer + TOKEN_PATH,
        "introspection_endpoint": issuer + INTROSPECTION_PATH,
        "jwks_uri": issuer + JWKS_PATH,
        "grant_types_supported": [grant.value for grant in features.grant_types],
        # RFC 8414 2 requires the member; without an authorization endpoint it is empty.
        "response_types_supported": ["code"] if features.has_authorize else [],
        "scopes_supported": sorted(features.scopes),
        "token_endpoint_auth_methods_supported": features.authentication_methods,
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        # SMART requires the member, whether or not codes are granted.
        "code_challenge_methods_supported": ["S256"],
    }
    if features.has_authorize:
        members |= {
            "authorization_endpoint": issuer + AUTHORIZE_PATH,
            "authorization_response_iss_parameter_supported": True,
        }
    return members


def _capabilities(features: ServerFeatures) -> list[str]:
    """Return the words of SMART App Launch 2.2 section 2.1.1."""
    capabilities = ["client-confidential-asymmetric", "permission-v1", "permission-v2"]
    if features.has_authorize:
        capabilities += [
            "client-public",
            "context-ehr-patient",
            "context-standalone-patient",
            "launch-ehr",
            "launch-standalone",
        ]
    scopes = [scope for scope in map(parse_scope, features.scopes) if scope is not None]
    levels = {scope.level for scope in scopes}
    capabilities += [
        f"permission-{level.value}" for level in (Level.PATIENT, Level.USER) if level in levels
    ]
    return sorted([*capabilities, *_imaging_capabilities(features, scopes)])


def _imaging_capabilities(features: ServerFeatures, scopes: Iterable[Scope]) -> list[str]:
    """Return the words of SMART Imaging Access 0.1.0: images open with the token of the search."""
    levels = {scope.level for scope in scopes if scope.gives("ImagingStudy", Permission.SEARCH)}
    ways = []
    if features.has_authorize and Level.PATIENT in levels:
        ways.append(f"{_SMART_IMAGING}/app-launch")
    if GrantType.CLIENT_CREDENTIALS in features.grant_types and Level.SYSTEM in levels:
        ways.append(f"{_SMART_IMAGING}/backend-services")
    return ["smart-imaging-access", *ways] if ways else []
