"""One resource of each profile of ours, as the server writes it."""

from dataclasses import replace
from typing import Any

import orjson
from tests.fakes.imaging_records import made_up_document, made_up_record
from tests.fakes.manifests import made_up_manifest
from tests.fakes.submissions import CLINIC, PHYSICIAN, SUBMISSION_SET

from drimbox.model.document_entry import Author
from drimbox.model.document_list import DocumentList
from drimbox.model.imaging_record import ImageSource, ImagingRecord
from drimbox.model.uids import Oid, StudyInstanceUid
from drimbox.standards.fhir.document_list import encode_document_list
from drimbox.standards.fhir.document_reference import encode_document_reference
from drimbox.standards.fhir.endpoint import ViewerEndpoint, WadoEndpoint, encode_endpoint
from drimbox.standards.fhir.imaging_study import encode_imaging_study
from drimbox.standards.fhir.operation_outcome import Issue, Severity, encode_outcome
from drimbox.standards.fhir.patient import encode_patient
from drimbox.standards.fhir.profiles import OPERATION_OUTCOME

Json = dict[str, Any]
FHIR = "https://box.test/fhir"
DICOMWEB = "https://box.test/dicom-web"


def kos_record(**changes: object) -> ImagingRecord:
    """Return a record whose metadata follow all three standards: no structure is an author."""
    authors = made_up_document(made_up_manifest()).authors[:2]
    return made_up_record(**({"authors": authors} | changes))


def examples() -> dict[str, Json]:
    """Return a whole resource for each profile, by the profile's id."""
    record = kos_record()
    return {
        "drimbox-patient-ins": _plain(encode_patient(record.subject)),
        "drimbox-document-reference-kos": _plain(encode_document_reference(record, FHIR)),
        "drimbox-imaging-study": _plain(encode_imaging_study(record, DICOMWEB)),
        "drimbox-endpoint-wado": _plain(
            encode_endpoint(WadoEndpoint(DICOMWEB, ImageSource(location=Oid("1.2.3"))))
        ),
        "drimbox-endpoint-viewer": _plain(
            encode_endpoint(
                ViewerEndpoint(
                    StudyInstanceUid("1.2.250.1.999.7.1"),
                    "https://box.test/viewer/links/k7f3",
                    record.updated_at,
                )
            )
        ),
        "drimbox-submission-set": _plain(encode_document_list(made_up_list(record))),
        "drimbox-operation-outcome": {
            "resourceType": "OperationOutcome",
            "meta": {"profile": [OPERATION_OUTCOME]},
            **encode_outcome([Issue(Severity.ERROR, "not-found", "not-found", "Absente.")]),
        },
    }


def made_up_list(record: ImagingRecord) -> DocumentList:
    """Return the lot that a document was submitted in, as a registry holds it."""
    submitted = replace(SUBMISSION_SET, authors=(Author(PHYSICIAN, (CLINIC,)),))
    return DocumentList(
        record.subject,
        "00000000-0000-4000-8000-000000000009",
        submitted,
        (record,),
        "urn:uuid:00000000-0000-4000-8000-000000000009",
    )


def _plain(resource: Json) -> Json:
    """Return a copy whose parts are shared with nothing."""
    loaded: Json = orjson.loads(orjson.dumps(resource))
    return loaded
