"""The header of a CDA imaging report: ours, the official ones, and what senders vary."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.fakes.reports import IPP, ORDER, RADIOLOGIST, REPORT, STRUCTURE, STUDY

from drimbox.errors import (
    DrimboxError,
    InvalidValue,
    MalformedMessage,
    TooLarge,
    UnsupportedMessage,
)
from drimbox.model.manifest import ImagingOrder
from drimbox.model.patient import AssigningAuthority, BirthDate, District, LocalPatientId
from drimbox.model.practice import Code
from drimbox.model.report import ImagingReport
from drimbox.model.study import AccessionNumber
from drimbox.model.uids import Oid
from drimbox.sandbox.ris.report_document import encode_report_document
from drimbox.standards.cda.imaging_report import MAX_REPORT_BYTES, parse_imaging_report

PARIS = ZoneInfo("Europe/Paris")
DOCUMENT = encode_report_document(REPORT)
CT = Code("CT", "1.2.840.10008.2.16.4", "Tomodensitométrie")


def parse(content: bytes) -> ImagingReport:
    return parse_imaging_report(content, local_zone=PARIS)


def changed(old: str, new: str, document: bytes = DOCUMENT) -> ImagingReport:
    assert old.encode() in document
    return parse(document.replace(old.encode(), new.encode()))


def test_reads_what_the_ris_wrote() -> None:
    report = parse(DOCUMENT)
    assert (report.document_id, report.set_id, report.version_number) == (
        REPORT.document_id,
        REPORT.set_id,
        1,
    )
    assert report.patient == REPORT.patient
    assert report.local_patient_ids == (
        LocalPatientId(IPP.value, AssigningAuthority(None, Oid("1.2.250.1.999.10.1"))),
    )
    assert report.orders == (ORDER,)
    assert (report.author, report.legal_authenticator) == (RADIOLOGIST, RADIOLOGIST)
    assert (report.author_structure, report.structure) == (STRUCTURE, STRUCTURE)
    assert report.author_role == report.legal_authenticator_role == REPORT.author_role
    assert report.facility_type == REPORT.facility_type
    assert report.practice_setting == REPORT.practice_setting
    assert (report.created_at, report.title) == (REPORT.created_at, REPORT.title)
    assert report.replaces is None
    (act,) = report.acts
    assert act.study_instance_uid == STUDY.study_instance_uid
    assert (act.code, act.ccam) == (STUDY.act, STUDY.ccam)
    assert (act.modalities, act.anatomic_regions) == (STUDY.modalities, STUDY.anatomic_regions)
    assert (act.start, act.stop) == (STUDY.started_at, STUDY.ended_at)
    assert (act.structure, act.practice_setting) == (STRUCTURE, REPORT.practice_setting)


def test_tells_what_a_report_replaces() -> None:
    second = replace(REPORT, version_number=2, replaces="1.2.3.4")
    report = parse(encode_report_document(second))
    assert (report.version_number, report.replaces) == (2, "1.2.3.4")


OFFICIAL = [
    pytest.param(
        "report-n1.xml", "1.2.250.1.925.994044.27.123.187635", 0, 1, "51215", id="level 1"
    ),
    pytest.param(
        "report-n3.xml", "1.2.250.1.925.994044.27.123.187636", 0, 2, "51215", id="level 3"
    ),
    pytest.param(
        "report-three-studies-n1.xml", "1.2.250.1.3.152.235.2.12.18763647", 4, 1, "63220", id="PoC"
    ),
]


@pytest.mark.parametrize(("name", "root", "first", "orders", "district"), OFFICIAL)
def test_reads_the_official_reports(
    samples: Path, name: str, root: str, first: int, orders: int, district: str
) -> None:
    report = parse((samples / "cda" / name).read_bytes())
    assert [act.study_instance_uid for act in report.acts] == [
        f"{root}{first + i}" for i in range(3)
    ]
    assert all(act.modalities == (CT,) for act in report.acts)
    assert [act.anatomic_regions[0].value for act in report.acts] == [
        "774007",
        "774007",
        "67734004",
    ]
    assert [act.ccam.value for act in report.acts if act.ccam] == ["ACQH004", "LCQH001", "ZBQH001"]
    assert len(report.orders) == orders
    patient = report.patient
    assert (patient.ins.value, patient.birth_date) == ("279035121518989", BirthDate("19790328"))
    assert (patient.family_name, patient.given_name) == ("PAT-TROIS", "DOMINIQUE")
    assert patient.birth_place == District(district)
    assert [identifier.value for identifier in report.local_patient_ids] == ["1234567890121"]
    assert report.created_at == datetime(2021, 1, 8, 10, 17, tzinfo=UTC)
    assert report.replaces == "90E1C8EC-F951-4B26-A305-A34848818DD6"
    assert report.legal_authenticator is not None
    assert report.legal_authenticator.identifier == "801234560801"
    assert report.facility_type is not None
    assert report.facility_type.value == "SA08"


def test_reads_the_two_orders_of_the_official_level_3_report(samples: Path) -> None:
    report = parse((samples / "cda" / "report-n3.xml").read_bytes())
    placer = Oid("1.2.250.1.748.12345678.12")
    assert report.orders == (
        ImagingOrder(
            AccessionNumber("105234751", Oid("1.2.250.1.925.994044785528.27")), "984375862", placer
        ),
        ImagingOrder(
            AccessionNumber("105234752", Oid("1.2.250.1.925.994044.27")), "984375863", placer
        ),
    )


def test_an_order_of_imaging_is_no_report(samples: Path) -> None:
    with pytest.raises(UnsupportedMessage, match="CDA code"):
        parse((samples / "cda" / "order-xray-mri-knee.xml").read_bytes())


STUDY_ID = f'<id root="{STUDY.study_instance_uid}"/>'
QUALIFIER = '<qualifier><name code="121139"'
VARIED = [
    pytest.param(
        STUDY_ID, STUDY_ID[:-2] + ' extension="studyInstanceUID"/>', id="an extension beside it"
    ),
    pytest.param("<documentationOf>", "<documentationOf typeCode='DOC'>", id="its typeCode told"),
    pytest.param("<title>", "<!-- a comment --><title>", id="a comment"),
    pytest.param(
        "<documentationOf>",
        '<documentationOf><serviceEvent classCode="ACT"><code code="Z13.9"/></serviceEvent>'
        "</documentationOf><documentationOf>",
        id="a service event that is no study",
    ),
    pytest.param(
        "<documentationOf>",
        '<documentationOf><serviceEvent><id nullFlavor="NA"/></serviceEvent></documentationOf>'
        "<documentationOf>",
        id="a study that is not applicable",
    ),
]


@pytest.mark.parametrize(("old", "new"), VARIED)
def test_reads_the_same_studies_however_they_are_written(old: str, new: str) -> None:
    assert changed(old, new) == parse(DOCUMENT)


def test_a_translation_is_told_by_its_qualifier_not_by_its_place() -> None:
    modality = '<translation code="CT"'
    start = DOCUMENT.index(modality.encode())
    end = DOCUMENT.index(b"</translation>", start) + len(b"</translation>")
    translation = DOCUMENT[start:end]
    moved = DOCUMENT.replace(translation, b"").replace(
        b"</code><effectiveTime><low", translation + b"</code><effectiveTime><low"
    )
    assert moved != DOCUMENT
    assert parse(moved).acts == parse(DOCUMENT).acts


def test_without_qualifier_the_code_system_tells() -> None:
    start = DOCUMENT.index(QUALIFIER.encode())
    end = DOCUMENT.index(b"</qualifier>", start) + len(b"</qualifier>")
    (act,) = parse(DOCUMENT.replace(DOCUMENT[start:end], b"")).acts
    assert act.modalities == STUDY.modalities


def test_a_report_may_name_no_modality() -> None:
    (act,) = changed('<name code="121139"', '<name code="other"').acts
    assert act.modalities == ()


NAMES = [
    pytest.param(
        '<family qualifier="BR">NEE</family><given>ANNE MARIE</given><given qualifier="BR">ANNE'
        '</given><family qualifier="CL">USEE</family><given qualifier="CL">MARIE</given>',
        ("NEE", "ANNE", ("ANNE", "MARIE"), "USEE", "MARIE"),
        id="everything",
    ),
    pytest.param(
        "<family>NEE</family><given>ANNE MARIE</given>",
        ("NEE", "ANNE", ("ANNE", "MARIE"), None, None),
        id="no qualifier at all",
    ),
    pytest.param(
        '<family qualifier="CL">USEE</family><given qualifier="BR">ANNE</given>'
        '<family qualifier="BR">NEE</family>',
        ("NEE", "ANNE", ("ANNE",), "USEE", None),
        id="another order",
    ),
    pytest.param(
        '<family qualifier="BR">NEE</family><family qualifier="SP">MARIEE</family>'
        "<given>ANNE</given>",
        ("NEE", "ANNE", ("ANNE",), "MARIEE", None),
        id="the spouse's name",
    ),
    pytest.param(
        '<family qualifier="BR">NE<!-- x -->E</family><given qualifier="BR"> ANNE\n </given>',
        ("NEE", "ANNE", ("ANNE",), None, None),
        id="comments and white space inside",
    ),
]


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_reads_names_by_their_qualifier(
    name: str, expected: tuple[str, str, tuple[str, ...], str | None, str | None]
) -> None:
    start = DOCUMENT.index(b"<name><family qualifier") + len(b"<name>")
    end = DOCUMENT.index(b"</name>", start)
    patient = parse(DOCUMENT[:start] + name.encode() + DOCUMENT[end:]).patient
    assert (
        patient.family_name,
        patient.given_name,
        patient.birth_given_names,
        patient.used_family_name,
        patient.used_given_name,
    ) == expected


@pytest.mark.requirement("INS")
def test_the_ins_is_found_by_its_oid_not_by_its_place() -> None:
    start = DOCUMENT.index(b"<patientRole>") + len(b"<patientRole>")
    middle = DOCUMENT.index(b"<id", start + 1)
    end = DOCUMENT.index(b"<addr", middle)
    swapped = DOCUMENT[:start] + DOCUMENT[middle:end] + DOCUMENT[start:middle] + DOCUMENT[end:]
    assert swapped != DOCUMENT
    assert parse(swapped).patient.ins == REPORT.patient.ins
    assert parse(swapped).local_patient_ids == parse(DOCUMENT).local_patient_ids


@pytest.mark.parametrize(
    ("value", "birth_date"),
    [("19790300", "19790300"), ("1979", "19790000"), ("197903281200", "19790328")],
)
def test_a_birth_date_may_be_less_precise_or_more(value: str, birth_date: str) -> None:
    report = changed('<birthTime value="19790300"', f'<birthTime value="{value}"')
    assert report.patient.birth_date == BirthDate(birth_date)


def test_a_time_without_offset_is_the_sites() -> None:
    report = changed(
        '<effectiveTime value="20261123100000+0000"', '<effectiveTime value="20260701120000"'
    )
    assert report.created_at == datetime(2026, 7, 1, 10, 0, tzinfo=UTC)


def test_an_accession_number_under_something_else_than_an_oid_has_no_issuer() -> None:
    report = changed('root="1.2.250.1.999.10.2"', 'root="D52DE737-001D-4031-B571-0A0ED7C42300"')
    assert report.orders[0].accession_number == AccessionNumber("ACN103", None)


def test_a_patient_without_a_name_is_none() -> None:
    start = DOCUMENT.index(b"<name><family qualifier")
    end = DOCUMENT.index(b"</name>", start) + len(b"</name>")
    with pytest.raises(InvalidValue, match="birth name"):
        parse(DOCUMENT[:start] + DOCUMENT[end:])


def test_a_person_or_a_structure_without_identifier_is_nobody() -> None:
    start = DOCUMENT.index(b"<assignedAuthor>") + len(b"<assignedAuthor>")
    end = DOCUMENT.index(b"/>", start) + len(b"/>")
    report = parse(DOCUMENT[:start] + b'<id nullFlavor="UNK"/>' + DOCUMENT[end:])
    assert report.author is None
    assert report.legal_authenticator == RADIOLOGIST


def test_an_order_may_have_no_electronic_number() -> None:
    report = changed('<id root="1.2.250.1.999.10.3" extension="OPN7"/>', '<id nullFlavor="NA"/>')
    assert report.orders == (ImagingOrder(ORDER.accession_number),)


def test_a_document_id_with_an_extension_is_one_text() -> None:
    report = changed(f'<id root="{REPORT.document_id}"', '<id root="1.2.3" extension="45"')
    assert report.document_id == "1.2.3.45"


REFUSED = [
    pytest.param("ClinicalDocument", "Document", UnsupportedMessage, id="another root"),
    pytest.param(
        '"urn:hl7-org:v3"', '"urn:hl7-org:v2"', UnsupportedMessage, id="another namespace"
    ),
    pytest.param('root="1.2.250.1.213.1.1.1.1"', 'root="1.2.3"', UnsupportedMessage, id="template"),
    pytest.param('code="18748-4"', 'code="11502-2"', UnsupportedMessage, id="a biology report"),
    pytest.param(STUDY_ID, '<id nullFlavor="NA"/>', MalformedMessage, id="no study"),
    pytest.param("recordTarget", "recordTargets", MalformedMessage, id="no recordTarget"),
    pytest.param("patient>", "patients>", MalformedMessage, id="no patient"),
    pytest.param("<name><family qual", "<names/><x><family qual", MalformedMessage, id="crossed"),
    pytest.param("<patient>", "<patients/><patient>", None, id="an element we do not know"),
    pytest.param('"1.2.250.1.213.1.4.10"', '"1.2.250.1.213.1.4.2"', MalformedMessage, id="no INS"),
    pytest.param(f'<id root="{REPORT.document_id}"/>', "", MalformedMessage, id="no document id"),
    pytest.param(
        'value="20261123100000+0000"/><conf',
        'nullFlavor="NA"/><conf',
        MalformedMessage,
        id="no date",
    ),
    pytest.param(STUDY_ID, '<id root="90E1C8EC-F951"/>', InvalidValue, id="a study that is no UID"),
    pytest.param(
        'extension="2790351215189', 'extension="2790351215188', InvalidValue, id="INS key"
    ),
    pytest.param('GenderCode code="F"', 'GenderCode code="U"', InvalidValue, id="an unknown sex"),
    pytest.param('value="19790300"', 'value="19791300"', InvalidValue, id="a 13th month"),
    pytest.param("2A004", "2C004", InvalidValue, id="a birth place that is no COG code"),
    pytest.param('<low value="2026', '<low value="20X6', InvalidValue, id="a time that is none"),
    pytest.param("<title>", "<title><b>", MalformedMessage, id="not well-formed"),
]


@pytest.mark.parametrize(("old", "new", "error"), REFUSED)
def test_refuses_what_is_no_report(old: str, new: str, error: type[DrimboxError] | None) -> None:
    if error is None:
        assert changed(old, new) == parse(DOCUMENT)
        return
    with pytest.raises(error) as refusal:
        changed(old, new)
    assert type(refusal.value) is error
    for value in (REPORT.patient.ins.value[:13], REPORT.patient.family_name):
        assert value not in str(refusal.value)


def test_refuses_a_report_over_the_limit() -> None:
    with pytest.raises(TooLarge):
        parse(DOCUMENT + b" " * MAX_REPORT_BYTES)
