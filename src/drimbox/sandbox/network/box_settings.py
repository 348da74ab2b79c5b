"""The settings files of the two boxes, written as an operator would write them."""

import json
from collections.abc import Mapping, Sequence
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
from drimbox.sandbox.patients.establishments import (
    CONSUMER_ESTABLISHMENT,
    SOURCE_ESTABLISHMENT,
    SandboxEstablishment,
)
from drimbox.sandbox.trusted_space.pki import Issued

Toml = Mapping[str, object]
_OHIF = Path(__file__).resolve().parents[4] / "viewer" / "dist"
SOURCE_AE_TITLE = "DRIMBOX1"
CONSUMER_AE_TITLE = "DRIMBOX2"
CONSOLE_AE_TITLE = "CONSOLE"
"""A workstation of the Consommatrice's site, on this host."""

LOCAL_PACS_NAME = "PACS de la Clinique des Essais"


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
    base_url = f"http://localhost:{addresses.source_browser}"
    common = _common(folder, addresses, keys, services, keys.source, SOURCE_ESTABLISHMENT)
    common["storage"] = _storage(folder, keys.source, storage_url)
    common["pro_sante_connect"] = _pro_sante_connect(services, keys, keys.source, "drimbox-source")
    return to_toml(
        {
            "environment": "test",
            "role": "source",
            **common,
            "browser": {"base_url": base_url, "port": addresses.source_browser},
            "peer": {
                "base_url": f"https://localhost:{addresses.source_peer}",
                "port": addresses.source_peer,
                "tls": _tls(keys.source.server, keys.full_anchors),
            },
            "operator": {"port": addresses.source_operator},
            "pacs": _pacs(pacs, SOURCE_AE_TITLE),
            "dicom": _dicom_listener(pacs, addresses.source_dicom, SOURCE_AE_TITLE),
            "mllp": {"port": addresses.source_mllp},
            "publication": {
                "retrieve_url_host": SOURCE_DB,
                "institution_name": SOURCE_ESTABLISHMENT.name,
                "first_retry_seconds": 2,
                "last_retry_seconds": 30,
            },
        }
    )


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
    base_url = f"http://localhost:{addresses.consumer_browser}"
    dpi = f"http://localhost:{addresses.dpi}"
    common = _common(folder, addresses, keys, services, keys.consumer, CONSUMER_ESTABLISHMENT)
    common["storage"] = _storage(folder, keys.consumer, storage_url)
    common["pro_sante_connect"] = _pro_sante_connect(
        services, keys, keys.consumer, "drimbox-consumer"
    )
    common["oauth"] = _oauth(keys, keys.consumer, addresses)
    return to_toml(
        {
            "environment": "test",
            "role": "consumer",
            **common,
            "browser": {"base_url": base_url, "port": addresses.consumer_browser} | _ohif(),
            "operator": {"port": addresses.consumer_operator},
            "pacs": _pacs(pacs, CONSUMER_AE_TITLE),
            "dicom": _dicom_listener(pacs, addresses.consumer_dicom, CONSUMER_AE_TITLE),
            "contextual_call": {"allowed_origins": [dpi], "frame_ancestors": [dpi]},
            "local_query": {
                "port": addresses.consumer_query,
                "ae_title": CONSUMER_AE_TITLE,
                "peers": [
                    {"ae_title": CONSOLE_AE_TITLE, "host": "127.0.0.1", "port": addresses.console}
                ],
            },
            "export_destinations": [
                {
                    "name": LOCAL_PACS_NAME,
                    "host": pacs.host,
                    "port": pacs.port,
                    "ae_title": pacs.ae_title,
                    "calling_ae_title": CONSUMER_AE_TITLE,
                }
            ],
        }
    )


def _ohif() -> dict[str, object]:
    """Return the setting for OHIF where scripts/viewer has made it in this checkout."""
    is_made = (_OHIF / "index.html").is_file()
    return {"ohif_directory": str(_OHIF)} if is_made else {}


def to_toml(values: Toml) -> str:
    """Write settings as TOML 1.0: strings, numbers, booleans, lists, tables, lists of tables."""
    return "\n".join(_lines(values, ())) + "\n"


