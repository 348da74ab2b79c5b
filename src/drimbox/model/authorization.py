"""An authorization code: what a professional has just allowed an application (RFC 6749 4.1)."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """One code, to be redeemed once, before expires_at, by this client only.

    code is random (256 bits) and stored hashed; code_challenge is the S256 of the verifier that the
    client keeps (RFC 7636); context is the identifier of the consultation context that it opens.
    """

    code: str
    client_id: str
    redirect_uri: str
    code_challenge: str
    scopes: tuple[str, ...]
    context: str
    expires_at: datetime

    def __repr__(self) -> str:
        return "AuthorizationCode()"
