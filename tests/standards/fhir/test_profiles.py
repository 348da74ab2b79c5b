"""meta.profile: claimed where the profile holds, and nowhere else."""

from dataclasses import replace
from typing import Any

import pytest
from tests.fakes.fhir_examples import FHIR, kos_record
from tests.fakes.fhir_gate import FhirGate
from tests.fakes.imaging_records import made_up_record
from tests.fakes.submissions import CLINIC, DEVICE

from drimbox.model.document_entry import Author, AvailabilityStatus
from drimbox.model.practice import Code
from drimbox.standards.fhir.document_reference import encode_document_reference
from drimbox.standards.fhir.patient import encode_patient
from drimbox.standards.fhir.profiles import DOCUMENT_REFERENCE_KOS

LACKING: dict[str, dict[str, Any]] = {
    "no entryUUID": {"entry_uuid": None},
    "an entryUUID that is none": {"entry_uuid": "urn:uuid:1"},
    "withdrawn": {"status": AvailabilityStatus.DELETED},
    "another type": {"type_code": Code("18748-4", "2.16.840.1.113883.6.1")},
    "another format": {"format_code": Code("urn:ihe:rad:TEXT", "1.3.6.1.4.1.19376.1.2.3")},
    "no modality": {"event_codes": (Code("774007", "2.16.840.1.113883.6.96"),)},
    "no study": {"reference_ids": ()},
    "another language": {"language_code": "en-US"},
    "another media type": {"mime_type": "application/pdf"},
    "no size": {"size": None},
    "no hash": {"hash_hex": None},
    "no title": {"title": ""},
    "no confidentiality": {"confidentiality_codes": ()},
    "no start": {"service_start_time": None},
    "no facility": {"facility_type": None},
    "no practice setting": {"practice_setting": None},
    "no source patient": {"source_patient_id": None, "source_patient": None},
    "no author": {"authors": ()},
    "a structure as an author": {"authors": (Author(None, (CLINIC,)),)},
    "a device of two structures": {"authors": (Author(DEVICE, (CLINIC,) * 2, is_device=True),)},
    "nobody to keep it": {"authors": (Author(DEVICE, is_device=True),)},
}


def test_a_whole_document_claims_the_profile() -> None:
    document = encode_document_reference(kos_record(), FHIR)
    assert document["meta"]["profile"] == [DOCUMENT_REFERENCE_KOS]  # type: ignore[index]


@pytest.mark.parametrize("what", LACKING)
def test_a_document_that_lacks_something_claims_nothing_and_could_not(
    fhir_gate: FhirGate, what: str
) -> None:
    document: dict[str, Any] = encode_document_reference(kos_record(**LACKING[what]), FHIR)
    assert "profile" not in document["meta"]
    document["meta"]["profile"] = [DOCUMENT_REFERENCE_KOS]
    assert fhir_gate.profile_faults(document)


def test_a_patient_whose_birth_place_is_not_known_claims_nothing() -> None:
    subject = made_up_record().subject
    nowhere = replace(subject, traits=replace(subject.traits, birth_place=None))
    assert "profile" not in encode_patient(nowhere).get("meta", {})  # type: ignore[operator]
    assert encode_patient(subject)["meta"]
