"""Get Authorization Server Metadata, ITI-103 (RFC 8414)."""

from collections.abc import Iterable

from drimbox.standards.iua.client_assertion import ALGORITHMS

METADATA_PATH = "/.well-known/oauth-authorization-server"
TOKEN_PATH = "/oauth2/token"  # noqa: S105 - a path
INTROSPECTION_PATH = "/oauth2/introspect"
JWKS_PATH = "/oauth2/jwks"


def encode_metadata(
    issuer: str, *, scopes: Iterable[str], are_tokens_bound: bool
) -> dict[str, object]:
    """Return the metadata of the authorization server at this base URL.

    are_tokens_bound: the listener asks for client certificates and binds its tokens to them.
    """
    return {
        "issuer": issuer,
        "token_endpoint": issuer + TOKEN_PATH,
        "introspection_endpoint": issuer + INTROSPECTION_PATH,
        "jwks_uri": issuer + JWKS_PATH,
        "grant_types_supported": ["client_credentials"],
        # RFC 8414 2 requires the member; without an authorization endpoint it is empty.
        "response_types_supported": [],
        "scopes_supported": sorted(scopes),
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": ["private_key_jwt"],
        "introspection_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "tls_client_certificate_bound_access_tokens": are_tokens_bound,
        # IUA 3.103.4.2.2.
        "access_token_format": "ihe-jwt",
    }
