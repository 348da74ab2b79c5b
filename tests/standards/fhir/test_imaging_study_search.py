"""Every parameter of ImagingStudy, with its modifiers, prefixes and chains (spec 4.3)."""

import pytest
from tests.fakes.fhir_searches import RECORDS, found, parse
from tests.fakes.imaging_records import IPP, SUBJECT
from tests.fakes.manifests import made_up_ins

from drimbox.model.document_entry import AvailabilityStatus
from drimbox.model.imaging_search import PatientKey
from drimbox.standards.fhir.imaging_study_search import IMAGING_STUDY, imaging_study_query

EVERY = "1234"
INS, INS_SYSTEM = made_up_ins().value, "urn:oid:1.2.250.1.213.1.4.10"


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", EVERY),
        ("_id=1.2.3.2", "2"),
        ("_id=1.2.3.2,1.2.3.1", "12"),
        ("_id=1.2.3", ""),
        # A UID in each of its spellings, and an accession number (D9).
        ("identifier=1.2.3.1", "1"),
        ("identifier=urn:oid:1.2.3.1", "1"),
        ("identifier=URN:OID:1.2.3.1", "1"),
        ("identifier=urn:dicom:uid|1.2.3.1", "1"),
        ("identifier=urn:dicom:uid|urn:oid:1.2.3.1", "1"),
        ("identifier=urn:dicom:uid%7Curn:oid:1.2.3.1,1.2.3.2", "12"),
        ("identifier=A1", "1"),
        ("identifier=urn:oid:1.2.250.1.999.1|A1", "1"),
        ("identifier=urn:oid:9.9|A1", ""),
        ("identifier:not=1.2.3.1", "234"),
        ("identifier:missing=true", ""),
        ("accession-number=A2", "2"),
        ("accession-number=urn:oid:1.2.250.1.999.1|A2", "2"),
        ("accession-number=urn:oid:1.2.250.1.999.1|", EVERY),
        ("accession-number=|A2", ""),
        ("accession-number=1.2.3.1", ""),
        # The order, by identifier or chained.
        ("basedon:identifier=A3", "3"),
        ("basedon:identifier=P3", "3"),
        ("based-on:identifier=urn:oid:1.2.250.1.999.1|A3", "3"),
        ("basedon.identifier=A3", "3"),
        ("basedon=ServiceRequest/1", ""),
        # Whose.
        (f"patient=Patient/{SUBJECT.identifier}", EVERY),
        (f"patient={SUBJECT.identifier}", EVERY),
        (f"patient=https://box.test/fhir/Patient/{SUBJECT.identifier}", EVERY),
        (f"patient=https://elsewhere.test/fhir/Patient/{SUBJECT.identifier}", ""),
        (f"patient=Patient/{SUBJECT.identifier}/_history/1", EVERY),
        (f"subject=Patient/{SUBJECT.identifier}", EVERY),
        (f"subject:Patient={SUBJECT.identifier}", EVERY),
        ("subject=Device/p-1", ""),
        ("patient=Patient/other", ""),
        (f"patient.identifier={INS_SYSTEM}|{INS}", EVERY),
        (f"patient:identifier={INS_SYSTEM}|{INS}", EVERY),
        (f"subject:identifier={INS_SYSTEM}|{INS}", EVERY),
        (f"subject.identifier={INS_SYSTEM}|{INS}", EVERY),
        (f"subject:Patient.identifier={INS_SYSTEM}|{INS}", EVERY),
        (f"patient.identifier={INS}", EVERY),
        (f"patient.identifier=urn:oid:1.2.250.1.213.1.4.8|{INS}", ""),
        (f"patient.identifier=urn:oid:1.2.250.1.999.20.1|{IPP.value}", EVERY),
        ("patient.family=pâquer", EVERY),
        ("patient.family=paquerette", EVERY),
        ("patient.family:exact=PÂQUERETTE", EVERY),
        ("patient.family:exact=paquerette", ""),
        ("patient.family:contains=querett", EVERY),
        ("patient.given=Zoe", EVERY),
        ("patient.birthdate=1979", EVERY),
        ("patient.birthdate=1979-03-24", ""),
        ("patient.gender=female", EVERY),
        ("patient:missing=false", EVERY),
        # When: without an offset a value is the site's time.
        ("started=2024", "12"),
        ("started=2024-01", "1"),
        ("started=2024-01-13", "1"),
        ("started=2024-01-13T08:30:00%2B01:00", "1"),
        ("started=2024-01-13T08:30:00 01:00", "1"),
        ("started=2024-01-13T07:30:00Z", "1"),
        ("started=2024-01-13T08:30", "1"),
        ("started=eq2024-01-13", "1"),
        ("started=ne2024", "3"),
        ("started=gt2024", "3"),
        ("started=ge2024-03-31", "23"),
        ("started=lt2024-03-31", "1"),
        ("started=le2024-03-31", "12"),
        ("started=ge2024-02&started=lt2025-01-01", "2"),
        ("started=sa2024-01-13", "23"),
        ("started=eb2024-03-31", "1"),
        ("started=ap2025-12-20", "3"),
        ("started=2024-01-13,2025-12-31", "13"),
        ("started:missing=true", "4"),
        ("started:missing=false", "123"),
        ("started=0001", ""),
        ("started=lt9999-12-31T23:59:59Z", "123"),
        ("started=ge1850", "123"),
        ("status=available", EVERY),
        ("status=cancelled", ""),
        ("status:not=cancelled", EVERY),
        ("modality=CT", "13"),
        ("modality=CT,MR", "123"),
        ("modality=CT&modality=MR", ""),
        ("modality=http://dicom.nema.org/resources/ontology/DCM|CT", "13"),
        ("modality=urn:oid:1.2.840.10008.2.16.4|CT", "13"),
        ("modality=urn:oid:1.2.250.1.213.1.1.5.618|CT", "13"),
        ("modality=http://snomed.info/sct|CT", ""),
        ("modality:not=CT", "24"),
        ("modality=ct", ""),
        ("bodysite=774007", "12"),
        ("body-site=http://snomed.info/sct|774007", "12"),
        ("bodysite:text=région", EVERY),
        ("modality=CT,MR&bodysite=774007", "12"),
        ("series=1.2.250.1.999.7.1.3", "3"),
        ("instance=urn:oid:1.2.250.1.999.7.1.3.2", "3"),
        ("instance=1.2.250.1.999.7.1.3.9", ""),
        ("dicom-class=urn:oid:1.2.840.10008.5.1.4.1.1.2", EVERY),
        ("endpoint=Endpoint/dicom-web", EVERY),
        ("endpoint=dicom-web", EVERY),
        ("endpoint=Endpoint/other", ""),
        ("reason=1", ""),
        ("reason:missing=true", EVERY),
        ("referrer:missing=false", EVERY),
        ("_lastUpdated=ge2026-07-03", "34"),
        ("_lastUpdated=2026-07-01", "1"),
    ],
)
def test_a_search_finds_what_fhir_says(query: str, numbers: str) -> None:
    ids = found(IMAGING_STUDY, query, RECORDS)
    assert sorted(ids) == [f"1.2.3.{number}" for number in numbers]


