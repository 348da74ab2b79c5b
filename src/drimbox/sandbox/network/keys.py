"""Every certificate and key of the demo, made once in its folder, from one test PKI."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from joserfc.jwk import ECKey

from drimbox.model.access import Peer
from drimbox.model.practice import Structure
from drimbox.sandbox.network.addresses import (
    CONSUMER_DB,
    PROGRAM_DB,
    SOURCE_DB,
    Addresses,
    viewer_host,
)
from drimbox.sandbox.patients.establishments import (
    CONSUMER_ESTABLISHMENT,
    SOURCE_ESTABLISHMENT,
    SandboxEstablishment,
)
from drimbox.sandbox.patients.professionals import PROFESSIONALS
from drimbox.sandbox.trusted_space.pki import Issued, TestPki, organisation_name

FHIR_CLIENT_ID = "demo-fhir-client"
# A SMART application of the Consommatrice's site: public, so that it has no key to keep.
SMART_APPLICATION_ID = "demo-smart-application"
SMART_APPLICATION_SCOPES = ("launch", "launch/patient", "patient/*.rs")
FHIR_CLIENT_SCOPES = (
    "system/ImagingStudy.rs",
    "system/DocumentReference.rs",
    "system/List.rs",
    "system/Patient.rs",
    "system/Endpoint.rs",
    "system/Binary.r",
    "system/Bundle.r",
    "system/Provenance.r",
    "system/Practitioner.r",
    "system/PractitionerRole.r",
    "system/Organization.r",
    "system/Device.r",
)


def smart_redirect_uri(addresses: Addresses) -> str:
    """Return where the application takes its code: on the host of the DPI."""
    return f"http://localhost:{addresses.dpi}/smart/callback"


@dataclass(frozen=True, slots=True)
class EstablishmentKeys:
    """What one structure proves itself with at the DMP: ORG AUTH_CLI and ORG SIGN."""

    structure: Structure
    authentication: Issued
    signature: Issued


@dataclass(frozen=True, slots=True)
class BoxKeys:
    """What one box proves itself with.

    peer_client is its own among boxes, and at Pro Santé Connect; server faces the other boxes.
    """

    establishments: tuple[EstablishmentKeys, ...]
    peer_client: Issued
    server: Issued
    storage_key: Path
    token_key: Path


@dataclass(frozen=True, slots=True)
class NetworkKeys:
    """All of them; the two anchors files are the roots alone, and with the intermediate."""

    pki: TestPki
    anchors: Path
    full_anchors: Path
    source: BoxKeys
    consumer: BoxKeys
    program: Issued
    services: Issued
    white_list_signer: Issued
    fhir_client_key: Path
    fhir_client_jwks: Path

    @property
    def peers(self) -> tuple[Peer, ...]:
        """The Domaines of the white list."""
        named = (
            (SOURCE_DB, SOURCE_ESTABLISHMENT.name, self.source.peer_client),
            (CONSUMER_DB, CONSUMER_ESTABLISHMENT.name, self.consumer.peer_client),
            (PROGRAM_DB, "Programme de recette", self.program),
        )
        return tuple(
            Peer(str(number), db, viewer_host(db), name, subject_of(issued))
            for number, (db, name, issued) in enumerate(named, 1)
        )


def subject_of(issued: Issued) -> str:
    """Return the subject as DNCertificatOperateur is printed: CN first (RFC 4514)."""
    return issued.certificate.subject.rfc4514_string()


def make_keys(folder: Path, *, crl_url: str) -> NetworkKeys:
    """Make what is missing in the folder (0700) and return all of it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    pki = TestPki(folder / "pki", crl_url=crl_url)
    full_anchors = folder / "anchors-full.pem"
    full_anchors.write_bytes(pki.ca_file.read_bytes() + pki.intermediate_file.read_bytes())
    key, jwks = _fhir_client(folder)
    services = organisation_name(
        "services.sandbox", structure="318751275100020", organisation="SERVICES NATIONAUX"
    )
    signer = organisation_name(
        "Liste Blanche DRIM-M",
        structure="318751275100020",
        organisation="AGENCE DU NUMERIQUE EN SANTE",
    )
    return NetworkKeys(
        pki=pki,
        anchors=pki.ca_file,
        full_anchors=full_anchors,
        source=_box_keys(pki, folder, "source", SOURCE_DB, SOURCE_ESTABLISHMENT),
        consumer=_box_keys(pki, folder, "consumer", CONSUMER_DB, CONSUMER_ESTABLISHMENT),
        program=pki.issue_client("program-peer", _peer_subject(PROGRAM_DB, SOURCE_ESTABLISHMENT)),
        services=pki.issue_server("services", ["localhost"], services),
        white_list_signer=pki.issue_signing("white-list-signer", signer),
        fhir_client_key=key,
        fhir_client_jwks=jwks,
    )


def consulting_structures() -> tuple[Structure, ...]:
    """Return every structure that a professional of the demo may consult for, each once (CO.91).

    The Consommatrice of the demo is shared, as that of a group of sites: its own clinic first.
    """
    own = CONSUMER_ESTABLISHMENT.structure
    others = (activity.structure for p in PROFESSIONALS for activity in p.activities)
    return tuple({structure.identifier: structure for structure in (own, *others)}.values())


def _establishment_keys(pki: TestPki, name: str, structure: Structure) -> EstablishmentKeys:
    subject = organisation_name(
        f"drimbox-{name}", structure=structure.identifier, organisation=structure.name
    )
    files = f"{name}-{structure.identifier}"
    return EstablishmentKeys(
        structure,
        pki.issue_client(f"{files}-authentication", subject),
        pki.issue_signing(f"{files}-signature", subject),
    )


def _box_keys(
    pki: TestPki, folder: Path, name: str, db_host: str, establishment: SandboxEstablishment
) -> BoxKeys:
    is_source = establishment is SOURCE_ESTABLISHMENT
    structures = (establishment.structure,) if is_source else consulting_structures()
    peer = _peer_subject(db_host, establishment)
    return BoxKeys(
        establishments=tuple(_establishment_keys(pki, name, s) for s in structures),
        peer_client=pki.issue_client(f"{name}-peer", peer),
        server=pki.issue_server(f"{name}-server", [db_host, viewer_host(db_host)], peer),
        storage_key=_secret_file(folder / f"{name}.storage-key", secrets.token_bytes(32)),
        token_key=_secret_file(folder / f"{name}.token-key.json", private_jwk("P-256", name)),
    )


def _peer_subject(db_host: str, establishment: SandboxEstablishment) -> x509.Name:
    return organisation_name(
        db_host, structure=f"3{establishment.siret}", organisation=establishment.name
    )


def _fhir_client(folder: Path) -> tuple[Path, Path]:
    key = _secret_file(
        folder / "fhir-client.key.json", private_jwk("P-384", FHIR_CLIENT_ID, "ES384")
    )
    public = ECKey.import_key(json.loads(key.read_text())).as_dict(private=False)
    jwks = folder / "fhir-client.jwks.json"
    jwks.write_text(json.dumps({"keys": [public]}))
    return key, jwks


def private_jwk(curve: str, kid: str, algorithm: str = "ES256") -> bytes:
    parameters = {"kid": kid, "use": "sig", "alg": algorithm}
    key = ECKey.generate_key(curve, parameters, private=True)  # type: ignore[arg-type]
    return json.dumps(key.as_dict(private=True)).encode()


def _secret_file(path: Path, content: bytes) -> Path:
    """Write once, readable by its owner only."""
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    return path
