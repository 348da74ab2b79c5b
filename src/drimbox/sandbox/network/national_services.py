"""The national services of the demo: DMP, Pro Santé Connect, FranceConnect+, trusted space."""

import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from drimbox.adapters.system_clock import SystemClock
from drimbox.model.patient import Ins
from drimbox.sandbox.dmp.patients import DmpPatient
from drimbox.sandbox.dmp.server import SandboxDmp
from drimbox.sandbox.dmp.service import DmpTrust
from drimbox.sandbox.france_connect.provider import SandboxFranceConnect
from drimbox.sandbox.network.addresses import Addresses
from drimbox.sandbox.network.keys import BoxKeys, NetworkKeys, subject_of
from drimbox.sandbox.openid_provider.clients import SandboxClient
from drimbox.sandbox.patients.identities import PATIENTS
from drimbox.sandbox.pro_sante_connect.provider import SandboxProSanteConnect
from drimbox.sandbox.trusted_space.server import SandboxTrustedSpace

_LOOPBACK = "127.0.0.1"
_PEOPLE_OF_THE_DEMO = tuple(patient.traits.ins for patient in PATIENTS)


@dataclass(frozen=True, slots=True)
class ServiceAddresses:
    """What a box's settings and the descriptor say of the services."""

    registry_url: str
    repository_url: str
    patients_url: str
    documents_url: str
    pro_sante_connect_issuer: str
    pro_sante_connect_discovery_url: str
    france_connect_issuer: str
    white_list_url: str
    crl_url: str


class NationalServices:
    """All four, in this process; the DMP knows the patients of the demo, or those given."""

    def __init__(
        self,
        folder: Path,
        addresses: Addresses,
        keys: NetworkKeys,
        *,
        patients: Iterable[Ins] = _PEOPLE_OF_THE_DEMO,
    ) -> None:
        self._addresses = addresses
        self._keys = keys
        trust = DmpTrust(
            client_authorities=keys.full_anchors.read_bytes(),
            signing_authorities=keys.full_anchors.read_bytes(),
        )
        self.dmp = SandboxDmp(
            folder / "dmp",
            trust=trust,
            patients=[DmpPatient(ins) for ins in patients],
            clock=SystemClock(),
        )
        self.pro_sante_connect = SandboxProSanteConnect(
            [
                _client("drimbox-source", keys.source, addresses.source_browser),
                _client("drimbox-consumer", keys.consumer, addresses.consumer_browser),
            ]
        )
        self.france_connect = SandboxFranceConnect([])
        self.trusted_space = SandboxTrustedSpace(keys.pki, keys.white_list_signer, keys.peers)

    async def start(self) -> ServiceAddresses:
        """Listen, and return where."""
        ports = self._addresses
        await self.trusted_space.start(_LOOPBACK, ports.trusted_space)
        await self.dmp.start(_LOOPBACK, ports.dmp, self._tls(), control_port=ports.dmp_control)
        await self.pro_sante_connect.start(
            _LOOPBACK, ports.pro_sante_connect, ports.pro_sante_connect_mtls, self._tls()
        )
        await self.france_connect.start(_LOOPBACK, ports.france_connect)
        return ServiceAddresses(
            registry_url=self.dmp.registry_url,
            repository_url=self.dmp.repository_url,
            patients_url=self.dmp.patients_url,
            documents_url=self.dmp.documents_url,
            pro_sante_connect_issuer=self.pro_sante_connect.issuer,
            pro_sante_connect_discovery_url=self.pro_sante_connect.discovery_url,
            france_connect_issuer=self.france_connect.issuer,
            white_list_url=self.trusted_space.white_list_url,
            crl_url=self.trusted_space.crl_url,
        )

    async def stop(self) -> None:
        """Stop all of them."""
        await self.france_connect.stop()
        await self.pro_sante_connect.stop()
        await self.dmp.stop()
        await self.trusted_space.stop()

    def _tls(self) -> ssl.SSLContext:
        """Return a server context that requires client certificates of the test PKI."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        services = self._keys.services
        context.load_cert_chain(services.certificate_file, services.key_file)
        context.load_verify_locations(self._keys.full_anchors)
        context.verify_mode = ssl.CERT_REQUIRED
        return context


def _client(client_id: str, box: BoxKeys, browser_port: int) -> SandboxClient:
    base_url = f"http://localhost:{browser_port}"
    return SandboxClient(
        client_id=client_id,
        redirect_uris=frozenset({f"{base_url}/sign-in/callback"}),
        post_logout_redirect_uris=frozenset({f"{base_url}/sign-out"}),
        certificate_subject=subject_of(box.peer_client),
    )
