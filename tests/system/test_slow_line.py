"""Images over a line of so many megabits: shown as they arrive, and at 100 Mbit/s at least.

The Consommatrice of these tests is a second process of the demo's: the same database, so the same
sessions, and a cache of its own; it reaches the Source by the line only.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from tests.fakes.shaped_link import ShapedLink, shaped_link
from tests.system.browsing import FIRST_IMAGE, complaints_of, open_viewer
from tests.system.demo_session import DemoSession
from tests.system.ports import free_addresses

from drimbox.sandbox.chromium import Chromium, find_chromium
from drimbox.sandbox.network.addresses import SOURCE_DB
from drimbox.sandbox.network.processes import Child
from drimbox.sandbox.patients.studies import CT_OF_LUCIE, RADIOGRAPH_OF_LUCIE

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.system,
    pytest.mark.xdist_group("demo"),
]

SLOW_MEGABITS, LINE_MEGABITS, WANTED_MEGABITS = 20, 125, 100
CT_SLICES, CT_BYTES = 300, 157_000_000
_ON_ITS_WAY = re.compile(r"(\d+) / 300 images(?:, encore \d+ (?:s|min))?")
_PROGRESS = "document.getElementById('loaded-text').textContent"
_TEXT = "document.getElementById('text-top-left').textContent"
_AWAITED = "document.getElementById('awaited').textContent"


@dataclass(frozen=True)
class FarConsumer:
    """url is where its browser listener answers; line is what stands between it and the Source."""

    url: str
    line: ShapedLink


@pytest.fixture(scope="module")
async def far(
    demo: DemoSession, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[FarConsumer]:
    folder, own = tmp_path_factory.mktemp("far"), free_addresses()
    peer = demo.running.addresses.source_peer
    async with shaped_link(peer, megabits_per_second=LINE_MEGABITS) as line:
        settings = str(demo.running.folder / "consumer.toml")
        arguments = ["-m", "drimbox", "serve", "--settings", settings]
        child = Child("far consumer", arguments, folder / "consumer.log")
        await child.start(
            {
                "DRIMBOX_BROWSER__PORT": str(own.consumer_browser),
                "DRIMBOX_OPERATOR__PORT": str(own.consumer_operator),
                "DRIMBOX_DICOM__PORT": str(own.consumer_dicom),
                "DRIMBOX_LOCAL_QUERY__PORT": str(own.consumer_query),
                "DRIMBOX_STORAGE__CACHE_DIRECTORY": str(folder / "images"),
                "DRIMBOX_TRUSTED_SPACE__STATE_DIRECTORY": str(folder / "trusted-space"),
                "DRIMBOX_TRUSTED_SPACE__ADDRESSES": json.dumps(
                    {SOURCE_DB: f"127.0.0.1:{line.port}"}
                ),
            }
        )
        try:
            url = f"http://localhost:{own.consumer_browser}"
            await child.wait_until(lambda: _is_ready(demo, url), timeout_seconds=60)
            yield FarConsumer(url, line)
        finally:
            await child.stop()


async def _is_ready(demo: DemoSession, url: str) -> bool:
    try:
        async with demo.http.get(f"{url}/health/ready") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


@pytest.mark.skipif(find_chromium() is None, reason="no Chromium (apt-get install chromium)")
@pytest.mark.requirement("VI-CS.17 / .18")
@pytest.mark.requirement("VI-CO.40")
async def test_images_are_shown_as_they_arrive_with_the_time_that_is_left(
    demo: DemoSession, chromium: Chromium, far: FarConsumer, tmp_path: Path
) -> None:
    tab = await open_viewer(demo, chromium, RADIOGRAPH_OF_LUCIE)
    context = (await tab.evaluate("location.pathname")).split("/")[2]
    await tab.goto("about:blank")
    far.line.carry(SLOW_MEGABITS)
    await tab.goto(f"{far.url}/viewer/{context}/{CT_OF_LUCIE.study_instance_uid}")
    await tab.wait_for(f"{FIRST_IMAGE} !== undefined")
    print(f"\nfirst image after {await tab.evaluate(FIRST_IMAGE):.0f} ms")  # noqa: T201
    assert far.line.passed < CT_BYTES, "the first image is shown while others are on their way"

    await tab.evaluate(
        "(slider => { slider.value = 290; slider.dispatchEvent(new Event('input')) })"
        "(document.getElementById('position'))"
    )
    await tab.wait_for(f'{_AWAITED} === "Réception de l\'image 290…"')
    await tab.wait_for(f"/^\\d+ .+ images, encore \\d+ (s|min)$/.test({_PROGRESS})")
    await tab.screenshot(tmp_path / "on-its-way.png")

    far.line.carry(LINE_MEGABITS)
    told = [await tab.evaluate(_PROGRESS)]
    async with asyncio.timeout(180):
        while told[-1] != "Série complète":
            await asyncio.sleep(0.1)
            told.append(await tab.evaluate(_PROGRESS))
    print(f"{far.line.megabits_per_second:.0f} Mbit/s")  # noqa: T201
    counts = [int(found[1]) for text in told[:-1] if (found := _ON_ITS_WAY.fullmatch(text))]
    assert len(counts) == len(told) - 1
    assert counts == sorted(counts)
    assert len(set(counts)) > 10, "it goes on little by little"
    await tab.wait_for(f"{_AWAITED} === '' && {_TEXT}.includes('Image 290 / 300')")
    assert far.line.megabits_per_second > WANTED_MEGABITS
    assert complaints_of(chromium) == []
    await tab.close()


@pytest.mark.requirement("VI-SO.38")
async def test_a_viewer_at_the_source_gets_its_frames_at_100_megabits(demo: DemoSession) -> None:
    """As web viewers ask: the series' metadata, then frames, six at a time; from the PACS."""
    await asyncio.to_thread(demo.forget_images, "source")
    headers = {"Authorization": f"Bearer {await demo.source_token()}"}
    port = demo.running.addresses.source_browser
    async with shaped_link(port, megabits_per_second=LINE_MEGABITS) as line:
        root = f"http://127.0.0.1:{line.port}/dicom-web/studies/{CT_OF_LUCIE.study_instance_uid}"
        connector = aiohttp.TCPConnector(limit=6)
        async with aiohttp.ClientSession(
            headers=headers, connector=connector, trust_env=False
        ) as viewer:
            metadata = {"Accept": "application/dicom+json"}
            async with viewer.get(f"{root}/metadata", headers=metadata) as answer:
                rows = await answer.json(content_type=None)
            frames = [_frame_of(root, row) for row in rows if _text(row, "00080060") == "CT"]
            assert len(frames) == CT_SLICES
            line.carry(LINE_MEGABITS)
            sizes = await asyncio.gather(*(_frame(viewer, url) for url in frames))
    print(f"\n{line.megabits_per_second:.0f} Mbit/s")  # noqa: T201
    assert sum(sizes) > CT_BYTES
    assert line.megabits_per_second > WANTED_MEGABITS


def _frame_of(root: str, row: dict[str, dict[str, list[str]]]) -> str:
    return f"{root}/series/{_text(row, '0020000E')}/instances/{_text(row, '00080018')}/frames/1"


def _text(row: dict[str, dict[str, list[str]]], tag: str) -> str:
    return row[tag]["Value"][0]


async def _frame(viewer: aiohttp.ClientSession, url: str) -> int:
    accept = {"Accept": 'multipart/related; type="application/octet-stream"; transfer-syntax=*'}
    async with viewer.get(url, headers=accept) as answer:
        assert answer.status == 200, await answer.text()
        return len(await answer.read())
