"""The establishments that this box speaks for, each with its two certificates (SO.19, CO.91)."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from drimbox.adapters.dmp_soap.mutual_tls import client_context
from drimbox.errors import InvalidValue, SettingsError
from drimbox.settings.partners import Establishment, TlsFiles
from drimbox.settings.renewed import Renewed
from drimbox.standards.saml.signing_key import SigningKey


@dataclass(frozen=True, slots=True)
class Credentials:
    """What one establishment proves itself with; identifier is its Struct_IdNat."""

    identifier: str
    name: str
    tls: ssl.SSLContext
    signing_key: SigningKey

    def __repr__(self) -> str:
        return f"Credentials({self.identifier})"


class Establishments:
    """Credentials by structure; renewed are theirs, in the order of the settings."""

    def __init__(self, establishments: Sequence[Establishment]) -> None:
        """Read every file.

        Raises:
            SettingsError: none is configured, one is there twice, or a file cannot be used.
        """
        if not establishments:
            raise SettingsError("dmp.establishments", "at least one")
        self._by_identifier = {e.identifier: _renewed(e) for e in establishments}
        if len(self._by_identifier) != len(establishments):
            raise SettingsError("dmp.establishments", "the same identifier twice")

    @property
    def renewed(self) -> tuple[Renewed[Credentials], ...]:
        return tuple(self._by_identifier.values())

    def choose(self, structure_identifier: str) -> Credentials:
        """Return that structure's credentials, or those of the only establishment there is.

        Raises:
            SettingsError: several establishments, and none is that structure.
        """
        found = self._by_identifier.get(structure_identifier)
        if found is not None:
            return found.current
        if len(self._by_identifier) == 1:
            return next(iter(self._by_identifier.values())).current
        raise SettingsError("dmp.establishments", "no certificate for the structure that acts")


def _renewed(establishment: Establishment) -> Renewed[Credentials]:
    # Of the authorities of the signature nothing is read.
    signature = (establishment.signature.certificate_file, establishment.signature.key_file)
    files = (*establishment.authentication.every_file, *signature)
    try:
        return Renewed(files, lambda: _read(establishment))
    except OSError as error:
        raise SettingsError(str(error.filename), error.strerror or "cannot be read") from error


def _read(establishment: Establishment) -> Credentials:
    return Credentials(
        identifier=establishment.identifier,
        name=establishment.name,
        tls=client_context(establishment.authentication),
        signing_key=_signing_key(establishment.signature),
    )


def _signing_key(files: TlsFiles) -> SigningKey:
    key_pem, certificate_pem = _octets(files.key_file), _octets(files.certificate_file)
    try:
        return SigningKey.from_pem(key_pem, certificate_pem)
    except InvalidValue as error:
        raise SettingsError(str(files.key_file), error.rule) from error


def _octets(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(str(path), error.strerror or "cannot be read") from error
