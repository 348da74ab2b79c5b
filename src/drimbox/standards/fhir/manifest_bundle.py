"""A KOS as the FHIR manifest of MADO: a document Bundle, the same octets each time.

    Composition, Patient, ImagingStudy, Endpoint..., Device, Organization

Nothing in it depends on who asks: ids derive from the KOS, and the patient carries the INS and its
traits but no local number. Bundle.identifier is the SOP Instance UID of the KOS (MADO).
"""

from collections.abc import Mapping
from dataclasses import replace
from html import escape
from uuid import UUID, uuid5

from drimbox.model.imaging_record import ImagingRecord, derived_id
from drimbox.model.practice import Structure
from drimbox.standards.fhir.code_systems import LOINC, OID_PREFIX, URI, Json
from drimbox.standards.fhir.date_times import instant
from drimbox.standards.fhir.endpoint import WadoEndpoint, encode_endpoint
from drimbox.standards.fhir.imaging_study import encode_imaging_study
from drimbox.standards.fhir.organization import (
    encode_box_organization,
    encode_device,
    encode_structure,
)
from drimbox.standards.fhir.patient import FrCoreRelease, encode_patient

# Ours alone: the ids within a manifest are uuids of this name space (RFC 9562 5.5).
_NAME_SPACE = UUID("5a1f3e0e-8f0c-5d0a-9c0b-6a2f6f1d3c41")
_XHTML = "http://www.w3.org/1999/xhtml"
_TYPE: Json = {
    "coding": [{"system": LOINC, "code": "18748-4", "display": "Diagnostic imaging study"}]
}


def encode_manifest_bundle(
    record: ImagingRecord,
    dicomweb_url: str,
    version: str,
    creator: Structure | None,
    release: FrCoreRelease = FrCoreRelease.R2_1,
) -> Json:
    """Return the manifest of a record whose KOS was read.

    version is ours; creator is the establishment that runs this box.
    """
    study = record.study
    assert study is not None  # noqa: S101  # the callers ask for records with a KOS
    subject = replace(record.subject, local_patient_id=None)
    anyone = replace(record, subject=subject, has_viewer=False)
    imaging_study = encode_imaging_study(anyone, dicomweb_url)
    # Which version the box holds is no matter of the document's.
    del imaging_study["meta"]
    authors = [encode_device(version, creator)]
    if creator is not None:
        authors.append(encode_structure(creator))
    boxes = dict.fromkeys(s.box for s in record.image_sources if s.box is not None)
    resources = [
        _composition(anyone, imaging_study, authors),
        encode_patient(anyone.subject, release),
        imaging_study,
        *(encode_endpoint(WadoEndpoint(dicomweb_url, s)) for s in record.image_sources),
        *authors,
        *(encode_box_organization(box) for box in boxes),
    ]
    uid = study.kos_sop_instance_uid
    names = {_reference(one): str(uuid5(_NAME_SPACE, f"{uid} {_kind(one)}")) for one in resources}
    return {
        "resourceType": "Bundle",
        "id": derived_id(record.kos_id),
        "identifier": {"system": URI, "value": OID_PREFIX + uid},
        "type": "document",
        "timestamp": instant(record.document.creation_time),
        "entry": [_entry(one, names) for one in resources],
    }


def _composition(record: ImagingRecord, study: Json, authors: list[Json]) -> Json:
    kos = record.document
    title = str(study.get("description") or kos.title or "Examen d'imagerie")
    uid = record.study.kos_sop_instance_uid if record.study is not None else ""
    return {
        "resourceType": "Composition",
        "id": "composition",
        "text": {"status": "generated", "div": _narrative(study, title)},
        "identifier": {"system": URI, "value": OID_PREFIX + uid},
        "status": "final",
        "type": _TYPE,
        "subject": {"reference": f"Patient/{record.subject.identifier}"},
        "date": instant(kos.creation_time),
        "author": [{"reference": _reference(one)} for one in authors],
        "title": title,
        "event": [{"detail": [{"reference": _reference(study)}]}],
    }


def _narrative(study: Json, title: str) -> str:
    """Return what a reader of documents shows: the exam, without the patient."""
    modalities = study.get("modality")
    codes = [str(m["code"]) for m in modalities] if isinstance(modalities, list) else []
    lines = {
        "Examen": title,
        "Date": str(study.get("started", "")),
        "Modalités": ", ".join(codes),
        "Séries": str(study["numberOfSeries"]),
        "Images": str(study["numberOfInstances"]),
    }
    rows = "".join(
        f"<tr><th>{name}</th><td>{escape(text)}</td></tr>" for name, text in lines.items() if text
    )
    return f'<div xmlns="{_XHTML}"><table><tbody>{rows}</tbody></table></div>'


def _entry(resource: Json, names: Mapping[str, str]) -> Json:
    name = names[_reference(resource)]
    linked = _linked(resource, names)
    assert isinstance(linked, dict)  # noqa: S101  # a dict stays one
    return {"fullUrl": f"urn:uuid:{name}", "resource": linked | {"id": name}}


def _linked(value: object, names: Mapping[str, str]) -> object:
    """Return a value whose references are those within the document."""
    if isinstance(value, list):
        return [_linked(one, names) for one in value]
    if not isinstance(value, dict):
        return value
    reference = value.get("reference")
    if isinstance(reference, str):
        return value | {"reference": f"urn:uuid:{names[reference]}"}
    return {name: _linked(one, names) for name, one in value.items()}


def _reference(resource: Json) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _kind(resource: Json) -> str:
    """Name a resource within its document; the Patient by its kind alone, whoever asks."""
    return "Patient" if resource["resourceType"] == "Patient" else _reference(resource)
