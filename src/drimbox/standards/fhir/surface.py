"""What the FHIR door offers, in one table that router, /metadata and tests all read (spec 4.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from drimbox.model.practice import Structure
from drimbox.standards.fhir.canonical import CANONICAL
from drimbox.standards.fhir.contextual_call import OPERATION
from drimbox.standards.fhir.definition_search import definition_search
from drimbox.standards.fhir.document_list_search import DOCUMENT_LIST
from drimbox.standards.fhir.document_reference_search import DOCUMENT_REFERENCE
from drimbox.standards.fhir.endpoint_search import ENDPOINT
from drimbox.standards.fhir.imaging_study_search import IMAGING_STUDY
from drimbox.standards.fhir.patient import FrCoreRelease
from drimbox.standards.fhir.patient_search import PATIENT
from drimbox.standards.fhir.search import SearchableResource


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """What differs from one box to the next; structures are the establishments that run it.

    opens_contexts: a Consommatrice, which has the contextual call. authorize_url is empty where no
    application is launched.
    """

    fhir_url: str
    dicomweb_url: str
    token_url: str
    version: str
    structures: tuple[Structure, ...] = ()
    allows_cors: bool = False
    opens_contexts: bool = True
    fr_core_release: FrCoreRelease = FrCoreRelease.R2_1
    authorize_url: str = ""

    @property
    def creator(self) -> Structure | None:
        return self.structures[0] if self.structures else None


@dataclass(frozen=True, slots=True)
class OfferedResource:
    """One resource type: all are read; search is None where none is searched.

    has_versions: the current version is read by its own address too (vread). is_public: no token.
    """

    name: str
    search: SearchableResource[Any] | None = None
    has_versions: bool = False
    is_public: bool = False
    documentation: str = ""


SURFACE: tuple[OfferedResource, ...] = (
    OfferedResource("DocumentReference", DOCUMENT_REFERENCE, has_versions=True),
    OfferedResource("ImagingStudy", IMAGING_STUDY, has_versions=True),
    OfferedResource(
        "List",
        DOCUMENT_LIST,
        documentation="Submission sets and the imaging documents in them (ITI-66)",
    ),
    OfferedResource("Patient", PATIENT),
    OfferedResource("Endpoint", ENDPOINT),
    OfferedResource(
        "Binary", documentation="A KOS or a report: its octets, or a Binary, by Accept (ITI-68)"
    ),
    OfferedResource("Bundle", documentation="The FHIR manifest of a KOS (MADO), made on demand"),
    OfferedResource("Provenance", documentation="Of what is derived from a KOS (mXDE)"),
    OfferedResource("Practitioner", documentation="Who made or signed a document shown here"),
    OfferedResource("PractitionerRole", documentation="For whom, and as what, they made it"),
    OfferedResource(
        "Organization",
        documentation="Establishments of this box; Source boxes; structures that made documents",
    ),
    OfferedResource("Device", documentation="This box; devices that made documents"),
    *(
        OfferedResource(kind, definition_search(kind), is_public=True)
        for kind in (
            "CapabilityStatement",
            "CodeSystem",
            "OperationDefinition",
            "SearchParameter",
            "StructureDefinition",
            "ValueSet",
        )
    ),
)

OPERATIONS: Mapping[str, str] = MappingProxyType(
    {OPERATION.removeprefix("$"): f"{CANONICAL}/OperationDefinition/contextual-call"}
)
"""Operations of the whole system, and their definitions."""
