"""CapabilityStatement: what this door does, made of the same tables as what does it (spec 4.1)."""

from drimbox.standards.fhir.canonical import CANONICAL
from drimbox.standards.fhir.code_systems import Json
from drimbox.standards.fhir.definitions import definition_of
from drimbox.standards.fhir.profiles import SUPPORTED
from drimbox.standards.fhir.search_parameters import Record, SearchParameter
from drimbox.standards.fhir.surface import OPERATIONS, SURFACE, OfferedResource, ServiceFacts

# When what this statement says was last changed.
_DATE = "2026-11-27"
_SECURITY = "http://terminology.hl7.org/CodeSystem/restful-security-service"
_IUA = "http://profiles.ihe.net/fhir/ihe.securityTypes/CodeSystem/securityTypes"
_OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_PDSM = "https://interop.esante.gouv.fr/ig/fhir/pdsm"
_INSTANTIATES = (
    "https://profiles.ihe.net/ITI/MHD/CapabilityStatement/IHE.MHD.DocumentResponder",
    "https://profiles.ihe.net/RAD/MADO/CapabilityStatement/IHE.RAD.MADO.DocumentResponder",
    "http://hl7.eu/fhir/health-data-api/CapabilityStatement/EEHRxF-DocumentAccessProvider",
    f"{_PDSM}/CapabilityStatement/PDSm-GestionnaireDePartageDeDocuments",
)
_GUIDES = (
    "https://profiles.ihe.net/ITI/MHD/ImplementationGuide/ihe.iti.mhd",
    "https://profiles.ihe.net/RAD/MADO/ImplementationGuide/ihe.rad.mado",
    f"{_PDSM}/ImplementationGuide/ans.fhir.fr.pdsm",
    "https://hl7.fr/ig/fhir/core/ImplementationGuide/hl7.fhir.fr.core",
    "http://hl7.eu/fhir/health-data-api/ImplementationGuide/hl7.fhir.eu.health-data-api",
)


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
        "description": (
            "Examens d'imagerie du DMP et de la DRIMbox source, en lecture : ni écriture, ni "
            "historique, ni lots, ni abonnements. De PDSm, la recherche et la consultation : ni "
            "l'ajout (ITI-65), ni la mise à jour (PATCH)."
        ),
        "kind": "instance",
        "instantiates": [*_INSTANTIATES, _requirements_url(facts)],
        "software": {"name": "drimbox", "version": facts.version},
        "implementation": {"description": "DRIMbox", "url": facts.fhir_url},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "application/fhir+xml"],
        "implementationGuide": list(_GUIDES),
        "rest": [_rest(facts)],
    }


def _rest(facts: ServiceFacts) -> Json:
    rest: Json = {
        "mode": "server",
        "security": _security(facts),
        "resource": [_resource(offered) for offered in SURFACE],
    }
    if facts.opens_contexts:
        rest["operation"] = [{"name": name, "definition": url} for name, url in OPERATIONS.items()]
    return rest


def _requirements_url(facts: ServiceFacts) -> str:
    """Return the statement of what every box of this function offers (profiles/definitions)."""
    function = "consommatrice" if facts.opens_contexts else "source"
    return f"{CANONICAL}/CapabilityStatement/drimbox-{function}"


def _security(facts: ServiceFacts) -> Json:
    uris = [{"url": "token", "valueUri": facts.token_url}]
    # Clients that read no discovery document find the way here (SMART App Launch 1).
    if facts.authorize_url:
        uris.insert(0, {"url": "authorize", "valueUri": facts.authorize_url})
    return {
        "extension": [{"extension": uris, "url": _OAUTH_URIS}],
        "cors": facts.allows_cors,
        "service": [
            {"coding": [{"system": _SECURITY, "code": "SMART-on-FHIR"}]},
            {"coding": [{"system": _IUA, "code": "IUA"}]},
        ],
        "description": "Jeton Bearer (RFC 6750) de ce serveur, ou session du navigateur.",
    }


def _resource(offered: OfferedResource) -> Json:
    search = offered.search
    codes = ["read", *(["vread"] if offered.has_versions else [])]
    codes += ["search-type"] if search is not None else []
    written: Json = {"type": offered.name}
    if offered.name in SUPPORTED:
        written["supportedProfile"] = list(SUPPORTED[offered.name])
    if offered.documentation:
        written["documentation"] = offered.documentation
    written["interaction"] = [{"code": code} for code in codes]
    written["versioning"] = "versioned" if offered.has_versions else "no-version"
    written["readHistory"] = False
    written["conditionalRead"] = "not-match"
    if search is None:
        return written
    if search.includes:
        written["searchInclude"] = sorted(search.includes)
    if search.revincludes:
        written["searchRevInclude"] = sorted(search.revincludes)
    written["searchParam"] = [
        parameter
        for one in search.parameters.values()
        if one.is_listed
        for parameter in _parameters(offered.name, one)
    ]
    return written


def _parameters(resource: str, parameter: SearchParameter[Record]) -> list[Json]:
    """Return a parameter, and those chained to it under their own names."""
    written: Json = {"name": parameter.name}
    definition = definition_of(resource, parameter.name)
    if definition is not None:
        written["definition"] = definition
    written["type"] = parameter.kind.value
    if parameter.documentation:
        written["documentation"] = parameter.documentation
    chains: list[Json] = [
        {"name": chain.name, "type": chain.kind.value} for chain in parameter.chained.values()
    ]
    return [written, *chains]
