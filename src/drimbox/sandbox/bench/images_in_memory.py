"""Where the boxes of the bench keep their images: in memory, as docs/operations.md advises."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from drimbox.adapters.image_cache_disk.memory_folder import SHARED_MEMORY, is_in_memory
from drimbox.errors import DrimboxError
from drimbox.sandbox.bench.http_tools import run

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
        is_ours = os.geteuid() == 0 and await _is_mounted(name)
        try:
            told = "on a tmpfs with huge=within_size" if is_ours else "on a tmpfs"
            yield ImagesPlace(Path(name), told)
        finally:
            if is_ours:
                # Not lazily: whoever still writes there would be a fault of the bench.
                await run(["umount", name])


async def _is_mounted(name: str) -> bool:
    """Mount a tmpfs there; a container may not let even root do so."""
    try:
        await run([*_MOUNT, name])
    except DrimboxError:
        return False
    return True


def _has_room() -> bool:
    """Tell whether there is a tmpfs with room for the copies of both boxes."""
    try:
        free = shutil.disk_usage(SHARED_MEMORY).free
    except OSError:
        return False
    return is_in_memory(SHARED_MEMORY) and free >= _LEAST_BYTES
