"""Keys for tests: made once a run, one of each kind."""

import json
from functools import cache
from typing import Any

from joserfc.jwk import ECKey, RSAKey

from drimbox.standards.iua.jwks import PublicKeys, SigningKey, parse_jwks, parse_signing_key


@cache
def ec_key(name: str, curve: str = "P-384") -> ECKey:
    return ECKey.generate_key(curve, {"kid": name})


@cache
def rsa_key(name: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": name})


@cache
def signing_key(name: str = "box", curve: str = "P-256") -> SigningKey:
    return parse_signing_key(json.dumps(ec_key(name, curve).as_dict(private=True)).encode())


def public_keys(*keys: ECKey | RSAKey) -> PublicKeys:
    """Return what a verifier knows of these keys, by way of a JWK set."""
    return parse_jwks(jwks_of(*keys))


def jwks_of(*keys: ECKey | RSAKey) -> bytes:
    members: list[Any] = [key.as_dict(private=False) for key in keys]
    return json.dumps({"keys": members}).encode()
