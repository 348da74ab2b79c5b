"""_include and _revinclude: what goes along with the matches, each once (R4 3.1.1.5.6)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from drimbox.model.access import Peer
from drimbox.model.document_list import DocumentList
from drimbox.model.imaging_record import ImagingRecord
from drimbox.standards.fhir.code_systems import Json
from drimbox.standards.fhir.derived_manifest import derived
from drimbox.standards.fhir.document_reference import encode_document_reference
from drimbox.standards.fhir.endpoint import AnyEndpoint, encode_endpoint
from drimbox.standards.fhir.organization import encode_box_organization
from drimbox.standards.fhir.patient import encode_patient
from drimbox.standards.fhir.provenance import encode_provenance
from drimbox.standards.fhir.surface import ServiceFacts


@dataclass(frozen=True, slots=True)
class Includes:
    """resource is the type searched; forward what it points at, reverse what points at it.

    endpoints are those that the study of a record refers to.
    """

    resource: str
    forward: frozenset[str]
    reverse: frozenset[str]
    facts: ServiceFacts
    endpoints: Callable[[ImagingRecord], Iterable[AnyEndpoint]]

    def records(
        self, matches: Iterable[ImagingRecord], related: Iterable[ImagingRecord] = ()
    ) -> list[Json]:
        """Return what goes along with studies or documents, less what is a match already.

        related are documents that the matches replaced.
        """
        matches = tuple(matches)
        resources = [one for record in matches for one in self._of(record)]
        if "DocumentReference" in self.forward:
            resources += [encode_document_reference(r, self.facts.fhir_url) for r in related]
        included = {f"{one['resourceType']}/{one['id']}": one for one in resources}
        for record in matches:
            included.pop(f"DocumentReference/{record.document_id}", None)
        return list(included.values())

    def lists(self, matches: Iterable[DocumentList]) -> list[Json]:
        """Return what goes along with lists: their documents, whose they are."""
        included: dict[str, Json] = {}
        for found in matches:
            for record in found.documents if "DocumentReference" in self.forward else ():
                one = encode_document_reference(record, self.facts.fhir_url)
                included[f"DocumentReference/{one['id']}"] = one
            if "Patient" in self.forward:
                one = encode_patient(found.subject, self.facts.fr_core_release)
                included[f"Patient/{one['id']}"] = one
        return list(included.values())

    def organizations(self, boxes: Iterable[Peer]) -> list[Json]:
        """Return who runs the boxes of Endpoints."""
        if "Organization" not in self.forward:
            return []
        return [encode_box_organization(box) for box in dict.fromkeys(boxes)]

    def _of(self, record: ImagingRecord) -> Iterable[Json]:
        if "Patient" in self.forward:
            yield encode_patient(record.subject, self.facts.fr_core_release)
        if "Endpoint" in self.forward:
            yield from map(encode_endpoint, self.endpoints(record))
        if "DocumentReference" in self.forward and record.made_of is not None:
            yield encode_document_reference(record.made_of, self.facts.fhir_url)
        # Of a KOS there is none: its own metadata say who made it.
        is_target = self.resource == "ImagingStudy" or record.is_derived
        if "Provenance" in self.reverse and is_target and record.study is not None:
            yield encode_provenance(record)
        if "DocumentReference" in self.reverse and record.document.is_kos:
            yield encode_document_reference(derived(record), self.facts.fhir_url)
