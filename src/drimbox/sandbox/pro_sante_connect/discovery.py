"""The discovery document of the sandbox Pro Santé Connect."""

from typing import Any

REALM = "/auth/realms/esante-wallet"
PROTOCOL = f"{REALM}/protocol/openid-connect"


def discovery_document(base: str, mtls_base: str | None) -> dict[str, Any]:
    """Return it; mtls_base None where there is no mutual TLS listener."""
    methods = ["client_secret_basic", "client_secret_post", "tls_client_auth"]
    document: dict[str, Any] = {
        "issuer": base + REALM,
        "authorization_endpoint": f"{base}/auth",
        "token_endpoint": f"{base}{PROTOCOL}/token",
        "introspection_endpoint": f"{base}{PROTOCOL}/token/introspect",
        "userinfo_endpoint": f"{base}{PROTOCOL}/userinfo",
        "end_session_endpoint": f"{base}{PROTOCOL}/logout",
        "jwks_uri": f"{base}{PROTOCOL}/certs",
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "subject_types_supported": ["public"],
        "acr_values_supported": ["eidas1"],
        "scopes_supported": ["openid", "scope_all", "offline_access"],
        "code_challenge_methods_supported": ["S256"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": methods,
        "authorization_response_iss_parameter_supported": True,
        "tls_client_certificate_bound_access_tokens": True,
    }
    if mtls_base is not None:
        document["mtls_endpoint_aliases"] = {
            "token_endpoint": f"{mtls_base}{PROTOCOL}/token",
            "introspection_endpoint": f"{mtls_base}{PROTOCOL}/token/introspect",
            "userinfo_endpoint": f"{mtls_base}{PROTOCOL}/userinfo",
        }
    return document
