"""The contextual call of a program in FHIR: the same rules as the form's, told as issues."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from starlette.applications import Starlette
from starlette.testclient import TestClient
from tests.fakes.consultation_site import BASE_URL, ConsultationSite
from tests.fakes.fake_identity_provider import ISSUER
from tests.fakes.judged_answers import judged
from tests.fakes.manifests import made_up_ins, made_up_patient
from tests.fakes.published_answers import published
from tests.fakes.signing_keys import signing_key
from tests.house.source_files import ROOT

from drimbox.entrypoints.http.bearer import ProfessionalTokens
from drimbox.entrypoints.http.calling_program import CallingProgram
from drimbox.entrypoints.http.error_doors import exception_handlers
from drimbox.entrypoints.http.fhir.contextual_call import (
    FhirContextualCall,
    fhir_contextual_call_routes,
)
from drimbox.errors import RejectedByPartner, SettingsError, TimedOut, Unavailable
from drimbox.flows.issue_token import TokenIssuer
from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.imaging_record import Subject
from drimbox.model.patient import AssigningAuthority, LocalPatientId
from drimbox.model.uids import Oid
from drimbox.standards.fhir.patient import encode_patient
from drimbox.standards.fhir.patient_reference import patient_reference
from drimbox.standards.fhir.xml import encode_xml

Json = dict[str, Any]
PATH = "/fhir/$contextual-call"
DOCUMENT: Json = yaml.safe_load((ROOT / "openapi" / "fhir.yaml").read_text(encoding="utf-8"))
PUBLISHED = DOCUMENT["paths"][PATH]["post"]["responses"]
IPP = LocalPatientId("C001-2026", AssigningAuthority("CLINIQUE", Oid("1.2.250.1.999.20.1")))


@pytest.fixture
def site(tmp_path: Path) -> ConsultationSite:
    return ConsultationSite(tmp_path)


@pytest.fixture
def client(site: ConsultationSite) -> TestClient:
    program = CallingProgram(
        site.open_call,
        ProfessionalTokens(ISSUER, site.provider),
        frozenset({"10"}),
        tokens=TokenIssuer(BASE_URL, signing_key(), site.clock, site.identifiers),
        patient_reference=patient_reference,
        base_url=BASE_URL,
    )
    routes = fhir_contextual_call_routes(FhirContextualCall(program), "/fhir")
    app = Starlette(routes=routes, exception_handlers=exception_handlers())
    client = published(judged(TestClient(app, base_url=BASE_URL)))
    client.headers["Authorization"] = f"Bearer {site.provider.sign_in().access_token}"
    client.headers["Content-Type"] = "application/fhir+json"
    return client


def call(**texts: str) -> Json:
    patient = encode_patient(Subject("p1", made_up_patient(), IPP))
    texts = {"InformationEtOppositionConsultation": "InforméEtNonOpposé"} | texts
    named = [{"name": name, "valueString": text} for name, text in texts.items()]
    parameters = [{"name": "patient", "resource": patient}, *named]
    return {"resourceType": "Parameters", "parameter": parameters}


def answered(body: Json) -> Json:
    return {
        one["name"]: one.get("valueString", one.get("valueInteger")) for one in body["parameter"]
    }


def test_a_call_opens_a_context_and_gives_a_token_bound_to_it(
    client: TestClient, site: ConsultationSite
) -> None:
    answer = client.post(PATH, content=json.dumps(call(Modality="CT", StudyDate="20240101-")))
    assert answer.status_code == 200
    (context,) = site.contexts.contexts.values()
    assert context.patient.ins == made_up_ins()
    assert context.patient.birth_date == made_up_patient().birth_date
    assert context.local_patient_id == IPP
    assert context.criteria.modalities == ("CT",)
    got = answered(answer.json())
    assert got.keys() == {
        "context", "access_token", "token_type", "expires_in", "patient", "page", "launch",
    }  # fmt: skip
    assert (got["context"], got["launch"]) == (context.identifier, context.identifier)
    assert got["token_type"] == "Bearer"
    assert got["expires_in"] > 0
    assert got["page"] == f"{BASE_URL}/consultation/{context.identifier}"


def test_the_same_call_in_xml_is_the_same_call(client: TestClient, site: ConsultationSite) -> None:
    body = encode_xml(call(Situation="1330781360"))
    headers = {"Content-Type": "application/fhir+xml", "Accept": "application/fhir+xml"}
    answer = client.post(PATH, content=body, headers=headers)
    assert answer.status_code == 200
    assert answer.content.startswith(b"<?xml")
    (context,) = site.contexts.contexts.values()
    assert context.patient.ins == made_up_ins()


def _patient(change: Callable[[Json], object]) -> Json:
    body = copy.deepcopy(call())
    change(body["parameter"][0]["resource"])
    return body


@pytest.mark.requirement("TRA.04")
@pytest.mark.parametrize(
    ("body", "expressions"),
    [
        pytest.param(_patient(lambda p: p.pop("gender")), {"Patient.gender"}, id="no gender"),
        pytest.param(
            _patient(lambda p: p.update(gender="other")), {"Patient.gender"}, id="gender other"
        ),
        pytest.param(
            _patient(lambda p: p.update(birthDate="2020-13-40")),
            {"Patient.birthDate"},
            id="a month that no calendar has",
        ),
        pytest.param(
            _patient(lambda p: p.pop("name")),
            {"Patient.name.family", "Patient.name.given"},
            id="no name",
        ),
        pytest.param(
            _patient(lambda p: p["identifier"].pop(0)),
            {"Patient.identifier.value", "Patient.identifier.system"},
            id="no INS",
        ),
        pytest.param(
            _patient(lambda p: p["identifier"][0].update(value="279035121518900")),
            {"Patient.identifier.value"},
            id="an INS with a wrong key",
        ),
        pytest.param(
            _patient(lambda p: p["identifier"][0].update(system="urn:oid:1.2.3")),
            {"Patient.identifier.system"},
            id="an INS of another authority",
        ),
        pytest.param(
            _patient(lambda p: p["identifier"].pop(1)),
            {"PatientID", "PatientIDIssuer"},
            id="no IPP",
        ),
        pytest.param(
            _patient(lambda p: p["extension"].pop(1)), {"Address.district"}, id="no birth place"
        ),
        pytest.param(
            call(InformationEtOppositionConsultation="oui"),
            {"InformationEtOppositionConsultation"},
            id="a consent that is no word of Tableau 1",
        ),
        pytest.param(
            call(Modality="XX", StudyDate="2024"), {"Modality", "StudyDate"}, id="two faults"
        ),
        pytest.param(
            {
                "resourceType": "Parameters",
                "parameter": [
                    *call()["parameter"][:1],
                    {"name": "InformationEtOppositionConsultation", "valueString": 5},
                ],
            },
            {"InformationEtOppositionConsultation"},
            id="a number where a string is due",
        ),
        pytest.param(
            _patient(lambda p: p.update(birthDate=19790300, gender="X")),
            {"Patient.birthDate", "Patient.gender"},
            id="a fault of the shape and one of a value are told together",
        ),
    ],
)
def test_every_fault_is_an_issue_that_names_its_parameter(
    client: TestClient, site: ConsultationSite, body: Json, expressions: set[str]
) -> None:
    answer = client.post(PATH, content=json.dumps(body))
    assert answer.status_code == 400
    issues = answer.json()["issue"]
    assert {one["details"]["coding"][0]["code"] for one in issues} == {"E200"}
    assert {one["expression"][0] for one in issues} == expressions
    assert not site.contexts.contexts
    assert site.audit.events[-1].action is AuditAction.CONTEXTUAL_CALL
    assert site.audit.events[-1].outcome is AuditOutcome.MINOR_FAILURE
    assert made_up_ins().value not in answer.text


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        pytest.param(b"{", "application/fhir+json", id="no JSON"),
        pytest.param(b"[]", "application/fhir+json", id="no object"),
        pytest.param(b'{"resourceType":"Patient"}', "application/fhir+json", id="a Patient"),
        pytest.param(b'{"resourceType":"Parameters"}', "application/fhir+json", id="empty"),
        pytest.param(b"<a", "application/fhir+xml", id="no XML"),
        pytest.param(b"<a/>", "application/fhir+xml", id="XML of something else"),
        pytest.param(
            b'<!DOCTYPE p [<!ENTITY e "x">]><Parameters xmlns="http://hl7.org/fhir"/>',
            "application/fhir+xml",
            id="a DOCTYPE",
        ),
        pytest.param(json.dumps(call()).encode(), "text/plain", id="another type"),
        pytest.param(b" " * 1_000_000, "application/fhir+json", id="a megabyte"),
    ],
)
def test_what_is_no_call_at_all_is_one_fault_of_the_whole(
    client: TestClient, site: ConsultationSite, content: bytes, media_type: str
) -> None:
    answer = client.post(PATH, content=content, headers={"Content-Type": media_type})
    assert answer.status_code == 400
    (issue,) = answer.json()["issue"]
    assert issue["details"]["coding"][0]["code"] == "E200"
    assert "expression" not in issue
    assert not site.contexts.contexts


@pytest.mark.parametrize(
    "name",
    # What is no text was found by fuzzing.
    ["Pateint", "Patient ", "__class__", "\N{BULLET}", {"profile": ["x"]}, ["Patient"], 1, None],
)
def test_a_resource_of_no_type_is_a_fault(
    client: TestClient, site: ConsultationSite, name: object
) -> None:
    answer = client.post(PATH, content=json.dumps(_patient(lambda p: p.update(resourceType=name))))
    assert answer.status_code == 400
    codes = {one["details"]["coding"][0]["code"] for one in answer.json()["issue"]}
    assert codes == {"E200"}
    assert not site.contexts.contexts


def test_a_call_without_a_professional_s_token_is_refused(client: TestClient) -> None:
    del client.headers["Authorization"]
    answer = client.post(PATH, content=json.dumps(call()))
    assert answer.status_code == 401
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_another_method_is_told_which_one_there_is(client: TestClient) -> None:
    answer = client.get(PATH)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["resourceType"] == "OperationOutcome"


FAILURES = {
    500: SettingsError("pro_sante_connect", "a setting that turned out wrong"),
    502: RejectedByPartner("Pro Santé Connect", "invalid_client"),
    503: Unavailable("Pro Santé Connect"),
    504: TimedOut("Pro Santé Connect", 5),
}


def _asked_for(status: int, client: TestClient, site: ConsultationSite) -> httpx2.Response:
    """Make a call that is answered so."""
    body, headers = json.dumps(call()), {}
    if status == 400:
        body = "{}"
    elif status == 401:
        headers = {"Authorization": "Bearer nobody"}
    elif status == 403:
        site.provider.professional = replace(site.provider.professional, profession_code="99")
        headers = {"Authorization": f"Bearer {site.provider.sign_in().access_token}"}
    elif status == 406:
        headers = {"Accept": "image/png"}
    elif status in FAILURES:
        site.provider.failure = FAILURES[status]
    return client.post(PATH, content=body, headers=headers)


@pytest.mark.parametrize("status", sorted(map(int, PUBLISHED)))
def test_each_published_answer_can_be_given(
    client: TestClient, site: ConsultationSite, status: int
) -> None:
    assert _asked_for(status, client, site).status_code == status
