"""The settings files of the two boxes, written as an operator would write them."""

from dataclasses import dataclass
from pathlib import Path

from drimbox.sandbox.network.addresses import (
    CONSUMER_DB,
    PROGRAM_DB,
    SOURCE_DB,
    Addresses,
)
from drimbox.sandbox.network.keys import (
    FHIR_CLIENT_ID,
    FHIR_CLIENT_SCOPES,
    SMART_APPLICATION_ID,
    SMART_APPLICATION_SCOPES,
    BoxKeys,
    NetworkKeys,
    smart_redirect_uri,
)
from drimbox.sandbox.network.national_services import ServiceAddresses
from drimbox.sandbox.network.site_pacs import PacsAddress
from drimbox.sandbox.network.toml_text import Toml, to_toml
from drimbox.sandbox.patients.establishments import (
    CONSUMER_ESTABLISHMENT,
    SOURCE_ESTABLISHMENT,
    SandboxEstablishment,
)
from drimbox.sandbox.trusted_space.pki import Issued

_OHIF = Path(__file__).resolve().parents[4] / "viewer" / "dist"
SOURCE_AE_TITLE = "DRIMBOX1"
CONSUMER_AE_TITLE = "DRIMBOX2"
CONSOLE_AE_TITLE = "CONSOLE"
"""A workstation of the Consommatrice's site, on this host."""

LOCAL_PACS_NAME = "PACS de la Clinique des Essais"


@dataclass(frozen=True, slots=True)
class _Box:
    """What the file of one box says otherwise than that of the other; folder is the box's own."""

    role: str
    keys: BoxKeys
    establishment: SandboxEstablishment
    folder: Path
    storage_url: str | None
    ae_title: str
    browser_port: int
    operator_port: int
    dicom_port: int


def source_settings(
    folder: Path,
    addresses: Addresses,
    keys: NetworkKeys,
    services: ServiceAddresses,
    pacs: PacsAddress,
    *,
    storage_url: str | None = None,
) -> str:
    """Return the TOML of the Source box."""
    box = _Box(
        role="source",
        keys=keys.source,
        establishment=SOURCE_ESTABLISHMENT,
        folder=folder,
        storage_url=storage_url,
        ae_title=SOURCE_AE_TITLE,
        browser_port=addresses.source_browser,
        operator_port=addresses.source_operator,
        dicom_port=addresses.source_dicom,
    )
    own = {
        "browser": _browser(box),
        "oauth": _oauth(box, [_fhir_client(keys)]),
        "peer": {
            "base_url": f"https://localhost:{addresses.source_peer}",
            "port": addresses.source_peer,
            "tls": _tls(keys.source.server, keys.full_anchors),
        },
        "mllp": {"port": addresses.source_mllp},
        "publication": {
            "retrieve_url_host": SOURCE_DB,
            "institution_name": SOURCE_ESTABLISHMENT.name,
            "first_retry_seconds": 2,
            "last_retry_seconds": 30,
        },
    }
    return to_toml(_of_any_box(box, addresses, keys, services, pacs) | own)


def consumer_settings(
    folder: Path,
    addresses: Addresses,
    keys: NetworkKeys,
    services: ServiceAddresses,
    pacs: PacsAddress,
    *,
    storage_url: str | None = None,
) -> str:
    """Return the TOML of the Consommatrice box."""
    box = _Box(
        role="consumer",
        keys=keys.consumer,
        establishment=CONSUMER_ESTABLISHMENT,
        folder=folder,
        storage_url=storage_url,
        ae_title=CONSUMER_AE_TITLE,
        browser_port=addresses.consumer_browser,
        operator_port=addresses.consumer_operator,
        dicom_port=addresses.consumer_dicom,
    )
    dpi = f"http://localhost:{addresses.dpi}"
    console = {"ae_title": CONSOLE_AE_TITLE, "host": "127.0.0.1", "port": addresses.console}
    own = {
        "browser": {**_browser(box), **_ohif()},
        "oauth": _oauth(box, [_fhir_client(keys), _smart_application(addresses)]),
        "contextual_call": {"allowed_origins": [dpi], "frame_ancestors": [dpi]},
        "local_query": {
            "port": addresses.consumer_query,
            "ae_title": CONSUMER_AE_TITLE,
            "peers": [console],
        },
        "export_destinations": [{"name": LOCAL_PACS_NAME, **_pacs(pacs, CONSUMER_AE_TITLE)}],
    }
    return to_toml(_of_any_box(box, addresses, keys, services, pacs) | own)


