"""HL7 v2 values inside metadata: written strictly, read from whoever wrote them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.submissions import INS, PATIENT

from drimbox.errors import InvalidValue
from drimbox.model.document_entry import ReferenceId
from drimbox.model.patient import AssigningAuthority, LocalPatientId
from drimbox.model.practice import Code, Practitioner, Structure
from drimbox.model.uids import Oid
from drimbox.standards.xds.data_types import (
    encode_dtm,
    encode_practitioner,
    encode_source_patient_info,
    encode_structure,
    escape,
    parse_coded_text,
    parse_dtm,
    parse_ins,
    parse_local_patient_id,
    parse_practitioner,
    parse_reference_id,
    parse_source_patient_info,
    parse_structure,
    unescape,
)

NATIONAL = "&1.2.250.1.71.4.2.1&ISO"


@settings(deadline=None)
@given(st.text(r"a^&~|\ST", max_size=30))
def test_any_text_survives_escaping(text: str) -> None:
    assert unescape(escape(text)) == text
    assert not set("^&~|") & set(escape(text))


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026", datetime(2026, 1, 1, tzinfo=UTC)),
        ("202611", datetime(2026, 11, 1, tzinfo=UTC)),
        ("20261124103005", datetime(2026, 11, 24, 10, 30, 5, tzinfo=UTC)),
        pytest.param("20210104092200+0100", datetime(2021, 1, 4, 8, 22, tzinfo=UTC), id="offset"),
        pytest.param("20210104092200.5-0130", datetime(2021, 1, 4, 10, 52, tzinfo=UTC), id="west"),
        pytest.param(" 20210104 ", datetime(2021, 1, 4, tzinfo=UTC), id="blanks around"),
    ],
)
def test_reads_a_dtm_of_any_precision(text: str, instant: datetime) -> None:
    assert parse_dtm(text) == instant


@pytest.mark.parametrize(
    "text",
    ["", "202", "20261", "2026-11-24", "20261332", "20260230", "2026112410300٣", "00010101+9999"],
)
def test_refuses_what_is_no_dtm(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_dtm(text)


def test_writes_a_dtm_in_utc() -> None:
    paris = timezone(timedelta(hours=1))
    assert encode_dtm(datetime(2026, 11, 24, 0, 30, tzinfo=paris)) == "20261123233000"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            f"899700367909^DOC^KIT^^^^^^{NATIONAL}^D^^^IDNPS",
            (Practitioner("899700367909", "DOC", "KIT"), False),
            id="a professional",
        ),
        pytest.param(
            f"1^DRIMBox^ANS^^^^^^{NATIONAL}^U^^^EI",
            (Practitioner("1", "DRIMBox", "ANS"), True),
            id="a device",
        ),
        pytest.param(
            "^Dopplemeyer^Sherry^^^",
            (Practitioner("", "Dopplemeyer", "Sherry"), False),
            id="a name without identifier",
        ),
        pytest.param(
            "7^Welby^Marcus",
            (Practitioner("", "Welby", "Marcus"), False),
            id="an identifier of nobody's is dropped",
        ),
        pytest.param("^^^^", None, id="nobody"),
    ],
)
def test_reads_an_xcn(text: str, expected: tuple[Practitioner, bool] | None) -> None:
    assert parse_practitioner(text) == expected


@pytest.mark.parametrize("is_device", [False, True])
def test_a_person_comes_back_as_written(is_device: bool) -> None:
    person = Practitioner("1", "A&B", "C^D", Oid("1.2.3"))
    assert parse_practitioner(encode_practitioner(person, is_device=is_device)) == (
        person,
        is_device,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Cleveland Clinic", Structure("", "Cleveland Clinic"), id="a bare name"),
        pytest.param("^^^^^^^^^45", Structure("", "45"), id="an identifier of nobody's"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_reads_an_xon_of_others(text: str, expected: Structure | None) -> None:
    assert parse_structure(text) == expected


def test_a_structure_comes_back_as_written() -> None:
    structure = Structure("499700367909006", r"A & B \ C", Oid("1.2.3"))
    assert parse_structure(encode_structure(structure)) == structure


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "A1^^^&1.2.3&ISO^urn:ihe:iti:xds:2013:accession",
            ReferenceId(
                "A1", "urn:ihe:iti:xds:2013:accession", AssigningAuthority(None, Oid("1.2.3"))
            ),
        ),
        ("1.2^^^^urn:x", ReferenceId("1.2", "urn:x")),
        ("1.2", ReferenceId("1.2", "")),
        (
            "1^^^LAB&not-an-oid&ISO^urn:x^more",
            ReferenceId("1", "urn:x", AssigningAuthority("LAB")),
        ),
    ],
)
def test_reads_a_reference_id(text: str, expected: ReferenceId) -> None:
    assert parse_reference_id(text) == expected


@pytest.mark.parametrize(
    ("text", "is_ins"),
    [
        (INS.xds_patient_id, True),
        pytest.param(INS.xds_patient_id.replace("4.10", "4.2"), False, id="a historical INS-C"),
        pytest.param("IPP-1^^^HIS^PI", False, id="an authority without OID"),
        pytest.param("1^^^&1.2.250.1.213.1.4.10&ISO^NH", False, id="a number that is none"),
    ],
)
def test_tells_an_ins(text: str, is_ins: bool) -> None:
    assert (parse_ins(text) is not None) is is_ins


def test_reads_a_local_identifier_and_none_where_there_is_none() -> None:
    assert parse_local_patient_id("P\\T\\1^^^HIS^PI") == LocalPatientId(
        "P&1", AssigningAuthority("HIS")
    )
    assert parse_local_patient_id("^^^&1.2&ISO^PI") is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("DISPOSITIF^Dispositif^1.2", Code("DISPOSITIF", "1.2", "Dispositif")),
        ("Orthopedic", Code("Orthopedic", "", "Orthopedic")),
    ],
)
def test_reads_a_speciality(text: str, code: Code) -> None:
    assert parse_coded_text(text) == code


def test_the_patient_comes_back_as_written() -> None:
    lines = encode_source_patient_info(PATIENT)
    assert lines[0] == "PID-5|D'ESSAI^Zoé^^^^^L"
    assert lines[-1] == "PID-11|^^^^^^BDL^^13032"
    assert parse_source_patient_info(lines, INS.xds_patient_id) == PATIENT


@pytest.mark.parametrize(
    ("lines", "patient_id"),
    [
        pytest.param(encode_source_patient_info(PATIENT)[1:], INS.xds_patient_id, id="no name"),
        pytest.param(encode_source_patient_info(PATIENT), "103^^^&2.3.4&ISO", id="no INS"),
        pytest.param(("PID-5|A^B", "PID-7|x", "PID-8|M"), INS.xds_patient_id, id="no birth date"),
        pytest.param(("PID-5|A^B", "PID-7|19800101", "PID-8|U"), INS.xds_patient_id, id="no sex"),
    ],
)
def test_incomplete_traits_are_no_patient(lines: tuple[str, ...], patient_id: str) -> None:
    assert parse_source_patient_info(lines, patient_id) is None
