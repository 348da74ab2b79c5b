"""Twenty studies at once through both boxes: what it costs each process in memory."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

import aiohttp

from drimbox.errors import RejectedByPartner
from drimbox.sandbox.bench.addresses import OBJECTS
from drimbox.sandbox.bench.ground import MEBIBYTES, MEGABYTES, MILLISECONDS, Ground
from drimbox.sandbox.bench.http_tools import transfer
from drimbox.sandbox.bench.row import Better, Row, at_most
from drimbox.sandbox.network.reports import send_reports, wait_for_kos
from drimbox.sandbox.patients.scenario import ScenarioStudy

STUDIES_AT_ONCE = 20
MAX_MEMORY = 200.0
MAX_LIVE_MILLISECONDS = 500.0
_FIRST_NUMBER = 900
_BOXES = {"source": "Source", "consumer": "Consommatrice"}


async def parallel_studies(ground: Ground) -> Sequence[Row]:
    """Retrieve studies that neither box has, all at once; ask the Consommatrice if it lives."""
    site = ground.site
    studies = [
        replace(site.study, key=f"bench-{number}", number=_FIRST_NUMBER + number)
        for number in range(STUDIES_AT_ONCE)
    ]
    await _publish(ground, studies)
    # Its exams are listed once for all, as a page does before any image is opened.
    headers = {**await site.consumer_token(), **OBJECTS}
    root = f"{site.consumer}/dicom-web/studies"
    await site.empty_caches()
    for role in _BOXES:
        site.forget_memory(role)
    waits: list[float] = []
    asking = asyncio.create_task(_ask_if_it_lives(site.http, site.consumer, waits))
    since = time.monotonic()
    answers = await asyncio.gather(
        *(transfer(f"{root}/{study.study_instance_uid}", headers) for study in studies)
    )
    seconds = time.monotonic() - since
    asking.cancel()
    octets = sum(answer.octets for answer in answers)
    work = f"{len(studies)} studies of {octets / len(studies) / 1e6:.0f} MB at once"
    lower = Better.LOWER
    goal = at_most(MAX_MEMORY, MEBIBYTES)
    live = at_most(MAX_LIVE_MILLISECONDS, MILLISECONDS)
    rate = octets / seconds / 1e6
    rows = [Row(f"{work}, all together", MEGABYTES, rate, None, "", Better.HIGHER, None)]
    for role, name in _BOXES.items():
        memory = f"{work}, memory of the {name}"
        rows.append(Row(memory, MEBIBYTES, site.memory_of(role), None, "", lower, goal))
    lives = f"{work}, /health/live meanwhile, p99"
    return [*rows, Row(lives, MILLISECONDS, _p99(waits), None, "", lower, live)]


async def _publish(ground: Ground, studies: Sequence[ScenarioStudy]) -> None:
    """Have the PACS copy its study under each one's UID, and its report sent."""
    site = ground.site
    rest = ground.orthanc.removesuffix("/dicom-web")
    uid = site.study.study_instance_uid
    async with site.http.post(f"{rest}/tools/lookup", data=uid) as answer:
        found = [row["ID"] for row in await answer.json() if row["Type"] == "Study"]
    for study in studies:
        changes = {
            "StudyInstanceUID": study.study_instance_uid,
            "AccessionNumber": study.accession_number.value,
        }
        asked = {"Replace": changes, "Force": True, "KeepSource": True, "Synchronous": True}
        async with site.http.post(f"{rest}/studies/{found[0]}/modify", json=asked) as answer:
            if answer.status != 200:
                raise RejectedByPartner("Orthanc", str(answer.status), "a copy of a study")
    demo = site.demo
    await send_reports("127.0.0.1", demo.addresses.source_mllp, studies)
    for study in studies:
        await wait_for_kos(demo.services.documents_url, study)


async def _ask_if_it_lives(http: aiohttp.ClientSession, consumer: str, waits: list[float]) -> None:
    while True:
        since = time.perf_counter()
        async with http.get(f"{consumer}/health/live") as answer:
            await answer.read()
        waits.append((time.perf_counter() - since) * 1000)
        await asyncio.sleep(0.05)


def _p99(waits: Sequence[float]) -> float:
    return sorted(waits)[int(len(waits) * 0.99)] if waits else 0.0
