"""CapabilityStatement: what this door does, made of the same tables as what does it (spec 4.1)."""

from dataclasses import dataclass

from drimbox.standards.fhir.canonical import CANONICAL
from drimbox.standards.fhir.code_systems import Json
from drimbox.standards.fhir.document_reference_search import DOCUMENT_REFERENCE
from drimbox.standards.fhir.endpoint_search import ENDPOINT
from drimbox.standards.fhir.imaging_study_search import IMAGING_STUDY
from drimbox.standards.fhir.patient_search import PATIENT
from drimbox.standards.fhir.search import SearchableResource
from drimbox.standards.fhir.search_parameters import Record, SearchParameter

# When what this statement says was last changed.
_DATE = "2026-11-24"
_SECURITY = "http://terminology.hl7.org/CodeSystem/restful-security-service"
_IUA = "http://profiles.ihe.net/fhir/ihe.securityTypes/CodeSystem/securityTypes"
_OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """What differs from one box to the next."""

    fhir_url: str
    token_url: str
    version: str


def encode_capability_statement(facts: ServiceFacts) -> Json:
    return {
        "resourceType": "CapabilityStatement",
        "id": "drimbox",
        "url": f"{CANONICAL}/CapabilityStatement/drimbox",
        "version": facts.version,
        "name": "Drimbox",
        "title": "DRIMbox, façade FHIR",
        "status": "active",
        "date": _DATE,
        "publisher": "drimbox",
        "description": "Examens d'imagerie du DMP et de la DRIMbox source, en lecture.",
        "kind": "instance",
        "instantiates": [
            "https://profiles.ihe.net/ITI/MHD/CapabilityStatement/IHE.MHD.DocumentResponder"
        ],
        "software": {"name": "drimbox", "version": facts.version},
        "implementation": {"description": "DRIMbox", "url": facts.fhir_url},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "application/fhir+xml"],
        "rest": [
            {
                "mode": "server",
                "security": _security(facts),
                "resource": [
                    _resource(DOCUMENT_REFERENCE),
                    _resource(IMAGING_STUDY),
                    _resource(PATIENT),
                    _resource(ENDPOINT),
                    {"type": "Binary", "interaction": [{"code": "read"}]},
                ],
            }
        ],
    }


def _security(facts: ServiceFacts) -> Json:
    return {
        "extension": [
            {
                "extension": [{"url": "token", "valueUri": facts.token_url}],
                "url": _OAUTH_URIS,
            }
        ],
        "cors": False,
        "service": [
            {"coding": [{"system": _SECURITY, "code": "SMART-on-FHIR"}]},
            {"coding": [{"system": _IUA, "code": "IUA"}]},
        ],
        "description": "Jeton Bearer (RFC 6750) de ce serveur, ou session du navigateur.",
    }


def _resource(resource: SearchableResource[Record]) -> Json:
    written: Json = {
        "type": resource.name,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "versioning": "versioned",
        "readHistory": False,
        "conditionalRead": "not-match",
    }
    if resource.includes:
        written["searchInclude"] = sorted(resource.includes)
    written["searchParam"] = [
        parameter
        for one in resource.parameters.values()
        if one.is_listed
        for parameter in _parameters(one)
    ]
    return written


def _parameters(parameter: SearchParameter[Record]) -> list[Json]:
    """Return a parameter, and those chained to it under their own names."""
    written: Json = {"name": parameter.name, "type": parameter.kind.value}
    if parameter.documentation:
        written["documentation"] = parameter.documentation
    chains: list[Json] = [
        {"name": chain.name, "type": chain.kind.value} for chain in parameter.chained.values()
    ]
    return [written, *chains]
