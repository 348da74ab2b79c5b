"""The journey, step by step; each is announced with its time, and the first failure ends it."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import aiohttp

from drimbox.errors import DrimboxError, Mismatch, RejectedByPartner, TimedOut
from drimbox.sandbox.journey.browser import Browser, Page
from drimbox.sandbox.journey.images import check_identical, retrieve
from drimbox.sandbox.journey.local_pacs import count_instances
from drimbox.sandbox.journey.trail import CONSUMER_ACTIONS, SOURCE_ACTIONS, check_trail
from drimbox.sandbox.network.descriptor import RunningDemo
from drimbox.sandbox.network.reports import HeldDocument, send_message, wait_for_kos
from drimbox.sandbox.patients.professionals import REFERRING_PHYSICIAN
from drimbox.sandbox.patients.scenario import ScenarioStudy
from drimbox.sandbox.patients.studies import CT_OF_LUCIE, CT_OF_PAUL

_STEP_SECONDS = 60.0
_JPEG_START = b"\xff\xd8"


class Announce(Protocol):
    """Tell one step: what, in how many seconds, whether it went well."""

    def __call__(self, what: str, seconds: float, *, is_well: bool = True) -> None: ...


async def walk(demo: RunningDemo, announce: Announce) -> bool:
    """Walk the whole journey; return whether every step went well."""
    timeout = aiohttp.ClientTimeout(total=None, connect=10, sock_read=60)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
        journey = _Journey(demo, session)
        for what, step in journey.steps():
            since = time.monotonic()
            try:
                async with asyncio.timeout(_STEP_SECONDS):
                    detail = await step()
            except (DrimboxError, aiohttp.ClientError, TimeoutError) as error:
                reason = str(error) or type(error).__name__
                announce(f"{what}: {reason}", time.monotonic() - since, is_well=False)
                return False
            announce(f"{what}{detail}", time.monotonic() - since)
    return True


@dataclass
class _Journey:
    """What is learnt on the way. The report is of one study, the images of a larger one."""

    demo: RunningDemo
    session: aiohttp.ClientSession
    new_study: ScenarioStudy = CT_OF_PAUL
    study: ScenarioStudy = CT_OF_LUCIE
    kos: HeldDocument | None = None
    page_url: str = ""
    page: Page | None = None
    context: str = ""
    token: str = ""
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder = self.demo.folder
        self.browser = Browser(self.session)
        self.consumer = f"http://localhost:{self.demo.addresses.consumer_browser}"

    def steps(self) -> list[tuple[str, Callable[[], Awaitable[str]]]]:
        """Return the steps in order; each returns what to say beside its name."""
        return [
            ("report sent (MDM over MLLP, ACK AA)", self.send_report),
            ("KOS in the DMP", self.find_kos),
            ("contextual call (303)", self.call),
            ("professional signed in", self.sign_in),
            ("exam listed", self.list_exams),
            ("FHIR ImagingStudy found", self.find_imaging_study),
            ("first image", self.see_first_image),
            ("whole study through both boxes, pixel-identical", self.retrieve_study),
            ("exported to the PACS of the Consommatrice under the local IPP", self.export),
            ("audit complete", self.check_audit),
        ]

    async def send_report(self) -> str:
        message = self.demo.report_files[self.new_study.key].read_bytes()
        await send_message("127.0.0.1", self.demo.addresses.source_mllp, message)
        return ""

    async def find_kos(self) -> str:
        self.kos = await wait_for_kos(self.demo.services.documents_url, self.new_study)
        return ""

    async def call(self) -> str:
        status, location = await self.browser.post_without_following(
            f"{self.consumer}/drim", self._call_parameters()
        )
        if status != 303 or not location.startswith(f"{self.consumer}/consultation/"):
            raise RejectedByPartner("contextual call", str(status))
        self.page_url = location
        return ""

    async def sign_in(self) -> str:
        """Go to Pro Santé Connect, choose the physician, confirm the patient."""
        provider = await self.browser.open(self.page_url)
        confirmation = await self.browser.submit(
            provider, "/auth/choose", {"subject": REFERRING_PHYSICIAN.rpps}
        )
        if self.study.patient.traits.family_name not in confirmation.text:
            raise Mismatch("the page to confirm does not show the patient")
        self.page = await self.browser.submit(confirmation, "/confirmation", {})
        self.context = self.page_url.rpartition("/")[2]
        return ""

    async def list_exams(self) -> str:
        listed = await self.browser.open(f"{self.page_url}/exams")
        if self.study.study_instance_uid not in listed.text:
            raise Mismatch("the exam is not in the list")
        return f" ({listed.text.count('data-study=')} exams)"

    async def find_imaging_study(self) -> str:
        """As a program: a professional's token, a call, then a FHIR search."""
        patient = await self._call_as_program()
        async with self.session.post(
            f"{self.consumer}/fhir/ImagingStudy/_search",
            data={"patient": patient},
            headers={"Authorization": f"Bearer {self.token}"},
        ) as answer:
            if answer.status != 200:
                raise RejectedByPartner("FHIR search", str(answer.status))
            bundle = json.loads(await answer.read())
        wanted = f"urn:oid:{self.study.study_instance_uid}"
        studies = [entry["resource"] for entry in bundle.get("entry", [])]
        if not any(i["value"] == wanted for s in studies for i in s.get("identifier", [])):
            raise Mismatch("the exam is not among the ImagingStudy found")
        return f" ({bundle['total']} found)"

    async def _call_as_program(self) -> str:
        """Take a token of Pro Santé Connect, then one of the box; return the patient."""
        issuer = self.demo.services.pro_sante_connect_issuer
        form = {"subject": REFERRING_PHYSICIAN.rpps}
        async with self.session.post(f"{issuer}/sandbox/token", data=form) as answer:
            professional_token = (await answer.json())["access_token"]
        headers = {"Authorization": f"Bearer {professional_token}", "Accept": "application/json"}
        async with self.session.post(
            f"{self.consumer}/drim", data=self._call_parameters(), headers=headers
        ) as answer:
            called = await answer.json()
            if answer.status != 200:
                raise RejectedByPartner("contextual call", str(answer.status))
        self.token = called["access_token"]
        return str(called["patient"])

    async def see_first_image(self) -> str:
        """Open the viewer and draw the first image of the first series that has any."""
        study = self.study.study_instance_uid
        await self.browser.open(f"{self.consumer}/viewer/{self.context}/{study}")
        modality = self.study.procedure.modalities[0].value
        with_images = await self._search(f"/studies/{study}/series?Modality={modality}")
        if not with_images:
            raise Mismatch("no series of this modality")
        series = with_images[0]["0020000E"]["Value"][0]
        found = await self._search(f"/studies/{study}/series/{series}/instances?limit=1")
        instance = found[0]["00080018"]["Value"][0]
        path = f"/viewer/{self.context}/{study}/series/{series}/instances/{instance}/frames/1"
        media_type, octets = await self.browser.get_bytes(self.consumer + path)
        if media_type != "image/jpeg" or not octets.startswith(_JPEG_START):
            raise Mismatch("not a JPEG picture")
        return f" ({len(octets) / 1024:.0f} KiB)"

    async def retrieve_study(self) -> str:
        url = f"{self.consumer}/dicom-web/studies/{self.study.study_instance_uid}"
        since = time.monotonic()
        parts = await retrieve(self.session, url, {"Authorization": f"Bearer {self.token}"})
        speed = sum(map(len, parts)) / (time.monotonic() - since) / 1e6
        folder = self.folder / "pacs-source"
        count = await check_identical(parts, folder, self.study.study_instance_uid)
        return f" ({count} objects, {speed:.0f} MB/s)"

    async def export(self) -> str:
        assert self.page is not None  # noqa: S101  # signed in before
        form = {
            **self.page.hidden_fields(),
            "study": self.study.study_instance_uid,
            "destination": self.demo.export_destination,
        }
        async with self.session.post(f"{self.page_url}/exports", data=form) as answer:
            if answer.status != 202:
                raise RejectedByPartner("export", str(answer.status), await answer.text())
        await self._wait_for_export()
        count = await count_instances(
            self.demo.consumer_pacs,
            self.study.study_instance_uid,
            self.study.patient.consumer_patient_id.value,
        )
        if not count:
            raise Mismatch("the local PACS does not find the exam under the local IPP")
        return f" ({count} objects)"

    async def check_audit(self) -> str:
        source = await check_trail(self.folder / "source.toml", SOURCE_ACTIONS)
        consumer = await check_trail(self.folder / "consumer.toml", CONSUMER_ACTIONS)
        return f" ({source} + {consumer} events)"

    def _call_parameters(self) -> dict[str, str]:
        traits, local = self.study.patient.traits, self.study.patient.consumer_patient_id
        return {
            "Patient.identifier.value": traits.ins.value,
            "Patient.identifier.system": traits.ins.authority.value,
            "Patient.name.family": traits.family_name,
            "Patient.name.given": traits.given_name,
            "Patient.gender": traits.gender.value,
            "Patient.birthDate": traits.birth_date.value,
            "Address.district": traits.birth_place.value if traits.birth_place else "",
            "InformationEtOppositionConsultation": "InforméEtNonOpposé",
            "PatientID": local.value,
            "PatientIDIssuer": local.issuer.hierarchic_designator if local.issuer else "",
            "Situation": REFERRING_PHYSICIAN.situations[0].value,
        }

    async def _search(self, path: str) -> list[dict[str, dict[str, list[str]]]]:
        async with self.session.get(
            f"{self.consumer}/dicom-web{path}",
            headers={"Authorization": f"Bearer {self.token}", "Accept": "application/dicom+json"},
        ) as answer:
            if answer.status != 200:
                raise RejectedByPartner("QIDO-RS", str(answer.status))
            found: list[dict[str, dict[str, list[str]]]] = json.loads(await answer.read())
            return found

    async def _wait_for_export(self) -> None:
        deadline = time.monotonic() + _STEP_SECONDS
        while time.monotonic() < deadline:
            async with self.session.get(f"{self.page_url}/exports") as answer:
                (export,) = await answer.json()
            if export["state"] == "done":
                return
            if export["state"] == "failed":
                raise RejectedByPartner("export", export["failure"])
            await asyncio.sleep(0.2)
        raise TimedOut("export", _STEP_SECONDS)
