"""What an operator may change of the three HTTP listeners."""

from pathlib import Path

from pydantic import Field

from drimbox.settings.partners import Section, TlsFiles
from drimbox.settings.values import BaseUrl, Port


class BrowserListenerSettings(Section):
    """What a person or a FHIR client of the site uses.

    base_url is the public address. Without certificate_file it speaks plain HTTP: only on a
    loopback address with environment = test. ohif_directory is what scripts/viewer made; without it
    images are shown by the box's own page alone.
    """

    base_url: BaseUrl
    host: str = "127.0.0.1"
    port: Port
    certificate_file: Path | None = None
    key_file: Path | None = None
    ohif_directory: Path | None = None


class PeerListenerSettings(Section):
    """What other boxes use; the client certificate is required.

    One box may ask requests_a_minute, of them requests_at_once, of each worker process (O12).
    """

    base_url: BaseUrl
    host: str = "127.0.0.1"
    port: Port
    tls: TlsFiles
    requests_a_minute: int = Field(default=6000, ge=1)
    requests_at_once: int = Field(default=24, ge=5)


class OperatorListenerSettings(Section):
    """Metrics and administration, loopback by default.

    It answers to addresses and localhost; allowed_hosts are the names by which others reach it.
    """

    host: str = "127.0.0.1"
    port: Port
    allowed_hosts: tuple[str, ...] = ()
