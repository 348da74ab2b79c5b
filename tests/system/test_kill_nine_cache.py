"""The image cache under kill -9 while series arrive: never a wrong series, never half of one (R1).

A child fetches series after series into the cache and is killed at a random instant; then what a
new worker finds whole is compared with what was sent, octet by octet.
"""

import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes.made_up_series import KEYS, instances_of, octets_of

from drimbox.adapters.image_cache_disk.cache import DiskImageCache

pytestmark = [pytest.mark.anyio, pytest.mark.system]

KILLS = 12
_CHILD = """
import asyncio, sys
from pathlib import Path
from tests.fakes.made_up_series import KEYS, instances_of
from drimbox.adapters.image_cache_disk.cache import DiskImageCache

async def main():
    cache = DiskImageCache(Path(sys.argv[1]), max_bytes=10**9, max_age_seconds=3600)
    print("ready", flush=True)
    for key in KEYS:
        copy = cache.open_series(key, lambda key=key: instances_of(key, pause=0.001))
        async for _ in copy.instances():
            pass

asyncio.run(main())
"""


async def test_no_kill_leaves_a_wrong_series_or_half_of_one(tmp_path: Path) -> None:
    chance = random.Random(8)  # instants, not secrets
    whole = unfinished = 0
    for kill in range(KILLS):
        directory = tmp_path / f"{kill % 4}"  # what a kill left is there for the next ones
        _fill_and_kill(directory, chance.randint(1, 100))
        found, left = await _check(directory)
        whole += found
        unfinished += left
    assert whole, "no kill came after a whole series: nothing was compared"
    assert unfinished, "no kill came while a series arrived"


def _fill_and_kill(directory: Path, files: int) -> None:
    """Let a child fetch until that many files more are there, or all is, and kill it."""
    before = len(list(directory.glob("*/*.dcm")))
    command = [sys.executable, "-c", _CHILD, str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        while child.poll() is None and len(list(directory.glob("*/*.dcm"))) < before + files:
            time.sleep(0.0005)
        child.send_signal(signal.SIGKILL)


async def _check(directory: Path) -> tuple[int, int]:
    """Compare what is whole; return how many series are, and how many were left unfinished."""
    cache = DiskImageCache(directory, max_bytes=10**9, max_age_seconds=3600)
    folders, whole = _folders(directory), 0
    for key in KEYS:
        copy = cache.find_series(key)
        if copy is None:
            continue
        whole += 1
        got = {i.sop_instance_uid: i async for i in copy.instances()}
        assert got.keys() == octets_of(key).keys()
        for uid, instance in got.items():
            stored = instance.path.read_bytes()[instance.data_set_offset :]
            assert stored == octets_of(key)[uid]
        assert await copy.metadata("http://box/series") is not None
    await cache.stop()
    return whole, folders - whole


def _folders(directory: Path) -> int:
    return sum(path.name != "demand" for path in directory.iterdir())


async def test_a_series_that_a_killed_worker_was_fetching_is_fetched_by_another(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "cache"
    _fill_and_kill(directory, 1)
    cache = DiskImageCache(directory, max_bytes=10**9, max_age_seconds=3600)
    fetched: list[str] = []

    async def anew() -> AsyncIterator[object]:
        async for instance in instances_of(KEYS[0]):
            fetched.append(instance.sop_instance_uid)
            yield instance

    copy = cache.open_series(KEYS[0], anew)  # type: ignore[arg-type]
    assert len([i async for i in copy.instances()]) == len(octets_of(KEYS[0]))
    assert len(fetched) == len(octets_of(KEYS[0]))
    await cache.stop()