@pytest.mark.parametrize(
    ("sort", "numbers"),
    [
        ("", "3214"),
        ("_sort=started", "1234"),
        ("_sort=-started", "3214"),
        ("_sort=_id", "1234"),
        ("_sort=-_id", "4321"),
        ("_sort=modality,-started", "3124"),
        ("_sort=-_lastUpdated", "4321"),
        ("_sort=colour", "3214"),
    ],
)
def test_the_order_is_the_one_asked_for_and_what_has_no_value_comes_last(
    sort: str, numbers: str
) -> None:
    assert found(IMAGING_STUDY, sort, RECORDS) == [f"1.2.3.{number}" for number in numbers]


APPROVED, DEPRECATED = AvailabilityStatus.APPROVED, AvailabilityStatus.DEPRECATED


@pytest.mark.parametrize(
    ("query", "patients"),
    [
        ("", None),
        ("patient=Patient/p-1", (PatientKey("p-1"),)),
        ("patient=p-1,p-2", (PatientKey("p-1"), PatientKey("p-2"))),
        ("patient.identifier=s|v", (PatientKey(system="s", value="v"),)),
        ("subject:identifier=v", (PatientKey(value="v"),)),
        ("patient._id=p-1", (PatientKey(value="p-1"),)),
        ("patient.family=x", None),
        ("patient.identifier:not=s|v", None),
    ],
)
def test_the_question_says_whose_exams_where_the_search_does(
    query: str, patients: tuple[PatientKey, ...] | None
) -> None:
    assert imaging_study_query(parse(IMAGING_STUDY, query)).patients == patients


@pytest.mark.parametrize(
    ("query", "studies"),
    [
        ("", None),
        ("_id=1.2.3", ("1.2.3",)),
        ("identifier=urn:oid:1.2.3", ("1.2.3",)),
        ("identifier=urn:dicom:uid|urn:oid:1.2.3,urn:dicom:uid|1.2.4", ("1.2.3", "1.2.4")),
        ("identifier=urn:dicom:uid|no-uid", ()),
        ("identifier=1.2.3", None),
        ("identifier:not=urn:dicom:uid|1.2.3", None),
    ],
)
def test_the_question_names_studies_where_they_are_surely_studies(
    query: str, studies: tuple[str, ...] | None
) -> None:
    assert imaging_study_query(parse(IMAGING_STUDY, query)).studies == studies


@pytest.mark.parametrize(
    ("query", "statuses"),
    [
        ("", {APPROVED}),
        ("status=available", {APPROVED}),
        ("status=cancelled", {DEPRECATED}),
        ("status=available,cancelled", {APPROVED, DEPRECATED}),
        ("status:not=available", {DEPRECATED}),
        ("status=registered", set()),
        ("status=available&status=cancelled", set()),
    ],
)
def test_the_question_names_the_states_that_the_search_accepts(
    query: str, statuses: set[AvailabilityStatus]
) -> None:
    assert imaging_study_query(parse(IMAGING_STUDY, query)).statuses == statuses
