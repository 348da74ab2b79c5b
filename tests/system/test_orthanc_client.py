"""Orthanc as a DICOMweb client, unchanged: it searches a box and retrieves from it.

Its plugin (orthanc-dicomweb) is told an address and a header of authorization, and nothing else.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import ImplicitVRLittleEndian
from tests.system.demo_session import DemoSession
from tests.system.peer_call import ACCEPT_AS_STORED
from tests.system.request_tap import RequestTap, request_tap
from tests.system.test_two_boxes import stored_objects

from drimbox.errors import SettingsError
from drimbox.sandbox.pacs.orthanc import OrthancPacs
from drimbox.sandbox.patients.identities import LUCIE
from drimbox.sandbox.patients.studies import CT_OF_LUCIE, MR_OF_ANGE, ULTRASOUND_OF_CAMILLE

pytestmark = [pytest.mark.anyio, pytest.mark.system, pytest.mark.xdist_group("demo")]


@dataclass
class OrthancClient:
    """One Orthanc that knows boxes as DICOMweb servers."""

    url: str
    http: aiohttp.ClientSession

    async def knows(self, server: str, url: str, token: str) -> None:
        parameters = {"Url": url, "HttpHeaders": {"Authorization": f"Bearer {token}"}}
        async with self.http.put(f"{self.url}/dicom-web/servers/{server}", json=parameters) as got:
            assert got.status == 200, await got.text()

    async def post(self, path: str, body: Mapping[str, object]) -> Any:
        async with self.http.post(f"{self.url}{path}", json=body) as answer:
            text = await answer.text()
            assert answer.status == 200, text
            return await answer.json(content_type=None) if text else None

    async def held(self) -> dict[str, Dataset]:
        """Return every object it holds, by SOP Instance UID."""
        found = {}
        async with self.http.get(f"{self.url}/instances") as answer:
            names = await answer.json()
        for name in names:
            async with self.http.get(f"{self.url}/instances/{name}/file") as answer:
                image = dcmread(io.BytesIO(await answer.read()))
            found[str(image.SOPInstanceUID)] = image
        return found


@pytest.fixture(scope="module")
async def archive(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OrthancPacs]:
    made = OrthancPacs("ARCHIVE", tmp_path_factory.mktemp("archive") / "orthanc")
    try:
        await made.prepare()
    except SettingsError as error:
        pytest.skip(str(error))
    if made.warning:
        pytest.skip(made.warning)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


@pytest.fixture
async def orthanc(archive: OrthancPacs) -> AsyncIterator[OrthancClient]:
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as http:
        yield OrthancClient(archive.http_url, http)


def address_of(archive: OrthancPacs, tap: RequestTap) -> str:
    """Return a box's DICOMweb root as Orthanc reaches it, out of its own network."""
    return f"http://{archive.box_host}:{tap.port}/dicom-web"


def assert_is_the_stored_one(received: Dataset, stored: Dataset) -> None:
    for element in stored:
        if element.keyword != "OtherPatientIDsSequence":
            assert received[element.tag].value == element.value, element.keyword
    assert received.file_meta.TransferSyntaxUID != ImplicitVRLittleEndian


@pytest.mark.requirement("FA.3")
async def test_it_finds_and_retrieves_at_a_consommatrice(
    demo: DemoSession, archive: OrthancPacs, orthanc: OrthancClient
) -> None:
    port = demo.running.addresses.consumer_browser
    study = ULTRASOUND_OF_CAMILLE.study_instance_uid
    stored = await asyncio.to_thread(stored_objects, demo, ULTRASOUND_OF_CAMILLE)
    async with request_tap(archive.box_host, port) as tap:
        token = await demo.context_token(ULTRASOUND_OF_CAMILLE.patient)
        await orthanc.knows("consommatrice", address_of(archive, tap), token)
        server = "/dicom-web/servers/consommatrice"
        found = await orthanc.post(f"{server}/qido", {"Uri": "/studies"})
        assert study in [row["0020000D"]["Value"] for row in found]
        rows = await orthanc.post(f"{server}/qido", {"Uri": f"/studies/{study}/instances"})
        assert {row["00080018"]["Value"] for row in rows} == set(stored)
        told = await orthanc.post(f"{server}/retrieve", {"Resources": [{"Study": study}]})
        assert int(told["ReceivedInstancesCount"]) == len(stored)
    received = await orthanc.held()
    assert set(received) == set(stored)
    ins = ULTRASOUND_OF_CAMILLE.patient.traits.ins.value
    for uid, image in received.items():
        assert_is_the_stored_one(image, stored[uid])
        assert ins in [other.PatientID for other in image.OtherPatientIDsSequence]
    # What stands in the tables of tests/entrypoints/http/dicomweb/test_accept.py as Orthanc's.
    asked = {(one.path.partition("?")[0], one.headers["Accept"]) for one in tap.requests}
    assert asked == {
        ("/dicom-web/studies", "*/*"),
        (f"/dicom-web/studies/{study}/instances", "*/*"),
        (f"/dicom-web/studies/{study}", ACCEPT_AS_STORED),
    }


@pytest.mark.requirement("FA.3")
async def test_it_retrieves_a_series_and_an_instance_of_a_source(
    demo: DemoSession, archive: OrthancPacs, orthanc: OrthancClient
) -> None:
    port = demo.running.addresses.source_browser
    stored = await asyncio.to_thread(stored_objects, demo, CT_OF_LUCIE)
    report = next(ds for ds in stored.values() if ds.Modality == "SR")
    image = next(ds for ds in stored.values() if ds.Modality == "CT")
    study = {"Study": CT_OF_LUCIE.study_instance_uid}
    series = study | {"Series": str(report.SeriesInstanceUID)}
    instance = study | {
        "Series": str(image.SeriesInstanceUID),
        "Instance": str(image.SOPInstanceUID),
    }
    before = set(await orthanc.held())
    async with request_tap(archive.box_host, port) as tap:
        await orthanc.knows("source", address_of(archive, tap), await demo.source_token())
        server = "/dicom-web/servers/source"
        query = {"Uri": "/studies", "Arguments": {"StudyInstanceUID": study["Study"]}}
        assert len(await orthanc.post(f"{server}/qido", query)) == 1
        told = await orthanc.post(f"{server}/retrieve", {"Resources": [series, instance]})
    received = {uid: ds for uid, ds in (await orthanc.held()).items() if uid not in before}
    assert set(received) == {str(report.SOPInstanceUID), str(image.SOPInstanceUID)}
    assert int(told["ReceivedInstancesCount"]) == len(received)
    for uid, ds in received.items():
        assert_is_the_stored_one(ds, stored[uid])


@pytest.mark.requirement("FA.3")
async def test_it_is_told_that_it_may_not(
    demo: DemoSession, archive: OrthancPacs, orthanc: OrthancClient
) -> None:
    """A study of another patient: refused by the box, and Orthanc says that nothing came."""
    port = demo.running.addresses.consumer_browser
    async with request_tap(archive.box_host, port) as tap:
        token = await demo.context_token(LUCIE)
        await orthanc.knows("lucie", address_of(archive, tap), token)
        body = {"Resources": [{"Study": MR_OF_ANGE.study_instance_uid}]}
        path = f"{orthanc.url}/dicom-web/servers/lucie/retrieve"
        before = set(await orthanc.held())
        async with orthanc.http.post(path, json=body) as answer:
            assert answer.status >= 400
        assert set(await orthanc.held()) == before
