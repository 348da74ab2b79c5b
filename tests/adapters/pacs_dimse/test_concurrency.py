"""Fifty callers, twenty studies, by C-GET and by C-MOVE: no octet of one study in another."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Literal

import pytest
from tests.fakes.dicom_objects import MadeUpStudy

from drimbox.adapters.pacs_dimse.pacs import DimsePacs
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import StudyInstanceUid
from drimbox.sandbox.pacs.process import PacsProcess
from drimbox.sandbox.pacs.server import PeerAddress
from drimbox.settings.partners import DicomListenerSettings, PacsSettings

pytestmark = [pytest.mark.anyio, pytest.mark.system]
STUDIES = [f"1.2.250.1.999.{number}" for number in range(60, 80)]
CALLERS = 50
AT_ONCE = 12
"""Associations the sandbox's PACS takes are bounded, as are those of any."""


@pytest.fixture(scope="module")
def listener_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def held() -> dict[str, dict[str, bytes]]:
    return {study: MadeUpStudy(study, slices=3).octets for study in STUDIES}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, listener_port: int) -> Iterator[PacsProcess]:
    folder = tmp_path_factory.mktemp("pacs")
    for study in STUDIES:
        MadeUpStudy(study, slices=3).save(folder / study)
    peers = {"DRIMBOX": PeerAddress("127.0.0.1", listener_port)}
    with PacsProcess("PACS", folder, peers=peers) as process:
        yield process


@pytest.fixture(params=["c-get", "c-move"])
async def pacs(
    request: pytest.FixtureRequest, server: PacsProcess, listener_port: int
) -> AsyncIterator[DimsePacs]:
    mode: Literal["c-get", "c-move"] = request.param
    settings = PacsSettings(
        host="127.0.0.1",
        port=server.dicom_port,
        ae_title="PACS",
        retrieve_mode=mode,
        associations=1,
    )
    made = DimsePacs(settings, DicomListenerSettings(port=listener_port))
    yield made
    await made.close()


async def test_each_caller_gets_its_own_study(
    pacs: DimsePacs, held: dict[str, dict[str, bytes]]
) -> None:
    turns = asyncio.Semaphore(AT_ONCE)

    async def call(study: str) -> dict[str, bytes]:
        async with turns:
            return {
                str(instance.sop_instance_uid): b"".join([chunk async for chunk in instance.chunks])
                async for instance in pacs.retrieve(TargetResource(StudyInstanceUid(study)))
            }

    asked = random.Random(7).choices(STUDIES, k=CALLERS)
    received = await asyncio.gather(*(call(study) for study in asked))
    for study, octets in zip(asked, received, strict=True):
        assert octets == held[study]
