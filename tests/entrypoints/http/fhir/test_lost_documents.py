"""A document that the registry lists and the repository has lost, from SOAP to the FHIR door."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import httpx2
import pytest
from tests.entrypoints.http.fhir.test_http import code_of
from tests.fakes.consultation_site import DOCTOR, ConsultationSite
from tests.fakes.dmp_bench import NOW, STUDY, Bench, served_bench
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fhir_site import FhirSite
from tests.fakes.submissions import CLINIC, PATIENT, STRUCTURE

from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.practice import Activity
from drimbox.sandbox.trusted_space.pki import TestPki

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("FA.1")]

LOST, HELD = "1.2.250.1.999.7.1", "1.2.250.1.999.7.2"


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with served_bench(TestPki(tmp_path / "pki"), tmp_path) as running:
        yield running


@pytest.fixture
async def site(bench: Bench, tmp_path: Path) -> FhirSite:
    """Let a doctor of the clinic consult the DMP over SOAP; it holds two KOS and loses one."""
    for unique_id in (LOST, HELD):
        await bench.feeding.provide(bench.lot(unique_id))
    async with aiohttp.ClientSession() as http:
        address = f"{bench.dmp.documents_url}?unique_id={LOST}"
        assert [(await http.delete(address)).status for _ in range(2)] == [204, 404]
    consultation = ConsultationSite(
        tmp_path,
        clock=FakeClock(NOW),
        dmp=bench.consultation,  # type: ignore[arg-type]
        installed=frozenset({STRUCTURE}),
    )
    site = FhirSite(tmp_path, in_front_of=consultation)
    at_the_clinic = (Activity(CLINIC, "SA01"),)
    doctor = replace(DOCTOR, speciality_code="SM44", activities=at_the_clinic, authenticated_at=NOW)
    site.change_context(
        patient=PATIENT, professional=doctor, expires_at=NOW + timedelta(minutes=20)
    )
    return site


async def _get(site: FhirSite, path: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(site.consumer_app())
    async with httpx2.AsyncClient(
        transport=transport, base_url="https://box.test", headers={"Authorization": "Bearer doctor"}
    ) as client:
        return await client.get(f"/fhir/{path}")


async def test_what_the_repository_has_lost_is_not_found_and_hides_nothing_else(
    site: FhirSite,
) -> None:
    listed = (await _get(site, "DocumentReference")).json()
    address = {
        entry["resource"]["masterIdentifier"]["value"]: entry["resource"]["content"][0][
            "attachment"
        ]["url"].removeprefix("https://box.test/fhir/")
        for entry in listed["entry"]
        if entry["search"]["mode"] == "match"
        and entry["resource"]["content"][0]["attachment"]["contentType"] == "application/dicom"
    }
    lost = await _get(site, address[f"urn:oid:{LOST}"])
    assert (lost.status_code, code_of(lost.json())) == (404, "document-absent")
    assert (await _get(site, address[f"urn:oid:{HELD}"])).status_code == 200
    studies = (await _get(site, "ImagingStudy")).json()
    modes = {entry["search"]["mode"]: entry["resource"] for entry in studies["entry"]}
    assert (studies["total"], modes["match"]["id"]) == (1, STUDY)
    assert code_of(modes["outcome"]) == "document-absent"
    traced = [e for e in site.audit.events if e.action is AuditAction.DMP_DOCUMENT_RETRIEVED]
    assert {(e.document_unique_id, e.outcome) for e in traced} == {
        (LOST, AuditOutcome.MINOR_FAILURE),
        (HELD, AuditOutcome.SUCCESS),
    }
