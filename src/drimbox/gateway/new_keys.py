"""Keys of a box, made by the box: nobody has seen them before."""

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from drimbox.adapters.storage_sql.sealing import KEY_LENGTH
from drimbox.standards.iua.jwks import encode_signing_key


def write_storage_key(path: Path) -> None:
    """Write the key that seals patients and tokens at rest.

    Raises:
        FileExistsError: a key, once lost, opens nothing any more: none is ever overwritten.
    """
    _write(path, secrets.token_bytes(KEY_LENGTH))


def write_signing_key(path: Path) -> None:
    """Write a key that signs our access tokens: a private JWK on P-256 (ES256).

    Raises:
        FileExistsError: the same.
    """
    _write(path, encode_signing_key(ec.generate_private_key(ec.SECP256R1())))


def _write(path: Path, content: bytes) -> None:
    """Write a new file that its owner alone reads."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
