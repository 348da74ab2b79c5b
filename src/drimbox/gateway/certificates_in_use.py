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
from drimbox.settings.partners import Section, TlsFiles
from drimbox.standards.trusted_space.certificates import load_certificates

_AUTHORITIES = ("ca_file", "anchors_file")
WARNED_BEFORE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class CertificateInUse:
    """A file and the setting that names it; key_file is None for authorities."""

    setting: str
    certificate_file: Path
    key_file: Path | None


def certificates_in_use(settings: Settings) -> tuple[CertificateInUse, ...]:
    """List them in the order of the settings; a file of authorities once, by its first setting."""
    seen: set[Path] = set()
    found = []
    for one in _below(settings, ""):
        if one.key_file is not None or one.certificate_file not in seen:
            found.append(one)
        seen.add(one.certificate_file)
    return tuple(found)


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


def _below(section: Section | Settings, where: str) -> Iterator[CertificateInUse]:
    """Walk a section: what names a certificate file is found, whichever section is added."""
    prefix = f"{where}." if where else ""
    own = getattr(section, "certificate_file", None)
    if isinstance(own, Path):
        # The section stands for its certificate; browser, whose key may be absent, names the file.
        setting = where if isinstance(section, TlsFiles) else f"{prefix}certificate_file"
        yield CertificateInUse(setting, own, getattr(section, "key_file", None))
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Path) and name.endswith(_AUTHORITIES):
            yield CertificateInUse(f"{prefix}{name}", value, None)
        elif isinstance(value, Section):
            yield from _below(value, f"{prefix}{name}")
        elif isinstance(value, tuple):
            for number, one in enumerate(value, 1):
                if isinstance(one, Section):
                    # By number: the identifier of a practice holds the RPPS of its practitioner,
                    # and this name is a label of /metrics too.
                    yield from _below(one, f"{prefix}{name} {number}")


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
