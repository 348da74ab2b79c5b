"""A submission set as List: MHD Comprehensive SubmissionSet (ITI TF-3 4.5.1.2; ITI-66).

Its entries are the documents that are shown as DocumentReference: the signature of a lot, and what
this caller is not shown, are in none. There are no folders: the DMP has none.
"""

from dataclasses import replace

from drimbox.model.document_entry import AvailabilityStatus, SubmissionSet
from drimbox.model.document_list import DocumentList
from drimbox.standards.fhir.code_systems import (
    OID_PREFIX,
    URI,
    Json,
    codeable_concept,
    concept,
)
from drimbox.standards.fhir.contained import Contained
from drimbox.standards.fhir.date_times import instant
from drimbox.standards.fhir.document_reference import IDENTIFIER_KIND
from drimbox.standards.fhir.profiles import SUBMISSION_SET, follows_submission_set_profile

LIST_TYPES = "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes"
LIST_TYPE = "submissionset"
_MHD = "https://profiles.ihe.net/ITI/MHD/StructureDefinition"
DESIGNATION_TYPE = f"{_MHD}/ihe-designationType"
SOURCE_ID = f"{_MHD}/ihe-sourceId"


def encode_document_list(found: DocumentList) -> Json:
    submitted = found.submission_set
    contained = _contained(submitted)
    written: Json = {
        "resourceType": "List",
        "id": found.identifier,
        "meta": _meta(found),
        "contained": contained.resources,
        "extension": _extensions(submitted),
        "identifier": _identifiers(found),
        "status": status_of(found),
        "mode": "working",
    }
    if submitted.title:
        written["title"] = submitted.title
    written |= {
        "code": concept(LIST_TYPES, LIST_TYPE),
        "subject": {"reference": f"Patient/{found.subject.identifier}", "type": "Patient"},
        "date": instant(submitted.submission_time),
    }
    if contained.authors:
        written["source"] = {"reference": f"#{contained.authors[0]}"}
    written["entry"] = [
        {"item": {"reference": f"DocumentReference/{one.document_id}", "type": "DocumentReference"}}
        for one in found.documents
    ]
    return {name: value for name, value in written.items() if value != []}


def status_of(found: DocumentList) -> str:
    """Return the status: what MHD calls superseded is retired in R4's own list of states."""
    return "retired" if found.status is AvailabilityStatus.DEPRECATED else "current"


def _contained(submitted: SubmissionSet) -> Contained:
    """Return the first author that is a person or a device: List.source is one, and no structure.

    A role names one structure, and nothing is contained that is not referred to (dom-3).
    """
    author = next((one for one in submitted.authors if one.person is not None), None)
    if author is None:
        return Contained(())
    return Contained((replace(author, structures=author.structures[:1]),))


def _meta(found: DocumentList) -> Json:
    meta: Json = {"lastUpdated": instant(found.submission_set.submission_time)}
    if follows_submission_set_profile(found):
        meta["profile"] = [SUBMISSION_SET]
    return meta


def _extensions(submitted: SubmissionSet) -> list[Json]:
    extensions: list[Json] = []
    if submitted.content_type.value:
        extensions.append(
            {
                "url": DESIGNATION_TYPE,
                "valueCodeableConcept": codeable_concept(submitted.content_type),
            }
        )
    if submitted.source_id:
        extensions.append(
            {
                "url": SOURCE_ID,
                "valueIdentifier": {"system": URI, "value": OID_PREFIX + submitted.source_id},
            }
        )
    return extensions


def _identifiers(found: DocumentList) -> list[Json]:
    identifiers: list[Json] = []
    if found.entry_uuid is not None:
        identifiers.append(
            {
                "use": "official",
                "type": concept(IDENTIFIER_KIND, "entryUUID"),
                "system": URI,
                "value": found.entry_uuid.lower(),
            }
        )
    identifiers.append(
        {
            "use": "usual",
            "type": concept(IDENTIFIER_KIND, "uniqueId"),
            "system": URI,
            "value": OID_PREFIX + found.submission_set.unique_id,
        }
    )
    return identifiers
