"""R1 on the very program: `drimbox serve --role source`, killed while reports arrive.

RIS ──MLLP──> drimbox serve (one, or two on one PostgreSQL), killed ──ITI-41──> sandbox DMP
                 └──C-FIND──> sandbox PACS
"""

import asyncio
import contextlib
import os
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from tests.system.durability import Ris
from tests.system.numbered_reports import numbered_report, write_numbered_studies
from tests.system.source_site import SiteOptions, SourceBox, SourceSite, source_site
from tests.system.trails import find_events, verify_trail

from drimbox.model.audit import AuditAction
from drimbox.ports.audit_repository import AuditSearch
from drimbox.sandbox.dmp.transactions import PROVIDE
from drimbox.sandbox.patients.identities import LUCIE

pytestmark = [pytest.mark.anyio, pytest.mark.system]
SEED = 20261124
_IS_LONG = "DRIMBOX_TEST_LONG" in os.environ
_REPORTS = 1500 if _IS_LONG else 400
_DRAIN_SECONDS = 90
# A box that was killed holds its claims until their lease ends.
_VARIABLES = {
    "DRIMBOX_PUBLICATION__LEASE_SECONDS": "3",
    "DRIMBOX_PUBLICATION__FIRST_RETRY_SECONDS": "0.2",
    "DRIMBOX_PUBLICATION__LAST_RETRY_SECONDS": "1",
}


@contextlib.asynccontextmanager
async def running_site(folder: Path, url: str, *, boxes: int) -> AsyncIterator[SourceSite]:
    images = folder / "images"
    await asyncio.to_thread(write_numbered_studies, _REPORTS, images)
    options = SiteOptions(
        folder,
        images,
        (LUCIE.traits.ins,),
        storage_url=url if url.startswith("postgresql") else None,
        variables=_VARIABLES,
    )
    async with source_site(options, boxes=boxes) as site:
        yield site


def a_ris(*boxes: SourceBox) -> Ris:
    """Return a RIS that sends some thirty reports a second, as long as somebody answers."""
    ports = [box.addresses.source_mllp for box in boxes]
    return Ris(ports, make_message=numbered_report, connections=4, pause_seconds=0.1)


async def unfinished(box: SourceBox) -> list[str]:
    jobs = await box.admin("publications")
    return [job["state"] for job in jobs if job["state"] != "done"]


async def check_everything(site: SourceSite, ris: Ris) -> None:
    """Wait until the DMP has all that was acknowledged, and that once; then check the stores."""
    studies = sorted(ris.acknowledged)
    box = site.box
    for one in site.boxes:
        await one.wait_until_ready()
    async with asyncio.timeout(_DRAIN_SECONDS):
        while True:
            held = await site.kos_of(studies)
            published = {row.study_instance_uid for row in held}
            if published >= ris.acknowledged and not await unfinished(box):
                break
            await asyncio.sleep(0.2)
    assert max(Counter(row.study_instance_uid for row in held).values()) == 1
    assert {row.status for row in held} == {"Approved"}
    everything = [numbered_report(number)[0] for number in range(1, ris.sent + 1)]
    assert site.services.dmp.accepted[PROVIDE.action] == len(await site.kos_of(everything))
    for one in site.boxes:
        await one.child.stop()
    assert await verify_trail(box.settings_file) > 0
    search = AuditSearch(actions=(AuditAction.KOS_PUBLISHED,), limit=1_000_000)
    told = {event.study_instance_uid for event in await find_events(box.settings_file, search)}
    assert ris.acknowledged <= told, "a KOS was published without a trace"
    check_integrity(site)
    print(f"\n{ris.sent} reports sent, {len(studies)} acknowledged, {len(held)} KOS")  # noqa: T201


def check_integrity(site: SourceSite) -> None:
    path = site.options.folder / "source1" / "drimbox.sqlite"
    if path.exists():
        with contextlib.closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def kill(box: SourceBox, random: Random) -> None:
    await asyncio.sleep(random.uniform(0, 0.5))
    await box.child.kill()


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_a_served_source_loses_and_doubles_nothing_however_it_is_killed(
    storage_url: str, tmp_path: Path
) -> None:
    """Kill while it starts, as soon as it answers, and while it publishes."""
    random = Random(SEED)
    kills = 50 if _IS_LONG else 10
    async with running_site(tmp_path, storage_url, boxes=1) as site:
        ris = a_ris(site.box)
        async with ris.sending():
            for number in range(kills):
                if number % 5:  # every fifth kill may come while it still starts
                    await ris.wait_for(more=5)
                await kill(site.box, random)
                await site.box.start()
            await ris.wait_for(more=5)
        await check_everything(site, ris)


@pytest.mark.parametrize("storage_url", ["postgresql"], indirect=True)
async def test_two_served_sources_on_one_database_publish_nothing_twice(
    storage_url: str, tmp_path: Path
) -> None:
    random = Random(SEED)
    kills = 20 if _IS_LONG else 5
    async with running_site(tmp_path, storage_url, boxes=2) as site:
        ris = a_ris(*site.boxes)
        async with ris.sending():
            for _ in range(kills):
                await ris.wait_for(more=10)
                victim = random.choice(site.boxes)
                await kill(victim, random)
                await victim.start()
            await ris.wait_for(more=10)
        await check_everything(site, ris)
