"""Every certificate that the settings name: whether its key is its own, and when it ends."""

import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from drimbox.errors import MalformedMessage, SettingsError
from drimbox.settings.load import Settings
from drimbox.settings.partners import TlsFiles
from drimbox.standards.trusted_space.certificates import load_certificates

WARNED_BEFORE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class CertificateInUse:
    """A file and the setting that names it; key_file is None for authorities."""

    setting: str
    certificate_file: Path
    key_file: Path | None


def certificates_in_use(settings: Settings) -> tuple[CertificateInUse, ...]:
    """List them in the order of the settings, authorities after what they vouch for, each once."""
    found: dict[Path, CertificateInUse] = {}
    for one in _all(settings):
        found.setdefault(one.certificate_file, one)
    return tuple(found.values())


def check_certificate(certificate: CertificateInUse, now: datetime) -> str:
    """Return whose it is and until when.

    Raises:
        SettingsError: unreadable, the key of another, not valid yet, or over within thirty days.
    """
    setting = certificate.setting
    chain = _read(certificate)
    if certificate.key_file is not None:
        _check_key(certificate)
        chain = chain[:1]
    # Of several authorities, the one that ends first.
    first = min(chain, key=lambda one: one.not_valid_after_utc)
    ends = first.not_valid_after_utc
    if now < first.not_valid_before_utc:
        raise SettingsError(setting, f"not valid before {first.not_valid_before_utc:%Y-%m-%d}")
    if now >= ends:
        raise SettingsError(setting, f"ended {ends:%Y-%m-%d}")
    if now >= ends - WARNED_BEFORE:
        raise SettingsError(setting, f"ends {ends:%Y-%m-%d}, in {(ends - now).days} days")
    return f"until {ends:%Y-%m-%d}, {first.subject.rfc4514_string()}"


def certificate_ends(settings: Settings) -> dict[str, datetime]:
    """Return when each certificate of ours ends, by its setting; an unreadable one is left out.

    The box would not have started without those that it needs; this is for who watches.
    """
    ends = {}
    for one in certificates_in_use(settings):
        with suppress(SettingsError):
            ends[one.setting] = min(c.not_valid_after_utc for c in _read(one))
    return ends


def read_leaf(files: TlsFiles) -> x509.Certificate:
    """Return the certificate that we show.

    Raises:
        SettingsError: it cannot be read.
    """
    in_use = CertificateInUse(str(files.certificate_file), files.certificate_file, files.key_file)
    return _read(in_use)[0]


def _all(settings: Settings) -> Iterator[CertificateInUse]:
    browser = settings.browser
    if browser.certificate_file is not None:
        yield CertificateInUse(
            "browser.certificate_file", browser.certificate_file, browser.key_file
        )
    if settings.peer is not None:
        yield from _pair("peer.tls", settings.peer.tls)
    yield from _pair("peer_client", settings.peer_client)
    for establishment in settings.dmp.establishments:
        where = f"dmp.establishments {establishment.identifier}"
        yield from _pair(f"{where} authentication", establishment.authentication)
        yield from _pair(f"{where} signature", establishment.signature)
    if settings.pro_sante_connect.tls is not None:
        yield from _pair("pro_sante_connect.tls", settings.pro_sante_connect.tls)
    space = settings.trusted_space
    yield CertificateInUse("trusted_space.anchors_file", space.anchors_file, None)
    yield CertificateInUse("trusted_space.peer_anchors_file", space.peer_anchors_file, None)


def _pair(setting: str, files: TlsFiles) -> Iterator[CertificateInUse]:
    yield CertificateInUse(setting, files.certificate_file, files.key_file)
    yield CertificateInUse(f"{setting}.ca_file", files.ca_file, None)


def _read(certificate: CertificateInUse) -> tuple[x509.Certificate, ...]:
    path = certificate.certificate_file
    try:
        return load_certificates(path.read_bytes())
    except OSError as error:
        reason = f"{path}: {error.strerror or 'cannot be read'}"
        raise SettingsError(certificate.setting, reason) from error
    except MalformedMessage as error:
        raise SettingsError(certificate.setting, f"{path}: {error}") from error


def _check_key(certificate: CertificateInUse) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_cert_chain(certificate.certificate_file, certificate.key_file)
    except ssl.SSLError as error:
        reason = f"{certificate.key_file}: not the key of the certificate"
        raise SettingsError(certificate.setting, reason) from error
    except OSError as error:
        reason = f"{certificate.key_file}: {error.strerror or 'cannot be read'}"
        raise SettingsError(certificate.setting, reason) from error
