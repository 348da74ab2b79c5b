"""Keys of sandbox parties, made on the spot."""

from typing import Any

from joserfc.jwk import ECKey, RSAKey


def new_private_jwk(kid: str, *, curve: str = "P-384") -> dict[str, Any]:
    """Return a private EC JWK: for a FHIR client of the demo, or a box's own signing key."""
    return dict(ECKey.generate_key(curve, {"kid": kid, "use": "sig"}).as_dict(private=True))


def public_jwks(private_jwk: dict[str, Any]) -> dict[str, Any]:
    """Return the JWK set that the other side is given."""
    return {"keys": [ECKey.import_key(private_jwk).as_dict(private=False)]}


def new_rsa_key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})


def new_ec_key(kid: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"})
