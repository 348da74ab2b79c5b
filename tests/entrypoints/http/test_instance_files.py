"""What is read of an instance's copy, from memory and from a disk."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import pytest

from drimbox.adapters.image_cache_disk.memory_folder import SHARED_MEMORY, is_in_memory
from drimbox.entrypoints.http.instance_files import read_ranges
from drimbox.errors import Unavailable

pytestmark = pytest.mark.anyio


@pytest.fixture
def memory_folder() -> Iterator[Path]:
    if not is_in_memory(SHARED_MEMORY):
        pytest.skip("this system has no tmpfs at /dev/shm")
    with TemporaryDirectory(dir=SHARED_MEMORY) as name:
        yield Path(name)


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> bytes:
        raise AssertionError("a thread was asked for")

    monkeypatch.setattr(anyio.to_thread, "run_sync", refuse)


@pytest.mark.usefixtures("no_threads")
async def test_what_is_on_no_disk_is_read_without_a_thread(memory_folder: Path) -> None:
    path = memory_folder / "image"
    path.write_bytes(bytes(range(200)))
    assert await read_ranges(path, [(10, 2), (100, 3)]) == bytes((10, 11, 100, 101, 102))


async def test_ranges_of_a_file_on_a_disk_are_joined(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(bytes(range(200)))
    assert await read_ranges(path, [(10, 2), (100, 3)]) == bytes((10, 11, 100, 101, 102))


async def test_a_file_that_is_shorter_or_gone_is_told(memory_folder: Path) -> None:
    path = memory_folder / "image"
    path.write_bytes(b"short")
    with pytest.raises(Unavailable, match="lost a part"):
        await read_ranges(path, [(0, 9)])
    path.unlink()
    with pytest.raises(Unavailable, match="lost an instance"):
        await read_ranges(path, [(0, 1)])
