"""Where the boxes of the bench keep their images: in memory, as docs/operations.md advises."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drimbox.adapters.image_cache_disk.memory_folder import SHARED_MEMORY, is_in_memory

# Twenty studies of 158 MB in each of two boxes, and what else this host keeps there.
_LEAST_BYTES = 8 * 1024**3


@contextmanager
def images_in_memory(folder: Path) -> Iterator[None]:
    """Have the boxes of a demo in this folder keep their images on a tmpfs, as operations.md asks.

    Without one that has room they lie in the folder itself; machine_facts tells which it was.
    """
    if not has_memory_folder():
        yield
        return
    with tempfile.TemporaryDirectory(prefix="drimbox-bench-", dir=SHARED_MEMORY) as name:
        for role in ("source", "consumer"):
            images = Path(name) / role
            images.mkdir()
            (folder / role).mkdir()
            (folder / role / "images").symlink_to(images)
        yield


def has_memory_folder() -> bool:
    """Tell whether there is a tmpfs with room for the copies of both boxes."""
    try:
        free = shutil.disk_usage(SHARED_MEMORY).free
    except OSError:
        return False
    return is_in_memory(SHARED_MEMORY) and free >= _LEAST_BYTES