def _of_any_box(
    box: _Box,
    addresses: Addresses,
    keys: NetworkKeys,
    services: ServiceAddresses,
    pacs: PacsAddress,
) -> dict[str, object]:
    return {
        "environment": "test",
        "role": box.role,
        "peer_client": _tls(box.keys.peer_client, keys.anchors),
        "dmp": _dmp(box, keys, services),
        "trusted_space": _trusted_space(box, addresses, keys, services),
        "storage": _storage(box),
        "pro_sante_connect": _pro_sante_connect(box, keys, services),
        "operator": {"port": box.operator_port},
        "pacs": _pacs(pacs, box.ae_title),
        "dicom": _dicom_listener(box, pacs),
    }


def _browser(box: _Box) -> Toml:
    return {"base_url": f"http://localhost:{box.browser_port}", "port": box.browser_port}


def _ohif() -> Toml:
    """Return the setting for OHIF where scripts/viewer has made it in this checkout."""
    is_made = (_OHIF / "index.html").is_file()
    return {"ohif_directory": str(_OHIF)} if is_made else {}


def _dmp(box: _Box, keys: NetworkKeys, services: ServiceAddresses) -> Toml:
    return {
        "registry_url": services.registry_url,
        "repository_url": services.repository_url,
        "patients_url": services.patients_url,
        "homologation_id": "SANDBOX-0001",
        "processing_code": "T",
        "sector": box.establishment.sector_code,
        "establishments": [
            {
                "identifier": installed.structure.identifier,
                "name": installed.structure.name,
                "authentication": _tls(installed.authentication, keys.anchors),
                "signature": _tls(installed.signature, keys.anchors),
            }
            for installed in box.keys.establishments
        ],
    }


def _oauth(box: _Box, clients: list[Toml]) -> Toml:
    return {"signing_key_file": box.keys.token_key, "clients": clients}


def _fhir_client(keys: NetworkKeys) -> Toml:
    return {
        "client_id": FHIR_CLIENT_ID,
        "jwks_file": keys.fhir_client_jwks,
        "scopes": list(FHIR_CLIENT_SCOPES),
    }


def _smart_application(addresses: Addresses) -> Toml:
    return {
        "client_id": SMART_APPLICATION_ID,
        "name": "Application SMART de démonstration",
        "redirect_uris": [smart_redirect_uri(addresses)],
        "scopes": list(SMART_APPLICATION_SCOPES),
    }


def _trusted_space(
    box: _Box, addresses: Addresses, keys: NetworkKeys, services: ServiceAddresses
) -> Toml:
    return {
        "white_list_url": services.white_list_url,
        "crl_urls": [services.crl_url],
        "anchors_file": keys.anchors,
        "peer_anchors_file": keys.full_anchors,
        "state_directory": box.folder / "trusted-space",
        "addresses": {
            SOURCE_DB: f"127.0.0.1:{addresses.source_peer}",
            # Neither of the other two listens for peers.
            CONSUMER_DB: "127.0.0.1:9",
            PROGRAM_DB: "127.0.0.1:9",
        },
    }


def _storage(box: _Box) -> Toml:
    return {
        "url": box.storage_url or f"sqlite:///{box.folder / 'drimbox.sqlite'}",
        "key_file": box.keys.storage_key,
        "cache_directory": box.folder / "images",
    }


def _pro_sante_connect(box: _Box, keys: NetworkKeys, services: ServiceAddresses) -> Toml:
    return {
        "issuer": services.pro_sante_connect_issuer,
        "discovery_url": services.pro_sante_connect_discovery_url,
        "client_id": f"drimbox-{box.role}",
        "tls": _tls(box.keys.peer_client, keys.anchors),
    }


def _pacs(pacs: PacsAddress, calling_ae_title: str) -> Toml:
    return {
        "host": pacs.host,
        "port": pacs.port,
        "ae_title": pacs.ae_title,
        "calling_ae_title": calling_ae_title,
    }


def _dicom_listener(box: _Box, pacs: PacsAddress) -> Toml:
    return {
        "host": pacs.box_host,
        "port": box.dicom_port,
        "ae_title": box.ae_title,
        "allowed_calling_ae_titles": [pacs.ae_title],
    }


def _tls(issued: Issued, authorities: Path) -> Toml:
    return {
        "certificate_file": issued.certificate_file,
        "key_file": issued.key_file,
        "ca_file": authorities,
    }
