"""Clients of a sandbox provider, and how each proves itself at the machine endpoints."""

import base64
import binascii
import hashlib
import hmac
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

from aiohttp import web
from cryptography import x509

from drimbox.sandbox.openid_provider.refusals import MachineRefused


@dataclass(frozen=True, slots=True)
class SandboxClient:
    """One registered client.

    certificate_subject (RFC 4514) is for tls_client_auth; secret for client_secret_*; both None
    makes a client that cannot authenticate. encryption_key is the public JWK that a FranceConnect+
    client publishes.
    """

    client_id: str
    redirect_uris: frozenset[str] = frozenset()
    post_logout_redirect_uris: frozenset[str] = frozenset()
    certificate_subject: str | None = None
    secret: str | None = None
    encryption_key: Mapping[str, str] | None = None


def client_certificate(request: web.Request) -> bytes | None:
    """Return the DER that the TLS handshake of this connection verified."""
    tls = request.transport.get_extra_info("ssl_object") if request.transport else None
    return tls.getpeercert(binary_form=True) if isinstance(tls, ssl.SSLObject) else None


def thumbprint(certificate_der: bytes) -> str:
    """x5t#S256 (RFC 8705 3.1)."""
    digest = hashlib.sha256(certificate_der).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def authenticate_client(
    request: web.Request, form: Mapping[str, str], clients: Mapping[str, SandboxClient]
) -> SandboxClient:
    """Return the client that proves itself, by one method only (RFC 6749 2.3).

    Raises:
        MachineRefused: invalid_client, or invalid_request for two methods at once.
    """
    basic = _basic_credentials(request)
    if basic is not None and "client_secret" in form:
        raise MachineRefused("invalid_request", "two ways of client authentication")
    client_id, secret = basic or (form.get("client_id", ""), form.get("client_secret"))
    if basic is not None and form.get("client_id", client_id) != client_id:
        raise MachineRefused("invalid_request", "two client_id")
    client = clients.get(client_id)
    if client is None:
        raise MachineRefused("invalid_client", "unknown client", status=401)
    if client.certificate_subject is not None:
        _check_certificate(client_certificate(request), client.certificate_subject)
        return client
    expected = client.secret
    if expected is None or secret is None or not _is_equal(expected, secret):
        raise MachineRefused("invalid_client", "client_secret is wrong", status=401)
    return client


def _check_certificate(certificate_der: bytes | None, subject: str) -> None:
    if certificate_der is None:
        raise MachineRefused(
            "invalid_client", "a client certificate is required (tls_client_auth)", status=401
        )
    presented = x509.load_der_x509_certificate(certificate_der).subject
    if presented != x509.Name.from_rfc4514_string(subject):
        raise MachineRefused("invalid_client", "another certificate is registered", status=401)


def _basic_credentials(request: web.Request) -> tuple[str, str] | None:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise MachineRefused("invalid_client", "Basic is malformed", status=401) from None
    if not colon:
        raise MachineRefused("invalid_client", "Basic is malformed", status=401)
    return unquote_plus(name), unquote_plus(secret)


def _is_equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
