"""R4: the network between a box and its PACS cuts and resets at any octet; no wrong image comes.

By C-GET, and by C-MOVE both on the association that asks and on the one that brings the images:
each retrieval is whole and to the octet, or says that it failed; the next one is sound.
"""

import os
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.fakes.chaos_proxy import SOUND, ChaosProxy, Fault, Then, chaos_proxy
from tests.fakes.dicom_objects import encoded, made_up_object
from tests.system.ports import free_port

from drimbox.adapters.pacs_dimse.pacs import DimsePacs
from drimbox.errors import RejectedByPartner, Unavailable
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import StudyInstanceUid
from drimbox.sandbox.pacs.process import PacsProcess
from drimbox.sandbox.pacs.server import PeerAddress
from drimbox.settings.partners import DicomListenerSettings, PacsSettings

pytestmark = pytest.mark.anyio
RUNS = 200 if os.environ.get("DRIMBOX_TEST_LONG") else 20
STUDY = StudyInstanceUid("1.2.250.1.999.60")
IMAGES = [made_up_object(n, study=STUDY, side=64) for n in range(1, 7)]
EXPECTED = {str(one.SOPInstanceUID): encoded(one) for one in IMAGES}
# Six images of 8 kB and what stands around them.
STUDY_BYTES = 60_000
ENDS = (Then.CLOSE, Then.RESET)


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    """Return where our listener is, and where the PACS believes that it is."""
    return free_port(), free_port()


@pytest.fixture(scope="module")
def pacs_process(
    tmp_path_factory: pytest.TempPathFactory, ports: tuple[int, int]
) -> Iterator[PacsProcess]:
    folder: Path = tmp_path_factory.mktemp("pacs")
    for number, one in enumerate(IMAGES):
        one.save_as(folder / f"{number}.dcm", enforce_file_format=True)
    peers = {"DRIMBOX": PeerAddress("127.0.0.1", ports[1])}
    with PacsProcess("PACS", folder, peers=peers) as running:
        yield running


@asynccontextmanager
async def pacs_at(port: int, listening: int | None) -> AsyncIterator[DimsePacs]:
    """Open a PACS that nothing is known of yet, as a box that starts does."""
    settings = PacsSettings(
        host="127.0.0.1",
        port=port,
        ae_title="PACS",
        retrieve_mode="c-get" if listening is None else "c-move",
        idle_timeout_seconds=10,
        associations=1,
    )
    own = DicomListenerSettings(port=listening, ae_title="DRIMBOX") if listening else None
    pacs = DimsePacs(settings, own)
    await pacs.start()
    try:
        yield pacs
    finally:
        await pacs.close()


async def collect(pacs: DimsePacs) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    async for instance in pacs.retrieve(TargetResource(STUDY)):
        octets = b"".join([chunk async for chunk in instance.chunks])
        assert str(instance.sop_instance_uid) not in found
        found[str(instance.sop_instance_uid)] = octets
    return found


async def failures_of(pacs: DimsePacs, faults: list[Fault], proxy: ChaosProxy) -> int:
    """Retrieve until it succeeds; each end is the whole study or a failure that is told."""
    proxy.faults, failures = iter([*faults, SOUND]), 0
    while failures <= len(faults) + 1:
        try:
            found = await collect(pacs)
        except (Unavailable, RejectedByPartner):
            failures += 1
            continue
        assert found == EXPECTED, faults
        return failures
    raise AssertionError("it never succeeds")


async def test_a_c_get_cut_anywhere_is_whole_or_fails(pacs_process: PacsProcess) -> None:
    chance, failures = random.Random(6), 0
    async with chaos_proxy(pacs_process.dicom_port, []) as proxy:
        for _ in range(RUNS):
            # The first connection of a new box asks what the study holds, the second retrieves.
            cut = Fault(after=chance.randrange(STUDY_BYTES), then=chance.choice(ENDS))
            faults = [SOUND, cut] if chance.random() < 0.8 else [cut]
            async with pacs_at(proxy.port, None) as pacs:
                failures += await failures_of(pacs, faults, proxy)
    assert failures > RUNS / 3, "hardly anything was cut"


async def test_a_c_move_cut_where_it_asks_is_whole_or_fails(
    pacs_process: PacsProcess, ports: tuple[int, int]
) -> None:
    """The images come straight; what is cut is the association of C-MOVE and its answers."""
    chance, failures = random.Random(7), 0
    async with (
        chaos_proxy(pacs_process.dicom_port, []) as proxy,
        relay_to_us(ports) as back,
    ):
        back.faults = iter([SOUND])
        for _ in range(RUNS):
            cut = Fault(after=chance.randrange(900), then=chance.choice(ENDS))
            async with pacs_at(proxy.port, ports[0]) as pacs:
                failures += await failures_of(pacs, [cut], proxy)
    assert failures > RUNS / 4, "hardly anything was cut"


async def test_a_c_move_cut_where_images_come_is_whole_or_fails(
    pacs_process: PacsProcess, ports: tuple[int, int]
) -> None:
    chance, failures = random.Random(8), 0
    async with relay_to_us(ports) as back:
        for _ in range(RUNS):
            cut = Fault(sent=chance.randrange(STUDY_BYTES), then=chance.choice(ENDS))
            async with pacs_at(pacs_process.dicom_port, ports[0]) as pacs:
                failures += await failures_of(pacs, [cut], back)
    assert failures > RUNS / 3, "hardly anything was cut"


@asynccontextmanager
async def relay_to_us(ports: tuple[int, int]) -> AsyncIterator[ChaosProxy]:
    """Stand where the PACS believes that our listener is."""
    async with chaos_proxy(ports[0], [], port=ports[1]) as proxy:
        yield proxy
