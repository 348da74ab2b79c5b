"""The descriptor of a running demo, as docs/interfaces says: what a program needs to use it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from drimbox.sandbox.network.addresses import Addresses
from drimbox.sandbox.network.box_settings import (
    CONSOLE_AE_TITLE,
    CONSUMER_AE_TITLE,
    LOCAL_PACS_NAME,
    SOURCE_AE_TITLE,
)
from drimbox.sandbox.network.keys import (
    FHIR_CLIENT_ID,
    FHIR_CLIENT_SCOPES,
    SMART_APPLICATION_ID,
    SMART_APPLICATION_SCOPES,
    NetworkKeys,
    smart_redirect_uri,
)
from drimbox.sandbox.network.national_services import ServiceAddresses
from drimbox.sandbox.network.processes import Child
from drimbox.sandbox.network.site_pacs import PacsAddress, SitePacs
from drimbox.sandbox.patients.identities import PATIENTS, SandboxPatient
from drimbox.sandbox.patients.professionals import PROFESSIONALS
from drimbox.sandbox.patients.scenario import Holder, ScenarioStudy
from drimbox.sandbox.patients.studies import STUDIES

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RunningDemo:
    """Everything that the descriptor tells; kos and report_files by study key.

    folder holds the settings, logs and state of every part; boxes (by role) and pacs are those of
    its programs that a test may measure, stop and start again.
    """

    folder: Path
    addresses: Addresses
    keys: NetworkKeys
    services: ServiceAddresses
    source_pacs: PacsAddress
    consumer_pacs: PacsAddress
    kos: Mapping[str, str]
    report_files: Mapping[str, Path]
    boxes: Mapping[str, Child]
    pacs: Mapping[Holder, SitePacs]

    @property
    def export_destination(self) -> str:
        """Name of the Consommatrice's own PACS among the export destinations."""
        return LOCAL_PACS_NAME


def descriptor_of(demo: RunningDemo) -> Json:
    """Return the JSON object that `--descriptor` writes."""
    return {
        **_boxes(demo),
        "source_pacs": _pacs(demo.source_pacs),
        "consumer_pacs": _pacs(demo.consumer_pacs),
        **_services(demo),
        **_programs(demo),
        "professionals": [
            {
                "rpps": p.rpps,
                "family": p.family_name,
                "given": p.given_name,
                "situations": [s.value for s in p.situations],
            }
            for p in PROFESSIONALS
        ],
        "patients": [_patient(patient, demo) for patient in PATIENTS],
    }


def _boxes(demo: RunningDemo) -> Json:
    ports = demo.addresses
    consumer = f"http://localhost:{ports.consumer_browser}"
    source = f"http://localhost:{ports.source_browser}"
    return {
        "consumer": {
            "base_url": consumer,
            "contextual_call_url": f"{consumer}/drim",
            "fhir_url": f"{consumer}/fhir",
            "dicomweb_url": f"{consumer}/dicom-web",
            "origins_allowed": [f"http://localhost:{ports.dpi}"],
            "local_query": {
                "host": "127.0.0.1",
                "port": ports.consumer_query,
                "ae_title": CONSUMER_AE_TITLE,
                "console": {"ae_title": CONSOLE_AE_TITLE, "port": ports.console},
            },
        },
        "source": {
            "base_url": source,
            "fhir_url": f"{source}/fhir",
            "dicomweb_url": f"{source}/dicom-web",
            "peer_url": f"https://localhost:{ports.source_peer}/dicom-web",
            "mllp": {"host": "127.0.0.1", "port": ports.source_mllp},
            "dicom": {
                "host": demo.source_pacs.box_host,
                "port": ports.source_dicom,
                "ae_title": SOURCE_AE_TITLE,
            },
        },
    }


def _services(demo: RunningDemo) -> Json:
    services = demo.services
    return {
        "dmp": {
            "registry_url": services.registry_url,
            "repository_url": services.repository_url,
            "patients_url": services.patients_url,
            "documents_url": services.documents_url,
        },
        "sign_in": {
            "pro_sante_connect_issuer": services.pro_sante_connect_issuer,
            "france_connect_issuer": services.france_connect_issuer,
        },
        "trusted_space": {
            "ca_file": str(demo.keys.anchors),
            "white_list_url": services.white_list_url,
            "crl_url": services.crl_url,
        },
    }


def _programs(demo: RunningDemo) -> Json:
    """Tell what a program proves itself with: as a peer box, and as a FHIR client of the site."""
    keys = demo.keys
    return {
        "peer_client": {
            "certificate_file": str(keys.program.certificate_file),
            "key_file": str(keys.program.key_file),
        },
        "fhir_client": {
            "client_id": FHIR_CLIENT_ID,
            "key_file": str(keys.fhir_client_key),
            "token_url": f"http://localhost:{demo.addresses.source_browser}/oauth2/token",
            "scope": " ".join(FHIR_CLIENT_SCOPES),
        },
        "smart_application": {
            "client_id": SMART_APPLICATION_ID,
            "redirect_uri": smart_redirect_uri(demo.addresses),
            "scope": " ".join(SMART_APPLICATION_SCOPES),
        },
    }


def _pacs(pacs: PacsAddress) -> Json:
    return {
        "host": pacs.host,
        "port": pacs.port,
        "ae_title": pacs.ae_title,
        "dicomweb_url": pacs.dicomweb_url,
    }


def _patient(patient: SandboxPatient, demo: RunningDemo) -> Json:
    """Tell a patient as the Consommatrice's DPI knows one: its IPP, its issuer."""
    traits, local = patient.traits, patient.consumer_patient_id
    return {
        "ins": traits.ins.value,
        "ins_system": traits.ins.authority.value,
        "family": traits.family_name,
        "given": traits.given_name,
        "gender": traits.gender.value,
        "birth_date": traits.birth_date.value,
        "district": traits.birth_place.value if traits.birth_place else "",
        "ipp": local.value,
        "ipp_issuer": local.issuer.hierarchic_designator if local.issuer else "",
        "studies": [_study(s, demo) for s in STUDIES if s.patient is patient],
    }


def _study(study: ScenarioStudy, demo: RunningDemo) -> Json:
    report_file = demo.report_files.get(study.key)
    return {
        "study_instance_uid": study.study_instance_uid,
        "accession_number": study.accession_number.value,
        "modalities": [m.value for m in study.procedure.modalities],
        "held_by": study.holder.value,
        "published": study.is_published,
        "kos_sop_instance_uid": demo.kos.get(study.key),
        "report_file": str(report_file) if report_file else None,
    }
