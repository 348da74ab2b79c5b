"""What large studies cost the boxes of a demo in memory, before they have much to remember."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import psutil
import pytest
from tests.system.demo_session import DemoSession
from tests.system.peer_call import ACCEPT_AS_STORED, PeerCall

from drimbox.sandbox.network.addresses import SOURCE_DB
from drimbox.sandbox.patients.studies import CT_OF_LUCIE

pytestmark = [pytest.mark.anyio, pytest.mark.system, pytest.mark.xdist_group("demo")]

MEBIBYTE = 1024 * 1024
RSS_LIMIT = 200 * MEBIBYTE


@dataclass
class Memory:
    """The resident memory of both boxes, looked at twenty times a second while this is open."""

    demo: DemoSession
    highest: dict[str, int] = field(default_factory=dict)
    seconds: float = 0

    @asynccontextmanager
    async def watched(self) -> AsyncIterator["Memory"]:
        watching = asyncio.create_task(self._watch())
        since = asyncio.get_running_loop().time()
        try:
            yield self
        finally:
            watching.cancel()
        self.seconds = asyncio.get_running_loop().time() - since
        told = {name: f"{size / MEBIBYTE:.0f} MiB" for name, size in self.highest.items()}
        print(f"\n{self.seconds:.1f} s, resident at most {told}")  # noqa: T201

    async def _watch(self) -> None:
        boxes = self.demo.running.boxes
        processes = {name: psutil.Process(child.pid) for name, child in boxes.items()}
        while True:
            for name, process in processes.items():
                size = process.memory_info().rss
                self.highest[name] = max(size, self.highest.get(name, 0))
            await asyncio.sleep(0.05)


@pytest.mark.requirement("SO.35")
@pytest.mark.requirement("SO.100")
async def test_five_large_studies_at_once_cost_the_source_no_200_mebibytes(
    demo: DemoSession,
) -> None:
    """Five peers, five times 158 MB from the PACS: nothing holds a study in memory."""
    call = PeerCall(
        demo.peer_context(),
        await demo.professional_token(),
        demo.running.kos[CT_OF_LUCIE.key],
        CT_OF_LUCIE.study_instance_uid,
        ACCEPT_AS_STORED,
    )
    url = f"{demo.descriptor['source']['peer_url']}/studies/{call.study}"
    connector = aiohttp.TCPConnector(ssl=call.tls)
    async with (
        aiohttp.ClientSession(connector=connector, trust_env=False) as session,
        Memory(demo).watched() as memory,
    ):
        downloads = (
            octets_of(session.get(url, headers=call.headers, server_hostname=SOURCE_DB))
            for _ in range(5)
        )
        sizes = await asyncio.gather(*downloads)
    assert min(sizes) > 150_000_000
    assert memory.highest["source"] < RSS_LIMIT
    assert megabits_per_second(sizes, memory) > 100


@pytest.mark.requirement("VI-CO.40")
async def test_five_callers_at_once_cost_neither_box_200_mebibytes(demo: DemoSession) -> None:
    """PACS -> Source -> Consommatrice -> five callers, of a study that no cache holds yet."""
    demo.forget_images()
    tokens = [await demo.context_token(CT_OF_LUCIE.patient) for _ in range(5)]
    url = f"{demo.descriptor['consumer']['dicomweb_url']}/studies/{CT_OF_LUCIE.study_instance_uid}"
    async with Memory(demo).watched() as memory:
        downloads = (
            octets_of(
                demo.http.get(
                    url, headers={"Authorization": f"Bearer {token}", "Accept": ACCEPT_AS_STORED}
                )
            )
            for token in tokens
        )
        sizes = await asyncio.gather(*downloads)
    assert min(sizes) > 150_000_000
    assert megabits_per_second(sizes, memory) > 100
    assert {name for name, size in memory.highest.items() if size > RSS_LIMIT} == set()


def megabits_per_second(sizes: list[int], memory: Memory) -> float:
    return sum(sizes) * 8 / 1e6 / memory.seconds


async def octets_of(request: AbstractAsyncContextManager[aiohttp.ClientResponse]) -> int:
    """Retrieve, keep nothing, return how many octets came."""
    async with request as answer:
        assert answer.status == 200
        return sum([len(chunk) async for chunk in answer.content.iter_any()])
