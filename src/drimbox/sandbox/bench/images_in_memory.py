"""Where the boxes of the bench keep their images: in memory, as docs/operations.md advises."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from drimbox.adapters.image_cache_disk.memory_folder import SHARED_MEMORY, is_in_memory

# Twenty studies of 158 MB in each of two boxes, and what else this host keeps there.
_LEAST_BYTES = 8 * 1024**3
_MOUNT = (
    *("mount", "-t", "tmpfs", "-o"),
    f"size={_LEAST_BYTES},mode=0755,huge=within_size",
    "tmpfs",
)


@dataclass(frozen=True, slots=True)
class ImagesPlace:
    """A folder for the images of both boxes, None where each has its own; told is for the page."""

    folder: Path | None
    told: str


@asynccontextmanager
async def images_in_memory(folder: Path) -> AsyncIterator[None]:
    """Have the boxes of a demo in this folder keep their images on a tmpfs, as operations.md asks.

    Without one that has room they lie in the folder itself; images_place tells which it was.
    """
    async with images_place() as place:
        if place.folder is not None:
            _lead_to(place.folder, folder)
        yield


def _lead_to(memory: Path, folder: Path) -> None:
    for role in ("source", "consumer"):
        images = memory / role
        images.mkdir()
        (folder / role).mkdir()
        (folder / role / "images").symlink_to(images)


@asynccontextmanager
async def images_place() -> AsyncIterator[ImagesPlace]:
    """Mount a tmpfs where this process may; else take the one that every Linux has, with room."""
    if not _has_room():
        yield ImagesPlace(None, "on the disk")
        return
    with tempfile.TemporaryDirectory(prefix="drimbox-bench-", dir=SHARED_MEMORY) as name:
        is_ours = os.geteuid() == 0 and await _run(*_MOUNT, name)
        try:
            told = "on a tmpfs with huge=within_size" if is_ours else "on a tmpfs"
            yield ImagesPlace(Path(name), told)
        finally:
            if is_ours:
                # Not lazily: whoever still writes there would be a fault of the bench.
                await _run("umount", name)


def _has_room() -> bool:
    """Tell whether there is a tmpfs with room for the copies of both boxes."""
    try:
        free = shutil.disk_usage(SHARED_MEMORY).free
    except OSError:
        return False
    return is_in_memory(SHARED_MEMORY) and free >= _LEAST_BYTES


async def _run(*command: str) -> bool:
    """Run a program without a word; tell whether it did what it was asked."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError:
        return False
    return await process.wait() == 0
