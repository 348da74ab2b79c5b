"""TD0.2: the question carries the INS, the answer tells existence, state and authorisation."""

from datetime import UTC, datetime

import pytest
from lxml import etree
from tests.fakes.submissions import INS

from drimbox.errors import MalformedMessage, UnsupportedMessage
from drimbox.standards.hl7v3.td02_patient_existence import (
    HL7_V3,
    ExistenceAnswer,
    ExistenceQuery,
    QueryResponseCode,
    encode_existence_query,
    parse_existence_answer,
)

NS = {"h": HL7_V3}
QUERY = ExistenceQuery(
    ins=INS,
    message_id="m-1",
    query_id="q-1",
    created_at=datetime(2026, 11, 24, 10, 30, tzinfo=UTC),
    sender_oid="1.2.250.1.999.1",
    software_name="drimbox",
    processing_code="T",
)
OBSERVATION = (
    '<subjectOf><administrativeObservation><code code="AUTORISATION"/><value code="{}"/>'
    "</administrativeObservation></subjectOf>"
)


def _answer(code: str = "OK", status: str = "active", observations: str = "") -> etree._Element:
    return etree.fromstring(
        f'<PRPA_IN201308UV02 xmlns="{HL7_V3}"><controlActProcess><subject><registrationEvent>'
        f'<subject1><patient><id root="{INS.authority.value}" extension="{INS.value}"/>'
        f'<statusCode code="{status}"/>{observations}</patient></subject1></registrationEvent>'
        f'</subject><queryAck><queryId root="1" extension="q-1"/><queryResponseCode code="{code}"/>'
        "</queryAck></controlActProcess></PRPA_IN201308UV02>"
    )


def test_the_question_names_the_patient_the_reason_and_the_two_ends() -> None:
    request = encode_existence_query(QUERY)
    value = request.find(".//h:patientIdentifier/h:value", NS)
    reason = request.find("h:controlActProcess/h:reasonCode", NS)
    assert request.tag == f"{{{HL7_V3}}}PRPA_IN201307UV02"
    assert value is not None
    assert (value.get("extension"), value.get("root")) == (INS.value, INS.authority.value)
    assert reason is not None
    assert (reason.get("code"), reason.get("codeSystem")) == ("TEST_EXST", "1.2.250.1.213.1.1.4.11")
    assert [name.text for name in request.iterfind(".//h:softwareName", NS)] == ["DMP", "drimbox"]
    created = request.find("h:creationTime", NS)
    assert created is not None
    assert created.get("value") == "20261124103000+0000"


@pytest.mark.parametrize(
    ("answer", "exists", "is_open", "is_authorised"),
    [
        pytest.param(
            _answer(observations=OBSERVATION.format("VALIDE")), True, True, True, id="may be read"
        ),
        pytest.param(
            _answer(observations=OBSERVATION.format("INTERDIT")), True, True, False, id="forbidden"
        ),
        pytest.param(
            _answer(
                observations="<a><keyWordText>AUTORISATION</keyWordText><value code='VALIDE'/></a>"
            ),
            True,
            True,
            True,
            id="the key word is a text",
        ),
        pytest.param(
            _answer(observations="<a><code code='AUTORISATION'/><value/></a>"),
            True,
            True,
            False,
            id="the key word without value",
        ),
        pytest.param(_answer(), True, True, False, id="nothing told is no authorisation"),
        pytest.param(
            _answer(status="terminated", observations=OBSERVATION.format("VALIDE")),
            True,
            False,
            True,
            id="closed",
        ),
        pytest.param(_answer("NF"), False, False, False, id="no such DMP"),
    ],
)
def test_reads_what_the_dmp_allows(
    answer: etree._Element, exists: bool, is_open: bool, is_authorised: bool
) -> None:
    read = parse_existence_answer(answer)
    assert (read.exists, read.is_open, read.is_authorised) == (exists, is_open, is_authorised)
    assert read.query_id == "q-1"


def test_keeps_who_the_answer_is_about() -> None:
    assert parse_existence_answer(_answer()) == ExistenceAnswer(
        QueryResponseCode.OK, "q-1", (INS.value, INS.authority.value), "active", None
    )


@pytest.mark.parametrize("code", ["", "MAYBE"])
def test_another_code_is_malformed(code: str) -> None:
    with pytest.raises(MalformedMessage):
        parse_existence_answer(_answer(code))


def test_another_interaction_is_unsupported() -> None:
    with pytest.raises(UnsupportedMessage):
        parse_existence_answer(etree.fromstring(f'<PRPA_IN201310UV02 xmlns="{HL7_V3}"/>'))
