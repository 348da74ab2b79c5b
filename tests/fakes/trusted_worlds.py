"""One PKI, its published white list and CRL, and boxes that read them on a clock that moves."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from drimbox.adapters.trusted_space_file.trusted_space import VerifiedTrustedSpace
from drimbox.model.access import Peer
from drimbox.sandbox.trusted_space.pki import Issued, TestPki, organisation_name
from drimbox.sandbox.trusted_space.server import SandboxTrustedSpace
from drimbox.settings.partners import TrustedSpaceSettings

DB1, DB2 = "db1.test.mesimagesmedicales.fr", "db2.test.mesimagesmedicales.fr"
SIGNER = organisation_name(
    "Liste Blanche DRIM-M", structure="318751275100020", organisation="AGENCE DU NUMERIQUE EN SANTE"
)


@dataclass
class MovableClock:
    offset: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass
class World:
    """One PKI, its white list server, and how to build a box that reads it."""

    pki: TestPki
    space: SandboxTrustedSpace
    signer: Issued
    directory: Path
    clock: MovableClock

    def box(self, **changes: object) -> VerifiedTrustedSpace:
        anchors = self.directory / "anchors.pem"
        anchors.write_bytes(self.pki.ca_file.read_bytes() + self.pki.intermediate_file.read_bytes())
        values: dict[str, object] = {
            "white_list_url": self.space.white_list_url,
            "crl_urls": (self.space.crl_url,),
            "anchors_file": self.pki.ca_file,
            "peer_anchors_file": anchors,
            "state_directory": self.directory / "state",
            "addresses": {DB1: "127.0.0.1:4431"},
        }
        settings = TrustedSpaceSettings.model_validate(values | changes)
        return VerifiedTrustedSpace(settings, self.clock)

    def client(self, name: str, common_name: str, **options: object) -> bytes:
        subject = organisation_name(common_name, structure="311111111100011", organisation="SITE")
        issued = self.pki.issue_client(name, subject, **options)  # type: ignore[arg-type]
        return der(issued)


def der(issued: Issued) -> bytes:
    return issued.certificate.public_bytes(Encoding.DER)


def peer(host: str, number: str = "1", operator_dn: str | None = None) -> Peer:
    dn = operator_dn or f"CN={host},OU=311111111100011,O=SITE,C=FR"
    return Peer(number, host, host.replace("db", "vi"), f"Boîte {number}", dn)


@asynccontextmanager
async def trusted_world(folder: Path) -> AsyncIterator[World]:
    pki = TestPki(folder / "pki")
    signer = pki.issue_signing("liste-blanche", SIGNER)
    space = SandboxTrustedSpace(pki, signer, [peer(DB1), peer(DB2, "2")])
    await space.start("127.0.0.1", 0)
    yield World(pki, space, signer, folder, MovableClock())
    await space.stop()