def _lines(values: Toml, path: tuple[str, ...]) -> Sequence[str]:
    lines: list[str] = [f"[{'.'.join(path)}]"] if path else []
    tables: list[str] = []
    for name, value in values.items():
        key = name if name.replace("_", "").isalnum() else json.dumps(name)
        if isinstance(value, Mapping):
            tables += ["", *_lines(value, (*path, key))]
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for item in value:
                first, *rest = _lines(item, (*path, key))
                tables += ["", f"[{first}]", *rest]
        else:
            lines.append(f"{key} = {json.dumps(value, ensure_ascii=False, default=str)}")
    return lines + tables


def _common(
    folder: Path,
    addresses: Addresses,
    keys: NetworkKeys,
    services: ServiceAddresses,
    box: BoxKeys,
    establishment: SandboxEstablishment,
) -> dict[str, object]:
    return {
        "peer_client": _tls(box.peer_client, keys.anchors),
        "dmp": {
            "registry_url": services.registry_url,
            "repository_url": services.repository_url,
            "patients_url": services.patients_url,
            "homologation_id": "SANDBOX-0001",
            "processing_code": "T",
            "sector": establishment.sector_code,
            "establishments": [
                {
                    "identifier": installed.structure.identifier,
                    "name": installed.structure.name,
                    "authentication": _tls(installed.authentication, keys.anchors),
                    "signature": _tls(installed.signature, keys.anchors),
                }
                for installed in box.establishments
            ],
        },
        "trusted_space": _trusted_space(folder, addresses, keys, services),
        "oauth": _oauth(keys, box),
    }


def _oauth(keys: NetworkKeys, box: BoxKeys, dpi: Addresses | None = None) -> Toml:
    """Return the clients that a box knows; beside a DPI there is a SMART application too."""
    clients: list[Toml] = [
        {
            "client_id": FHIR_CLIENT_ID,
            "jwks_file": keys.fhir_client_jwks,
            "scopes": list(FHIR_CLIENT_SCOPES),
        }
    ]
    if dpi is not None:
        clients.append(
            {
                "client_id": SMART_APPLICATION_ID,
                "name": "Application SMART de démonstration",
                "redirect_uris": [smart_redirect_uri(dpi)],
                "scopes": list(SMART_APPLICATION_SCOPES),
            }
        )
    return {"signing_key_file": box.token_key, "clients": clients}


def _trusted_space(
    folder: Path, addresses: Addresses, keys: NetworkKeys, services: ServiceAddresses
) -> Toml:
    return {
        "white_list_url": services.white_list_url,
        "crl_urls": [services.crl_url],
        "anchors_file": keys.anchors,
        "peer_anchors_file": keys.full_anchors,
        "state_directory": folder / "trusted-space",
        "addresses": {
            SOURCE_DB: f"127.0.0.1:{addresses.source_peer}",
            # Neither of the other two listens for peers.
            CONSUMER_DB: "127.0.0.1:9",
            PROGRAM_DB: "127.0.0.1:9",
        },
    }


def _storage(folder: Path, box: BoxKeys, url: str | None) -> Toml:
    return {
        "url": url or f"sqlite:///{folder / 'drimbox.sqlite'}",
        "key_file": box.storage_key,
        "cache_directory": folder / "images",
    }


def _pro_sante_connect(
    services: ServiceAddresses, keys: NetworkKeys, box: BoxKeys, client_id: str
) -> Toml:
    return {
        "issuer": services.pro_sante_connect_issuer,
        "discovery_url": services.pro_sante_connect_discovery_url,
        "client_id": client_id,
        "tls": _tls(box.peer_client, keys.anchors),
    }


def _pacs(pacs: PacsAddress, calling_ae_title: str) -> Toml:
    return {
        "host": pacs.host,
        "port": pacs.port,
        "ae_title": pacs.ae_title,
        "calling_ae_title": calling_ae_title,
    }


def _dicom_listener(pacs: PacsAddress, port: int, ae_title: str) -> Toml:
    return {
        "host": pacs.box_host,
        "port": port,
        "ae_title": ae_title,
        "allowed_calling_ae_titles": [pacs.ae_title],
    }


def _tls(issued: Issued, authorities: Path) -> Toml:
    return {
        "certificate_file": issued.certificate_file,
        "key_file": issued.key_file,
        "ca_file": authorities,
    }
