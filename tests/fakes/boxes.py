"""Boxes with certificates of one test PKI: what each proves itself with, and who knows it."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from cryptography.hazmat.primitives.serialization import Encoding

from drimbox.errors import Refused
from drimbox.model.access import Peer
from drimbox.ports.trusted_space import Address
from drimbox.sandbox.trusted_space.pki import Issued, TestPki, organisation_name
from drimbox.settings.partners import TlsFiles
from drimbox.standards.iua.jwks import SigningKey, load_certificate_key

SOURCE, CONSUMER, OTHER, STRANGER = (f"db{n}.test.mesimagesmedicales.fr" for n in (1, 2, 3, 9))


@dataclass(frozen=True)
class TestBox:
    """One box; peer is its Domaine."""

    __test__ = False

    peer: Peer
    client: Issued
    server: Issued
    ca_file: Path

    @property
    def certificate_der(self) -> bytes:
        return self.client.certificate.public_bytes(Encoding.DER)

    @property
    def key(self) -> SigningKey:
        return load_certificate_key(self.client.key_file.read_bytes())

    def tls(self) -> TlsFiles:
        return TlsFiles(
            certificate_file=self.client.certificate_file,
            key_file=self.client.key_file,
            ca_file=self.ca_file,
        )


@cache
def box(host: str) -> TestBox:
    """Return the box of this name, made once a run."""
    pki, ca_file = _pki()
    number = host.removeprefix("db").partition(".")[0]
    subject = organisation_name(host, structure=f"3{number * 14}", organisation=f"SITE {number}")
    client = pki.issue_client(f"{host}-client", subject)
    dn = client.certificate.subject.rfc4514_string()
    peer = Peer(number, host, host.replace("db", "vi"), f"Boîte {number}", dn)
    return TestBox(peer, client, pki.issue_server(f"{host}-server", [host], subject), ca_file)


@cache
def _pki() -> tuple[TestPki, Path]:
    folder = Path(mkdtemp(prefix="drimbox-boxes-"))
    pki = TestPki(folder / "pki")
    ca_file = folder / "anchors.pem"
    ca_file.write_bytes(pki.ca_file.read_bytes() + pki.intermediate_file.read_bytes())
    return pki, ca_file


@dataclass
class ListedBoxes:
    """A trusted space with these boxes on its list; port is where the Source listens."""

    hosts: tuple[str, ...] = (SOURCE, CONSUMER, OTHER)
    port: int = 0

    def check_peer_certificate(self, certificate_der: bytes) -> Peer:
        for host in self.hosts:
            if box(host).certificate_der == certificate_der:
                return box(host).peer
        raise Refused("not on the white list")

    def get_peer(self, db_host: str) -> Peer:
        if db_host not in self.hosts:
            raise Refused("not on the white list")
        return box(db_host).peer

    def address_of(self, peer: Peer) -> Address:
        del peer
        return Address("127.0.0.1", self.port)
