"""TD0.2: whether a DMP exists, is open, and may be read."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from lxml import etree
from tests.sandbox.dmp.bench import DEMOGRAPHICS, Answered, Bench, Recipe
from tests.sandbox.dmp.kos import INS, INS_OID
from tests.sandbox.dmp.lot import PATIENT_ID

V3 = "urn:hl7-org:v3"
AIR = Recipe(mode="INDIRECTE_RENFORCEE")
QUESTION = f"""<PRPA_IN201307UV02 xmlns="{V3}" ITSVersion="XML_1.0">
  <id root="1.2.250.1.999.1.1" extension="6d0a6a2e"/><creationTime value="20260302093015"/>
  <interactionId root="2.16.840.1.113883.1.6" extension="PRPA_IN201307UV02"/>
  <processingCode code="D"/><processingModeCode code="T"/><acceptAckCode code="AL"/>
  <receiver typeCode="RCV"><device classCode="DEV" determinerCode="INSTANCE">
    <id root="1.2.250.1.213.4.1.1.1"/></device></receiver>
  <sender typeCode="SND"><device classCode="DEV" determinerCode="INSTANCE">
    <id root="1.2.250.1.999.1"/></device></sender>
  <controlActProcess classCode="CACT" moodCode="EVN">
    <reasonCode code="TEST_EXST" codeSystem="1.2.250.1.213.1.1.4.11"/>
    <queryByParameter><queryId root="1.2.250.1.999.1.2" extension="q1"/><statusCode code="new"/>
      <parameterList><patientIdentifier><value root="{INS_OID}" extension="{INS}"/>
        <semanticsText>Patient.id</semanticsText></patientIdentifier></parameterList>
    </queryByParameter></controlActProcess></PRPA_IN201307UV02>"""


def ask(bench: Bench, recipe: Recipe = AIR) -> Answered:
    return bench.send(bench.message("patients", DEMOGRAPHICS, QUESTION, recipe))


def told(answer: Answered, path: str) -> list[str]:
    return answer.body.xpath(path, namespaces={"h": V3})


def test_tells_that_a_dmp_is_there_open_and_readable(bench: Bench) -> None:
    answer = ask(bench)

    assert answer.envelope[0].findtext("{*}Action") == "urn:hl7-org:v3:PRPA_IN201308UV02"
    assert told(answer, "h:acknowledgement/@typeCode") == ["AA"]
    assert told(answer, "//h:queryResponseCode/@code") == ["OK"]
    assert told(answer, "//h:patient/h:statusCode/@code") == ["active"]
    assert told(answer, "//h:patient/h:id/@extension") == [INS]
    assert told(answer, "h:attentionLine[h:keyWordText/@code='AUTORISATION']/h:value/@code") == [
        "VALIDE"
    ]
    assert told(answer, "//h:queryAck/h:queryId/@extension") == ["q1"]


@pytest.mark.parametrize(
    ("changes", "path", "expected"),
    [
        pytest.param({"is_open": False}, "//h:patient/h:statusCode/@code", "terminated", id="shut"),
        pytest.param(
            {"is_authorised": False}, "h:attentionLine/h:value/@code", "INTERDIT", id="forbidden"
        ),
    ],
)
def test_tells_that_a_dmp_is(
    bench: Bench, changes: dict[str, bool], path: str, expected: str
) -> None:
    patient = bench.patients.find(PATIENT_ID)
    assert patient is not None
    bench.patients.replace([replace(patient, **changes)])

    assert told(ask(bench), path) == [expected]


def test_tells_that_there_is_none(bench: Bench) -> None:
    bench.patients.replace([])

    answer = ask(bench)

    assert told(answer, "//h:queryResponseCode/@code") == ["NF"]
    assert told(answer, "h:attentionLine") == []


def of(name: str, **attributes: str) -> Callable[[etree._Element], None]:
    def change(body: etree._Element) -> None:
        for key, value in attributes.items():
            next(body.iter(f"{{{V3}}}{name}")).set(key, value)

    return change


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        pytest.param(lambda b: b.attrib.clear(), "ITSVersion", id="no ITSVersion"),
        pytest.param(lambda b: b.append(b[0]), "disordered", id="id last"),
        pytest.param(lambda b: b.remove(b[1]), "needs one creationTime", id="no creationTime"),
        pytest.param(of("id", root="drimbox"), "must be an OID", id="an id of no OID"),
        pytest.param(of("creationTime", value="now"), "no time stamp", id="a time in words"),
        pytest.param(
            of("interactionId", extension="PRPA_IN201305UV02"), "interactionId", id="another query"
        ),
        pytest.param(of("reasonCode", code="CREATION"), "TEST_EXST", id="another reason"),
        pytest.param(of("statusCode", code="executing"), "statusCode new", id="another state"),
        pytest.param(
            lambda b: setattr(next(b.iter(f"{{{V3}}}semanticsText")), "text", "Patient.name"),
            "Patient.id",
            id="another parameter",
        ),
        pytest.param(of("value", extension="1"), "not the patient", id="not the VIHF's patient"),
    ],
)
def test_refuses_a_question_with(
    bench: Bench, change: Callable[[etree._Element], object], rule: str
) -> None:
    answer = ask(bench, replace(AIR, body=change))

    assert rule in answer.fault, answer.fault
