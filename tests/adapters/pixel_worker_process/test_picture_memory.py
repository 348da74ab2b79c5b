"""Pictures remembered: the same file drawn the same way, and no more octets than there is room."""

import os
from pathlib import Path

from drimbox.adapters.pixel_worker_process.picture_memory import (
    MAX_IDLE_SECONDS,
    PictureMemory,
    key_of,
)
from drimbox.ports.pixel_worker import ImageFormat, Rendering


def test_a_picture_is_found_again_by_its_file_and_how_it_was_drawn(tmp_path: Path) -> None:
    file = tmp_path / "a.dcm"
    file.write_bytes(b"octets")
    memory = PictureMemory()
    memory.keep(key_of(file, Rendering()), b"JPEG")
    assert memory.find(key_of(file, Rendering())) == b"JPEG"
    assert memory.find(key_of(file, Rendering(frame=2))) is None
    assert memory.find(key_of(file, Rendering(format=ImageFormat.PNG))) is None


def test_a_file_written_anew_is_drawn_anew(tmp_path: Path) -> None:
    file, beside = tmp_path / "a.dcm", tmp_path / "a.part"
    file.write_bytes(b"octets")
    memory = PictureMemory()
    memory.keep(key_of(file, Rendering()), b"JPEG")
    before = file.stat().st_mtime_ns
    beside.write_bytes(b"others")
    os.utime(beside, ns=(before, before))
    beside.replace(file)
    assert memory.find(key_of(file, Rendering())) is None


def test_what_was_not_given_for_longest_is_forgotten_first() -> None:
    memory = PictureMemory(max_bytes=100)
    for name in "abcdefghij":
        memory.keep(name, b"x" * 10)
    assert memory.find("a") is not None
    memory.keep("k", b"x" * 10)
    assert memory.find("b") is None
    assert memory.find("a") is not None


def test_one_large_picture_does_not_push_out_all_others() -> None:
    memory = PictureMemory(max_bytes=100)
    memory.keep("small", b"x")
    memory.keep("large", b"x" * 13)
    assert memory.find("large") is None
    assert memory.find("small") == b"x"


def test_what_nobody_asks_for_again_is_forgotten() -> None:
    """Twelve megabytes of somebody's images do not stay because a viewer was closed."""
    now = [1000.0]
    memory = PictureMemory(clock=lambda: now[0])
    memory.keep("left", b"x" * 10)
    memory.keep("given", b"y" * 10)
    now[0] += MAX_IDLE_SECONDS / 2
    assert memory.find("given") is not None
    now[0] += MAX_IDLE_SECONDS / 2
    assert memory.forget_idle()
    assert memory.find("left") is None
    assert memory.find("given") == b"y" * 10
    now[0] += MAX_IDLE_SECONDS
    assert not memory.forget_idle()


def test_room_of_what_was_forgotten_is_room_again() -> None:
    now = [0.0]
    memory = PictureMemory(max_bytes=80, clock=lambda: now[0])
    for name in "abcdefgh":
        memory.keep(name, b"x" * 10)
    now[0] = MAX_IDLE_SECONDS
    memory.forget_idle()
    for name in "ijklmnop":
        memory.keep(name, b"x" * 10)
    assert memory.find("i") is not None


def test_a_file_that_is_not_there_has_no_picture(tmp_path: Path) -> None:
    memory = PictureMemory()
    key = key_of(tmp_path / "gone.dcm", Rendering())
    memory.keep(key, b"JPEG")
    assert memory.find(key) is None
