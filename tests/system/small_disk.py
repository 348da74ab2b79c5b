"""A disk of a few mebibytes, which a test fills up and makes room on."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_PIECE = 64 * 1024


@contextmanager
def small_disk(folder: Path, *, mebibytes: int) -> Iterator[Path]:
    """Mount one on a folder; the test skips where this host does not let us."""
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", folder]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this host does not let us mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(path: Path, *, left_bytes: int = 128 * 1024) -> None:
    """Leave so much room, with a file of that name."""
    with path.open("wb") as filler:
        try:
            while True:
                filler.write(bytes(_PIECE))
                filler.flush()
        except OSError:
            pass
        filler.truncate(max(filler.tell() - left_bytes, 0))
