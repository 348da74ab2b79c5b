"""OperationDefinition and SearchParameter: what this box defines itself, as others may read it."""

from collections.abc import Iterator, Mapping

from drimbox.standards.fhir.canonical import CANONICAL
from drimbox.standards.fhir.code_systems import Json
from drimbox.standards.fhir.search_parameters import SearchParameter
from drimbox.standards.fhir.surface import OPERATIONS, SURFACE

_DATE = "2026-11-27"
_PUBLISHER = "drimbox"

# Parameters that no other specification defines, or defines with another code (MADO): where each
# one's values stand in the resource.
_OWN: Mapping[tuple[str, str], str] = {
    ("DocumentReference", "study-instance-uid"): (
        "DocumentReference.context.related.identifier.where(type.coding.where("
        "system = 'http://dicom.nema.org/resources/ontology/DCM' and code = '110180').exists())"
    ),
    ("DocumentReference", "accession-number"): (
        "DocumentReference.context.related.identifier.where(type.coding.where("
        "system = 'http://terminology.hl7.org/CodeSystem/v2-0203' and code = 'ACSN').exists())"
    ),
    ("DocumentReference", "modality"): (
        "DocumentReference.extension.where(url = 'http://hl7.org/fhir/5.0/StructureDefinition/"
        "extension-DocumentReference.modality').value"
    ),
    ("DocumentReference", "anatomical-region"): (
        "DocumentReference.extension.where(url = 'http://hl7.org/fhir/5.0/StructureDefinition/"
        "extension-DocumentReference.bodySite').extension.where(url = 'concept').value"
    ),
    ("DocumentReference", "creation"): "DocumentReference.content.attachment.creation",
    ("DocumentReference", "period-start"): "DocumentReference.context.period.start",
    ("DocumentReference", "period-end"): "DocumentReference.context.period.end",
    ("DocumentReference", "isArchived"): (
        "DocumentReference.extension.where(url = 'https://interop.esante.gouv.fr/ig/fhir/pdsm/"
        "StructureDefinition/pdsm-ext-is-archived').value"
    ),
    ("List", "designationType"): (
        "List.extension.where(url = 'https://profiles.ihe.net/ITI/MHD/StructureDefinition/"
        "ihe-designationType').value"
    ),
    ("List", "sourceId"): (
        "List.extension.where(url = 'https://profiles.ihe.net/ITI/MHD/StructureDefinition/"
        "ihe-sourceId').value"
    ),
    ("ImagingStudy", "accession-number"): (
        "ImagingStudy.basedOn.identifier.where(type.coding.where("
        "system = 'http://terminology.hl7.org/CodeSystem/v2-0203' and code = 'ACSN').exists())"
    ),
    ("ImagingStudy", "procedure"): "ImagingStudy.procedureCode",
}

_STRINGS = (
    ("Modality", "*", "Codes of JDV 1.2.250.1.213.1.1.5.618"),
    ("AnatomicRegion", "*", "Codes of JDV 1.2.250.1.213.1.1.5.695"),
    ("StudyInstanceUID", "1", "Opens the viewer on that exam"),
    ("AccessionNumber", "1", "Accession number of the exam"),
    ("AccessionNumberIssuer", "1", "Its assigning authority"),
    ("StudyDate", "1", "AAAAMMJJ, AAAAMMJJ-AAAAMMJJ, -AAAAMMJJ or AAAAMMJJ-"),
    ("Situation", "1", "Struct_IdNat of the place of exercise"),
)
_ANSWERS = (
    ("context", "string", "The context that the call opened"),
    ("access_token", "string", "Bound to this professional, this patient and this consent"),
    ("token_type", "string", "Bearer"),
    ("expires_in", "integer", "Seconds"),
    ("patient", "string", "Patient/[id]"),
    ("page", "string", "What a browser opens"),
    ("launch", "string", "launch of a SMART EHR launch"),
)


def definitions() -> Mapping[str, Mapping[str, Json]]:
    """Return every definition, by resource type and id."""
    parameters = {
        str(one["id"]): one
        for offered in SURFACE
        if offered.search is not None
        for one in _search_parameters(offered.name, offered.search.parameters)
    }
    return {
        "OperationDefinition": {"contextual-call": _contextual_call()},
        "SearchParameter": parameters,
    }


def definition_of(resource: str, parameter: str) -> str | None:
    """Return the canonical of a search parameter that is ours; None for the standards' own."""
    if (resource, parameter) not in _OWN:
        return None
    return f"{CANONICAL}/SearchParameter/{resource}-{parameter}"


def _search_parameters(
    resource: str, parameters: Mapping[str, SearchParameter[object]]
) -> Iterator[Json]:
    for name, parameter in parameters.items():
        url = definition_of(resource, name)
        if url is None:
            continue
        camel = "".join(part[:1].upper() + part[1:] for part in name.split("-"))
        yield {
            "resourceType": "SearchParameter",
            "id": f"{resource}-{name}",
            "url": url,
            "name": f"{resource}{camel}",
            "status": "active",
            "date": _DATE,
            "publisher": _PUBLISHER,
            "description": parameter.documentation or name,
            "code": name,
            "base": [resource],
            "type": parameter.kind.value,
            "expression": _OWN[(resource, name)],
            "xpathUsage": "normal",
        }


def _contextual_call() -> Json:
    url = OPERATIONS["contextual-call"]
    given: list[Json] = [
        _parameter("patient", "in", "Patient", "Identity, as FR Core INS writes one", 1),
        *(_parameter(name, "in", "string", text, 0, most) for name, most, text in _STRINGS),
        _parameter(
            "InformationEtOppositionConsultation",
            "in",
            "string",
            "InforméEtOpposé, InforméEtNonOpposé or N/A",
            1,
        ),
    ]
    answered = [_parameter(name, "out", kind, text, 1) for name, kind, text in _ANSWERS]
    return {
        "resourceType": "OperationDefinition",
        "id": "contextual-call",
        "url": url,
        "name": "ContextualCall",
        "title": "Appel contextuel (TRA.04)",
        "status": "active",
        "kind": "operation",
        "date": _DATE,
        "publisher": _PUBLISHER,
        "description": (
            "The contextual call of a program in the name of a professional: the parameters and "
            "rules of Tableau 1. Faults: one issue each, coded E200."
        ),
        "affectsState": True,
        "code": "contextual-call",
        "system": True,
        "type": False,
        "instance": False,
        "parameter": [*given, *answered],
    }


def _parameter(name: str, use: str, kind: str, text: str, least: int, most: str = "1") -> Json:
    return {
        "name": name,
        "use": use,
        "min": least,
        "max": most,
        "documentation": text,
        "type": kind,
    }
