"""The stand-in DPI: its good calls are well-formed, its wrong ones are not, its page tells all."""

from urllib.parse import urlencode

import aiohttp
import pytest

from drimbox.errors import TooLarge
from drimbox.model.contextual_call import TEST_AUTHORITIES, MalformedCall, check_call
from drimbox.sandbox.dpi.calls import (
    FORM,
    WrongCall,
    call_parameters,
    study_parameters,
    wrong_calls,
)
from drimbox.sandbox.dpi.server import SandboxDpi, hospital
from drimbox.sandbox.patients.identities import PATIENTS, SandboxPatient
from drimbox.sandbox.patients.professionals import PROFESSIONALS
from drimbox.sandbox.patients.studies import STUDIES
from drimbox.standards.contextual_call.form import parse_form

CONSENT = {"InformationEtOppositionConsultation": "InforméEtNonOpposé"}
CALL_URL = "http://localhost:8441/drim"


@pytest.mark.parametrize("patient", PATIENTS, ids=lambda p: p.traits.given_name)
def test_the_call_of_each_patient_is_well_formed(patient: SandboxPatient) -> None:
    body = urlencode(call_parameters(patient) | CONSENT).encode()
    call = check_call(parse_form(body), TEST_AUTHORITIES)
    assert call.patient.ins == patient.traits.ins
    assert call.local_patient_id == patient.consumer_patient_id


@pytest.mark.parametrize("study", STUDIES, ids=lambda s: s.key)
def test_the_call_for_each_exam_is_well_formed(study: object) -> None:
    parameters = call_parameters(study.patient) | CONSENT | study_parameters(study)  # type: ignore[attr-defined, arg-type]
    call = check_call(parse_form(urlencode(parameters).encode()), TEST_AUTHORITIES)
    assert call.criteria.study_instance_uid == study.study_instance_uid  # type: ignore[attr-defined]


@pytest.mark.parametrize("call", wrong_calls(PATIENTS[0]), ids=lambda c: c.key)
def test_each_wrong_call_is_wrong(call: WrongCall) -> None:
    if call.content_type != FORM or len(call.body) > 64 * 1024:
        return
    with pytest.raises((MalformedCall, TooLarge)):
        check_call(parse_form(call.body.encode()), TEST_AUTHORITIES)


def test_every_situation_of_every_professional_can_be_chosen() -> None:
    offered = {one["value"] for one in hospital(CALL_URL)["situations"]}  # type: ignore[attr-defined]
    assert offered == {s.value for p in PROFESSIONALS for s in p.situations}


@pytest.mark.anyio
async def test_the_page_is_served_and_its_scripts_may_call_the_box_only() -> None:
    dpi = SandboxDpi(CALL_URL)
    await dpi.start("127.0.0.1", 0)
    try:
        async with aiohttp.ClientSession() as session:
            for path, kind in (
                ("", "text/html"),
                ("dpi.css", "text/css"),
                ("dpi.js", "text/javascript"),
                ("hospital.json", "application/json"),
            ):
                async with session.get(dpi.url + path) as answer:
                    assert (answer.status, answer.content_type) == (200, kind)
                    policy = answer.headers["Content-Security-Policy"]
                    assert "connect-src 'self' http://localhost:8441" in policy
            async with session.get(dpi.url + "server.py") as answer:
                assert answer.status == 404
    finally:
        await dpi.stop()
