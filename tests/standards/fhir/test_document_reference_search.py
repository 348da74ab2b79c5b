"""Every parameter of DocumentReference (MHD, PDSm, MADO; spec 4.2)."""

import pytest
from tests.fakes.fhir_searches import RECORDS, found
from tests.fakes.imaging_records import SUBJECT
from tests.fakes.manifests import made_up_ins

from drimbox.standards.fhir.document_reference_search import DOCUMENT_REFERENCE

EVERY = "1234"
INS = f"urn:oid:1.2.250.1.213.1.4.10|{made_up_ins().value}"
TRE_A05 = "https://mos.esante.gouv.fr/NOS/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire"


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", EVERY),
        ("_id=2.25.1", "1"),
        ("identifier=urn:oid:2.25.1", "1"),
        ("identifier=urn:ietf:rfc:3986|urn:oid:2.25.1", "1"),
        ("identifier=2.25.1", "1"),
        ("identifier=urn:uuid:2F5A6B1C-6A52-4BB0-9E41-0D2B8A5C0001", ""),
        (f"patient=Patient/{SUBJECT.identifier}", EVERY),
        (f"patient.identifier={INS}", EVERY),
        (f"subject:identifier={INS}", EVERY),
        ("status=current", EVERY),
        ("status=superseded", ""),
        ("isArchived=false", EVERY),
        ("isArchived=true", ""),
        ("type=IMG-KOS", EVERY),
        (f"type={TRE_A05}|IMG-KOS", EVERY),
        ("type=urn:oid:1.2.250.1.213.1.1.4.12|IMG-KOS", EVERY),
        ("type=http://loinc.org|18748-4", EVERY),
        ("type=85430-7", ""),
        ("category=31", EVERY),
        ("event=CT", "13"),
        ("event=774007", "12"),
        ("event=CT&event=774007", "1"),
        ("modality=CT,XC", "134"),
        ("bodysite=774007", "12"),
        ("anatomical-region=774007", "12"),
        ("modality=CT&bodysite=67734004", "3"),
        ("study-instance-uid=urn:oid:1.2.3.2", "2"),
        ("study-instance-uid=urn:dicom:uid|urn:oid:1.2.3.2", "2"),
        ("study-instance-uid=1.2.3.2", "2"),
        ("related:identifier=1.2.3.2", "2"),
        ("related.identifier=urn:dicom:uid|1.2.3.2", "2"),
        ("accession-number=A4", "4"),
        ("date=2026-07-02", "2"),
        ("creation=ge2026-07-03", "34"),
        ("creation=lt2026-07-02T12:00", "12"),
        ("period=ge2024-03&period=le2024-12", "2"),
        ("period=2024", "12"),
        ("period:missing=true", "4"),
        ("period-start=ge2024-02", "23"),
        ("period-end=lt2024-02", "1"),
        ("facility=SA07", EVERY),
        ("setting=AMBULATOIRE", EVERY),
        ("format=1.2.840.10008.5.1.4.1.1.88.59", EVERY),
        ("format=urn:ihe:rad:MADO:fhir-manifest:2026", ""),
        ("security-label=N", EVERY),
        ("security-label=MASQUE_PS", EVERY),
        ("security-label:not=MASQUE_PS", ""),
        ("author.family=dupont", EVERY),
        ("author.given=jeanne", EVERY),
        ("author.family=martin", ""),
        ("author.identifier=urn:oid:1.2.250.1.71.4.2.1|899700367909", EVERY),
        ("author:identifier=899700367909", EVERY),
        ("author:missing=true", ""),
        ("contenttype=application/dicom", EVERY),
        ("language=fr-FR", EVERY),
        ("description=images", EVERY),
        ("description:contains=THORAX", EVERY),
        ("_lastUpdated=lt2026-07-02", "1"),
    ],
)
def test_a_search_finds_what_fhir_says(query: str, numbers: str) -> None:
    ids = found(DOCUMENT_REFERENCE, query, RECORDS)
    assert sorted(ids) == [f"2.25.{number}" for number in numbers]


def test_the_newest_document_comes_first() -> None:
    assert found(DOCUMENT_REFERENCE, "", RECORDS) == ["2.25.4", "2.25.3", "2.25.2", "2.25.1"]
