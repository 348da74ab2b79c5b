"""JSON Web Keys: the public keys of others by kid, and the key that we sign with (RFC 7517).

Symmetric keys are never taken: a verifier of ours knows public keys only.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, RSAKey, import_key

from drimbox.errors import MalformedMessage

MAX_JWKS_BYTES = 256 * 1024
# 2048 bits in base64url.
_MIN_MODULUS = 342
_MIN_RSA_BITS = 2048
_ALGORITHM_OF_CURVE = {"P-256": "ES256", "P-384": "ES384"}


class PublicKeys:
    """What may verify a signature of one issuer; a key is chosen by kid and never by the token."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._keys: dict[str, Key] = {}
        for key in keys:
            # A key without kid gets its thumbprint (RFC 7638).
            key.ensure_kid()
            self._keys[str(key.kid)] = key

    def find(self, kid: str | None) -> Key | None:
        """Return the key of this kid; without kid, the only key of a set of one."""
        if kid is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys.values())

    def joined(self, other: "PublicKeys") -> "PublicKeys":
        """Return the keys of both; of two with one kid, ours."""
        return PublicKeys([*other, *self])

    @property
    def kids(self) -> frozenset[str]:
        return frozenset(self._keys)

    def encode(self) -> dict[str, object]:
        """Return the JWK set, public members only."""
        return {"keys": [key.as_dict(private=False) for key in self]}


class SigningKey:
    """A private key of ours: EC P-256 or P-384, or RSA, which then signs PS256."""

    __slots__ = ("_key", "algorithm", "kid", "public")

    def __init__(self, key: ECKey | RSAKey) -> None:
        """Take the key.

        Raises:
            MalformedMessage: a public key, or another curve.
        """
        algorithm: str | None = "PS256"
        if isinstance(key, ECKey):
            algorithm = _ALGORITHM_OF_CURVE.get(key.curve_name)
        if algorithm is None or not key.is_private:
            raise MalformedMessage("a private key on P-256 or P-384", where="signing key")
        key.ensure_kid()
        self._key = key
        self.algorithm = algorithm
        self.kid = str(key.kid)
        members = key.as_dict(private=False)
        members |= {"use": "sig", "alg": self.algorithm, "kid": self.kid}
        self.public = PublicKeys([import_key(members)])

    @property
    def private(self) -> ECKey | RSAKey:
        """The key itself, for standards.iua alone."""
        return self._key

    def __repr__(self) -> str:
        return f"SigningKey({self.algorithm})"


def encode_signing_key(private_key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the private JWK of a key on P-256 or P-384, its kid the thumbprint (RFC 7638).

    Raises:
        MalformedMessage: another curve.
    """
    pem = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key = SigningKey(ECKey.import_key(pem))
    members = key.private.as_dict(private=True)
    return json.dumps(members | {"use": "sig", "alg": key.algorithm, "kid": key.kid}).encode()


def parse_jwks(octets: bytes) -> PublicKeys:
    """Read a JWK set; keys for encryption or of a kind we do not use are left out.

    Raises:
        MalformedMessage: not a JWK set, too large, or nothing usable in it.
    """
    if len(octets) > MAX_JWKS_BYTES:
        raise MalformedMessage("larger than 256 KiB", where="JWKS")
    members = _parse_object(octets, "JWKS").get("keys")
    if not isinstance(members, list):
        raise MalformedMessage('an object with an array "keys"', where="JWKS")
    keys = PublicKeys(key for member in members if (key := _verification_key(member)) is not None)
    if not keys.kids:
        raise MalformedMessage("no key that can verify a signature", where="JWKS")
    return keys


def parse_signing_key(octets: bytes) -> SigningKey:
    """Read our private JWK.

    Raises:
        MalformedMessage: not a private EC JWK on P-256 or P-384.
    """
    try:
        key = import_key(_parse_object(octets, "signing key"))
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise MalformedMessage("a private JWK", where="signing key") from error
    if not isinstance(key, ECKey):
        raise MalformedMessage("a private EC key on P-256 or P-384", where="signing key")
    return SigningKey(key)


def load_certificate_key(pem: bytes) -> SigningKey:
    """Read the private key of a certificate of ours, to sign in the box's own name.

    Raises:
        MalformedMessage: neither EC on P-256 or P-384 nor RSA, or protected by a password.
    """
    for kind in (ECKey, RSAKey):
        try:
            return SigningKey(kind.import_key(pem))
        except (JoseError, ValueError, TypeError):
            continue
    raise MalformedMessage("an EC or RSA private key in PEM", where="key of the certificate")


def keys_of_certificate(certificate_der: bytes) -> PublicKeys:
    """Return the one key of a certificate that the handshake has verified.

    Raises:
        MalformedMessage: not a certificate, or a key that signs nothing that we read.
    """
    try:
        key = x509.load_der_x509_certificate(certificate_der).public_key()
    except ValueError as error:
        raise MalformedMessage("not a certificate", where="client certificate") from error
    octets = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return PublicKeys([ECKey.import_key(octets)])
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _MIN_RSA_BITS:
        return PublicKeys([RSAKey.import_key(octets)])
    raise MalformedMessage("neither EC nor RSA of 2048 bits", where="client certificate")


def _parse_object(octets: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise MalformedMessage("JSON", where=where) from error
    if not isinstance(value, dict):
        raise MalformedMessage("a JSON object", where=where)
    return value


def _verification_key(member: object) -> Key | None:
    if not isinstance(member, dict) or member.get("use", "sig") != "sig":
        return None
    # Looked at before the import: joserfc warns of weak keys instead of refusing them.
    is_long_rsa = member.get("kty") == "RSA" and len(str(member.get("n", ""))) >= _MIN_MODULUS
    if member.get("kty") != "EC" and not is_long_rsa:
        return None
    try:
        return import_key(member)
    # RFC 7517 5: a key that is not understood is left out, the others hold.
    except (JoseError, ValueError, TypeError, KeyError):
        return None
