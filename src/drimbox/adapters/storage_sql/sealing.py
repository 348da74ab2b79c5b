"""What keeps identities and tokens unreadable at rest: AES-256-GCM, blind indexes, chain keys.

A sealed value is  version (1 octet) | nonce (12) | ciphertext and tag (16 more than the plain text)
and opens only in the place it was sealed for: table, column and row key are authenticated with it.
One key file of 32 octets; a key of its own is derived for each use (HKDF, RFC 5869).
"""

import hashlib
import hmac
import secrets
import stat
import zlib
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from drimbox.errors import Mismatch, SettingsError

KEY_LENGTH = 32
_NONCE_LENGTH = 12
_PLAIN, _DEFLATED = b"\x01", b"\x02"
# Below this, or above what is worth its time on the way in, octets are sealed as they are.
_DEFLATE_FROM, _DEFLATE_TO = 512, 1024 * 1024


class Sealing:
    """Seals and opens values, and makes the keyed digests that stand for identities."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_LENGTH:
            raise SettingsError("storage.key_file", f"must hold exactly {KEY_LENGTH} octets")
        self._cipher = AESGCM(_derive(key, b"drimbox seal"))
        self._index_key = _derive(key, b"drimbox index")
        self._chain_key = _derive(key, b"drimbox chain")
        self._other_uses_key = _derive(key, b"drimbox other uses")

    def seal(self, octets: bytes, *place: str | bytes) -> bytes:
        """Seal for one place (table, column, row key)."""
        version = _PLAIN
        if _DEFLATE_FROM <= len(octets) <= _DEFLATE_TO:
            deflated = zlib.compress(octets, 1)
            if len(deflated) < len(octets):
                version, octets = _DEFLATED, deflated
        nonce = secrets.token_bytes(_NONCE_LENGTH)
        return version + nonce + self._cipher.encrypt(nonce, octets, _join(version, *place))

    def unseal(self, sealed: bytes, *place: str | bytes) -> bytes:
        """Open what was sealed for this very place.

        Raises:
            Mismatch: altered, moved from another place, or sealed with another key.
        """
        version, nonce = sealed[:1], sealed[1 : 1 + _NONCE_LENGTH]
        if version not in {_PLAIN, _DEFLATED} or len(nonce) != _NONCE_LENGTH:
            raise Mismatch("a sealed value is not in our format")
        try:
            octets = self._cipher.decrypt(
                nonce, sealed[1 + _NONCE_LENGTH :], _join(version, *place)
            )
        except InvalidTag:
            raise Mismatch(
                "a sealed value was altered, moved, or sealed with another key"
            ) from None
        return zlib.decompress(octets) if version == _DEFLATED else octets

    def derive_key(self, use: str, length: int) -> bytes:
        """Return a key for another use than storage; each use has its own."""
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=use.encode()).derive(
            self._other_uses_key
        )

    def index(self, *values: str) -> bytes:
        """Return the 32 octets that stand for an identity in a search, useless without the key."""
        return hmac.digest(self._index_key, _join(*values), hashlib.sha256)

    def chain(self, *values: bytes) -> bytes:
        """Return the 32 octets that chain a row to its predecessor."""
        return hmac.digest(self._chain_key, _join(*values), hashlib.sha256)


def load_sealing(key_file: Path) -> Sealing:
    """Read the key.

    Raises:
        SettingsError: unreadable, open to other users of the host, or not 32 octets.
    """
    path = f"storage.key_file {key_file}"
    try:
        mode = key_file.stat().st_mode
        key = key_file.read_bytes()
    except OSError as error:
        raise SettingsError(path, error.strerror or "cannot be read") from error
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise SettingsError(path, "is open to other users; chmod 0600 (0440 at most)")
    if len(key) != KEY_LENGTH:
        raise SettingsError(path, f"must hold exactly {KEY_LENGTH} octets")
    return Sealing(key)


def digest_of_secret(secret: str) -> bytes:
    """Return what is stored of a random identifier (256 bits): its SHA-256."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _join(*values: str | bytes) -> bytes:
    """Join without ambiguity: each part is preceded by its length."""
    parts = [value.encode() if isinstance(value, str) else value for value in values]
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def _derive(key: bytes, use: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_LENGTH, salt=None, info=use).derive(key)
