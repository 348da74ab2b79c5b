"""One table of OIDs and URIs of code systems, both ways, and the codings made with it.

Sources: HL7 terminology, IHE MHD, ANS nomenclatures (mos.esante.gouv.fr). An OID that is not here
is `urn:oid:<oid>` (RFC 3061), which is a URI that FHIR takes.
"""

from collections.abc import Mapping
from types import MappingProxyType

from drimbox.model.imaging_codes import MODALITY_VALUE_SET, REGION_VALUE_SET
from drimbox.model.practice import Code

Json = dict[str, object]

DCM = "http://dicom.nema.org/resources/ontology/DCM"
DCM_UID = "http://dicom.nema.org/resources/ontology/DCMUID"
SNOMED_CT = "http://snomed.info/sct"
LOINC = "http://loinc.org"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"
FR_IDENTIFIER_TYPE = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203"
DICOM_UID_SYSTEM = "urn:dicom:uid"
URI = "urn:ietf:rfc:3986"
OID_PREFIX = "urn:oid:"
_NOS = "https://mos.esante.gouv.fr/NOS"

_URI_OF_OID: Mapping[str, str] = MappingProxyType(
    {
        "2.16.840.1.113883.6.96": SNOMED_CT,
        "2.16.840.1.113883.6.1": LOINC,
        "1.2.840.10008.2.16.4": DCM,
        "1.2.840.10008.2.6.1": DCM_UID,
        "2.16.840.1.113883.5.25": CONFIDENTIALITY,
        "1.2.250.1.213.1.1.4.13": (
            f"{_NOS}/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
        ),
        "1.2.250.1.213.1.1.4.12": (
            f"{_NOS}/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire"
        ),
        "1.2.250.1.213.1.1.4.1": f"{_NOS}/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument",
        "1.2.250.1.71.4.2.4": f"{_NOS}/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite",
        "1.2.250.1.213.1.1.4.9": f"{_NOS}/TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice",
        "1.3.6.1.4.1.19376.1.2.3": (
            "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode"
        ),
        "1.2.250.1.71.1.2.7": f"{_NOS}/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante",
        "1.2.250.1.71.4.2.5": (
            f"{_NOS}/TRE_R01-EnsembleSavoirFaire-CISIS/FHIR/TRE-R01-EnsembleSavoirFaire-CISIS"
        ),
    }
)

# Read, never written: value sets that boxes publish as code systems (spec D17), spellings of
# others (D12), and the ANS name of the IHE format codes.
_URI_OF_ALIAS: Mapping[str, str] = MappingProxyType(
    {
        OID_PREFIX + MODALITY_VALUE_SET: DCM,
        OID_PREFIX + REGION_VALUE_SET: SNOMED_CT,
        f"{_NOS}/TRE_A07-StatusVisibiliteDocument/FHIR/TRE-A07-StatusVisibiliteDocument": (
            _URI_OF_OID["1.2.250.1.213.1.1.4.13"]
        ),
        f"{_NOS}/TRE_A11-IheFormatCode/FHIR/TRE-A11-IheFormatCode": (
            _URI_OF_OID["1.3.6.1.4.1.19376.1.2.3"]
        ),
        "http://dicom.nema.org/resources/CodeSystem/DICOM_UIDs": DCM_UID,
    }
)
_ALIAS_OF_OID: Mapping[str, str] = MappingProxyType(
    {
        str(MODALITY_VALUE_SET): DCM,
        str(REGION_VALUE_SET): SNOMED_CT,
        # The IHE format codes of radiology (RAD TF-3, MADO), which FHIR has in one system.
        "1.3.6.1.4.1.19376.1.2.7.1": _URI_OF_OID["1.3.6.1.4.1.19376.1.2.3"],
    }
)
_OID_OF_URI: Mapping[str, str] = MappingProxyType({u: oid for oid, u in _URI_OF_OID.items()})


def uri_of(system: str) -> str:
    """Return the FHIR system of a code system or an assigning authority named by its OID.

    What is a URI already is returned as it is.
    """
    known = _URI_OF_OID.get(system) or _ALIAS_OF_OID.get(system)
    if known is not None:
        return known
    return system if ":" in system or not system else OID_PREFIX + system


def oid_of(uri: str) -> str | None:
    """Return the OID of a code system as documents are published with; None where it has none."""
    known = _OID_OF_URI.get(same_system(uri))
    if known is not None:
        return known
    return uri.removeprefix(OID_PREFIX) if uri.startswith(OID_PREFIX) else None


def same_system(uri: str) -> str:
    """Return the spelling that we write of a system, for comparison."""
    alias = _URI_OF_ALIAS.get(uri)
    if alias is not None:
        return alias
    return uri_of(uri.removeprefix(OID_PREFIX)) if uri.startswith(OID_PREFIX) else uri


def coding(code: Code) -> Json:
    """Return a Coding; the system is left out where the publisher gave none."""
    written: Json = {}
    system = uri_of(str(code.system))
    if system:
        written["system"] = system
    written["code"] = code.value
    if code.display:
        written["display"] = code.display
    return written


def codeable_concept(*codes: Code) -> Json:
    return {"coding": [coding(code) for code in codes]}


def concept(system: str, code: str, display: str = "") -> Json:
    """Return a CodeableConcept of one coding whose system is a URI already."""
    one: Json = {"system": system, "code": code}
    return {"coding": [one | {"display": display} if display else one]}
