"""R1, H3: kill -9 at any instant loses nothing acknowledged and publishes nothing twice."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from tests.system.dmp_over_tcp import RecordingDmp
from tests.system.durability import Proof, Ris, SourceProcess, make_config

from drimbox.entrypoints.worker.failpoints import VARIABLE, Failpoint

pytestmark = [pytest.mark.anyio, pytest.mark.system]
SEED = 20261124


@pytest.fixture
async def proof(storage_url: str, tmp_path: Path) -> AsyncIterator[Proof]:
    async with RecordingDmp().listening() as dmp:
        yield Proof(make_config(tmp_path, storage_url, dmp.port), dmp, Random(SEED))


@pytest.mark.parametrize(
    ("storage_url", "kills", "reports"),
    [
        pytest.param("sqlite", 50, 5, id="sqlite at 50 random instants"),
        pytest.param("postgresql", 10, 5, id="postgresql at 10 random instants"),
        pytest.param("sqlite", 500, 25, id="sqlite at 500 instants", marks=pytest.mark.slow),
        pytest.param(
            "postgresql", 100, 25, id="postgresql at 100 instants", marks=pytest.mark.slow
        ),
    ],
    indirect=["storage_url"],
)
async def test_nothing_is_lost_nor_doubled_by_kills(proof: Proof, kills: int, reports: int) -> None:
    """Kill once at least so many reports were acknowledged since the last kill."""
    source = SourceProcess(proof.config)
    ris = Ris([proof.config.mllp_port])
    async with ris.sending():
        for kill in range(kills):
            source.start()
            if kill % 5:  # every fifth kill may come while it still starts
                await ris.wait_for(more=reports)
            await asyncio.sleep(proof.random.uniform(0, 0.3))
            await source.kill()
            proof.check_integrity()
        source.start()
        await ris.wait_for(more=5)
    await proof.wait_until_drained(ris)
    await source.kill()
    await proof.check(ris)


@pytest.mark.parametrize("failpoint", Failpoint, ids=lambda f: f.value)
async def test_nothing_is_lost_nor_doubled_at_a_failpoint(
    proof: Proof, failpoint: Failpoint
) -> None:
    source = SourceProcess(proof.config)
    ris = Ris([proof.config.mllp_port])
    async with ris.sending():
        for nth in (1, 2, 5):
            source.start(**{VARIABLE: f"{failpoint.value}:{nth}"})
            assert await source.wait() == -9, "the failpoint was not reached"
        source.start()
        await ris.wait_for(more=3)
    await proof.wait_until_drained(ris)
    await source.kill()
    await proof.check(ris)
    if failpoint is Failpoint.AFTER_SEND_BEFORE_MARK:
        # What was sent before the kill was looked up, not sent a second time.
        assert proof.dmp.duplicates == 0


@pytest.mark.parametrize("storage_url", ["postgresql"], indirect=True)
async def test_two_sources_on_one_database_publish_nothing_twice(
    proof: Proof, tmp_path: Path
) -> None:
    other = make_config(tmp_path, proof.config.storage_url, proof.dmp.port)
    sources = [SourceProcess(proof.config), SourceProcess(other)]
    ris = Ris([proof.config.mllp_port, other.mllp_port], connections=4)
    for source in sources:
        source.start()
    async with ris.sending():
        for _ in range(8):
            await ris.wait_for(more=5)
            await asyncio.sleep(proof.random.uniform(0, 0.3))
            victim = proof.random.choice(sources)
            await victim.kill()
            victim.start()
        await ris.wait_for(more=10)
    await proof.wait_until_drained(ris)
    for source in sources:
        await source.kill()
    assert proof.dmp.duplicates == 0, "two workers held the same lot at once"
    await proof.check(ris)
