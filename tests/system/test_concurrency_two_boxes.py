"""Fifty clients, twenty patients, through both boxes: no octet of one study in another.

Clients ask the Consommatrice's DICOMweb door, which asks the Source over mutual TLS, which asks a
PACS by C-GET or by C-MOVE.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from tests.fakes.boxes import SOURCE
from tests.fakes.contexts import made_up_caller, made_up_context
from tests.fakes.manifests import made_up_patient
from tests.fakes.peer_source import PeerSource, peer_source
from tests.fakes.two_boxes import TwoBoxes, consommatrice
from tests.fixtures.twenty_patients import PATIENTS, TwentyPatients, fingerprint, images_in

from drimbox.adapters.pixel_worker_process.pool import PixelWorkerPool
from drimbox.entrypoints.http.dicomweb.routes import DicomwebDoor, dicomweb_routes
from drimbox.entrypoints.http.error_doors import exception_handlers
from drimbox.entrypoints.http.listener import HttpListener
from drimbox.errors import NotAuthenticated
from drimbox.model.access import Caller
from drimbox.model.manifest import Manifest
from drimbox.model.patient import Ins, InsAuthority, PatientTraits, ins_control_key

pytestmark = [pytest.mark.anyio, pytest.mark.system]
CLIENTS = 50
ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'


def patient(number: int) -> PatientTraits:
    digits = f"2790351215{number:03d}"
    ins = Ins(digits + ins_control_key(digits), InsAuthority.NIR_TEST)
    return made_up_patient(ins=ins)


@pytest.fixture(params=["c-get", "c-move"])
async def boxes(
    request: pytest.FixtureRequest, twenty_patients: TwentyPatients, tmp_path: Path
) -> AsyncIterator[TwoBoxes]:
    async with (
        twenty_patients.opened(request.param) as pacs,
        peer_source(tmp_path, pacs=pacs, studies=PATIENTS, patient_of=patient) as source,
        consommatrice(source, tmp_path) as running,
    ):
        yield running


def manifest_of(source: PeerSource, study: int) -> Manifest:
    """Return the KOS of a study as the DMP holds it: its three images, and where they are."""
    published = source.publications[study - 1].manifest
    first = published.series[0]
    url = f"https://{SOURCE}/dicom-web/studies/1/series/2"
    return replace(published, series=(replace(first, retrieve_url=url),))


@asynccontextmanager
async def dicomweb_of(boxes: TwoBoxes) -> AsyncIterator[str]:
    """Open the Consommatrice's door; the token of a client is the number of its patient."""
    token = boxes.source.server.provider.sign_in().access_token

    async def authenticate(request: Request) -> Caller:
        number = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not number.isdigit():
            raise NotAuthenticated("no bearer token")
        context = made_up_context(identifier=f"context-{number}", patient=patient(int(number)))
        return replace(made_up_caller(context), access_token=token)

    pixels = PixelWorkerPool(workers=1, deadline_seconds=20)
    door = DicomwebDoor(authenticate, boxes.retrieve_study, pixels, "http://box/dicom-web")
    routes = dicomweb_routes(door)
    application = Starlette(routes=routes, exception_handlers=exception_handlers())
    listener = HttpListener(application, "127.0.0.1", 0)
    await listener.start()
    try:
        yield f"http://127.0.0.1:{listener.port}/dicom-web"
    finally:
        await listener.stop()
        await pixels.stop()


async def test_no_octet_of_one_study_is_in_another(
    boxes: TwoBoxes, twenty_patients: TwentyPatients
) -> None:
    """Each client asks for its patient's study, and for that of somebody else."""
    boxes.site.dmp.entries.clear()
    manifests = [manifest_of(boxes.source, study) for study in range(1, PATIENTS + 1)]
    for manifest in manifests:
        boxes.site.dmp.hold(manifest)
    numbers = [n % PATIENTS + 1 for n in range(CLIENTS)]
    random.Random(7).shuffle(numbers)

    async def check(session: aiohttp.ClientSession, url: str, number: int) -> None:
        headers = {"Authorization": f"Bearer {number}", "Accept": ACCEPT}
        own = manifests[number - 1].study_instance_uid
        other = manifests[number % PATIENTS].study_instance_uid
        async with session.get(f"{url}/studies/{own}", headers=headers) as answer:
            body = await answer.read()
            assert answer.status == 200, body
            media_type = answer.headers["Content-Type"]
        images = await asyncio.to_thread(images_in, media_type, body)
        found = {str(one.SOPInstanceUID): fingerprint(one) for one in images}
        assert found == twenty_patients.expected[own]
        for one in images:
            told = {item.PatientID for item in one.OtherPatientIDsSequence}
            assert patient(number).ins.value in told
            assert patient(number % PATIENTS + 1).ins.value not in told
        async with session.get(f"{url}/studies/{other}", headers=headers) as answer:
            assert answer.status == 404

    connector = aiohttp.TCPConnector(limit=CLIENTS)
    async with (
        dicomweb_of(boxes) as url,
        aiohttp.ClientSession(connector=connector, trust_env=False) as session,
    ):
        await asyncio.gather(*(check(session, url, number) for number in numbers))
