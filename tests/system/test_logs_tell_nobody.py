"""Canaries in a running network: after everything else, no log tells a token or a patient (N11)."""

import re
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from tests.system.demo_client import good_call
from tests.system.demo_session import DemoSession

from drimbox.sandbox.patients.identities import LUCIE, PATIENTS
from drimbox.sandbox.patients.professionals import PROFESSIONALS
from drimbox.sandbox.patients.studies import CT_OF_LUCIE
from drimbox.sandbox.ris.mllp_client import send

pytestmark = [pytest.mark.anyio, pytest.mark.system, pytest.mark.xdist_group("demo")]

# A JWT, whoever made it; and what a sealed cookie or an authorization code never looks like here.
_JWT = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}")


def canaries(demo: DemoSession) -> dict[str, str]:
    """Return what no log may hold, each with what it is."""
    found: dict[str, str] = dict.fromkeys(demo.secrets, "a token")
    for patient in PATIENTS:
        traits = patient.traits
        found[traits.ins.value] = "an INS"
        found[traits.family_name] = "a patient's name"
        found[patient.source_patient_id.value] = "an IPP"
        found[patient.consumer_patient_id.value] = "an IPP"
        if traits.used_family_name:
            found[traits.used_family_name] = "a patient's used name"
    for professional in PROFESSIONALS:
        found[professional.rpps] = "an RPPS"
        found[professional.family_name] = "a professional's name"
    return found


def logs_of(demo: DemoSession) -> Iterator[tuple[Path, str]]:
    for path in sorted(demo.running.folder.rglob("*.log")):
        yield path, path.read_text(encoding="utf-8", errors="replace")


async def provoke(demo: DemoSession) -> None:
    """Do what goes wrong with identities in hand: errors are where logs tell too much."""
    token = await demo.context_token(LUCIE)
    study = CT_OF_LUCIE.study_instance_uid
    for path in (
        f"/dicom-web/studies/{study}?PatientID={LUCIE.traits.ins.value}",
        f"/dicom-web/studies/{LUCIE.traits.family_name}",
        f"/dicom-web/studies?access_token={token}",
        f"/dicom-web/studies?00100020={LUCIE.traits.ins.value}",
        f"/fhir/ImagingStudy?patient.identifier={LUCIE.traits.ins.value}",
        f"/consultation/{token}",
        f"/viewer/{LUCIE.traits.family_name}/{study}",
    ):
        for headers in ({"Authorization": f"Bearer {token}"}, {"Cookie": f"drimbox={token}"}):
            async with demo.http.get(demo.consumer + path, headers=headers) as answer:
                await answer.read()
    form = good_call(LUCIE) | {"Patient.gender": LUCIE.traits.family_name, token: "unknown name"}
    async with demo.http.post(demo.call_url, data=form) as answer:
        assert answer.status == 400
    mllp = demo.running.addresses.source_mllp
    name = LUCIE.traits.family_name
    for message in (b"MSH|^~\\&|" + name.encode(), f"MSH|^~\\&|{name}|\rPID|||{name}\r".encode()):
        await send("127.0.0.1", mllp, message)


async def test_no_log_of_any_program_tells_who_or_lets_in(demo: DemoSession) -> None:
    await provoke(demo)
    logs = dict(logs_of(demo))
    assert {path.name for path in logs} >= {"source.log", "consumer.log", "pacs-source.log"}
    assert all(logs[path] for path in logs if path.name in {"source.log", "consumer.log"})
    leaks = [
        f"{path.name}: {what}"
        for path, text in logs.items()
        for canary, what in canaries(demo).items()
        if canary in text
    ]
    leaks += [f"{path.name}: a JWT" for path, text in logs.items() if _JWT.search(text)]
    assert leaks == []


async def test_no_metric_tells_who(demo: DemoSession) -> None:
    ports = demo.running.addresses
    async with aiohttp.ClientSession(trust_env=False) as http:
        for port in (ports.source_operator, ports.consumer_operator):
            for path in ("metrics", "health/ready", "meteo"):
                async with http.get(f"http://127.0.0.1:{port}/{path}") as answer:
                    assert answer.status == 200
                    text = await answer.text()
                assert [what for canary, what in canaries(demo).items() if canary in text] == []
