"""A series that passes in one process is shared with another one of the same host."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes.made_up_series import KEYS, instances_of, octets_of

from drimbox.adapters.image_cache_disk.cache import DiskImageCache
from drimbox.errors import Unavailable
from drimbox.model.retrieval import InstanceStream

pytestmark = pytest.mark.anyio
KEY = KEYS[0]
_FIRST = """
import asyncio, sys
from pathlib import Path
from tests.fakes.made_up_series import KEYS, instances_of
from drimbox.adapters.image_cache_disk.cache import DiskImageCache

async def halting():
    number = 0
    async for instance in instances_of(KEYS[0]):
        yield instance
        number += 1
        if number == 2:
            print("passing", flush=True)
            await asyncio.to_thread(sys.stdin.readline)

async def main():
    cache = DiskImageCache(Path(sys.argv[1]), max_bytes=10**9, max_age_seconds=3600)
    if sys.argv[2:] == ["copy"]:
        async for _ in cache.open_series(KEYS[0], halting).instances():
            pass
    passing, count = cache.pass_series(KEYS[0], halting), 0
    async for instance in passing.streams():
        async for _ in instance.chunks:
            pass
        count += 1
    passing.abandon()
    await cache.settled()
    print(count, flush=True)

asyncio.run(main())
"""


@pytest.mark.requirement("SO.40")
async def test_another_process_gets_what_passes_from_its_first_instance_on(tmp_path: Path) -> None:
    async def anew() -> AsyncIterator[InstanceStream]:
        raise Unavailable("PACS", "was asked a second time")
        yield

    command = [sys.executable, "-c", _FIRST, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as first:  # noqa: ASYNC220  # read line by line
        assert first.stdin is not None
        assert first.stdout is not None
        assert first.stdout.readline() == "passing\n"
        cache = DiskImageCache(tmp_path, max_bytes=10**9, max_age_seconds=3600)
        found: dict[str, bytes] = {}
        async for instance in cache.open_series(KEY, anew).streams():
            octets = b"".join([chunk async for chunk in instance.chunks])
            found[instance.sop_instance_uid] = octets
            if len(found) == 1:
                first.stdin.write("go on\n")
                first.stdin.flush()
        assert int(first.stdout.readline()) == len(found)
    assert found == octets_of(KEY)
    await cache.stop()


async def test_who_reads_along_a_worker_that_is_killed_goes_on_from_where_it_was(
    tmp_path: Path,
) -> None:
    asked: list[str] = []

    async def reversed_series() -> AsyncIterator[InstanceStream]:
        """Ask anew; this time the PACS gives the images in another order."""
        asked.append("again")
        for uid in reversed(octets_of(KEY)):
            async for instance in instances_of(KEY):
                if instance.sop_instance_uid == uid:
                    yield instance

    command = [sys.executable, "-c", _FIRST, str(tmp_path), "copy"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as first:  # noqa: ASYNC220  # read line by line
        assert first.stdout is not None
        assert first.stdout.readline() == "passing\n"
        caches = [DiskImageCache(tmp_path, max_bytes=10**9, max_age_seconds=3600) for _ in range(3)]
        first_given = asyncio.Event()

        async def read(cache: DiskImageCache) -> list[tuple[str, bytes]]:
            found = []
            async for instance in cache.open_series(KEY, reversed_series).streams():
                octets = b"".join([chunk async for chunk in instance.chunks])
                found.append((str(instance.sop_instance_uid), octets))
                first_given.set()
            return found

        readers = [asyncio.create_task(read(cache)) for cache in caches]
        async with asyncio.timeout(20):
            await first_given.wait()
            first.kill()
            everybody = await asyncio.gather(*readers)
    for found in everybody:
        assert len(found) == len(dict(found))
        assert dict(found) == octets_of(KEY)
    assert asked == ["again"]
    for cache in caches:
        await cache.stop()
