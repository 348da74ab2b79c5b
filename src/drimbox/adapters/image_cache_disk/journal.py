"""The journal of a series: one line an instance, written once that instance is whole.

    {"of": boot, "try": hex}                        first: files of before a restart of the host are
    [sop, class, syntax, file, offset, frames]      as they arrive             not known to be whole
    {"fetched_at": seconds, "token": hex}           last: without it the series is unfinished
    {"failed": true}                                or this: whoever it was fetched from failed

Whoever fetches appends; other workers of the host read along, from the first line again where who
fetched was lost and another one tries. A line that is cut is none.
"""

import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from drimbox.errors import DrimboxError
from drimbox.model.frames import FrameIndex
from drimbox.model.uids import SopClassUid, SopInstanceUid, TransferSyntaxUid
from drimbox.ports.image_cache import CachedInstance

NAME = "series.jsonl"
_LONGEST_END = 200
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class End:
    """The last line; token names this very copy."""

    fetched_at: float
    token: str


@dataclass(frozen=True, slots=True)
class Journal:
    """What was read; end is None as long as the series is not whole.

    has_failed tells that it will not be; of a worker that was killed nothing is told.
    """

    instances: tuple[CachedInstance, ...]
    end: End | None
    has_failed: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """How far a journal was read: that which begins with this line."""

    first_line: bytes = b""
    offset: int = 0


class JournalWriter:
    """Appends lines; each is in the file once the method has returned."""

    def __init__(self, folder: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(folder / NAME, flags, 0o600)
        self._append({"of": boot_id(), "try": secrets.token_hex(8)})

    def add(self, instances: Sequence[CachedInstance]) -> None:
        self._append(*map(_instance_to_json, instances))

    def end(self) -> None:
        self._append({"fetched_at": time.time(), "token": secrets.token_hex(8)})

    def fail(self) -> None:
        self._append({"failed": True})

    def close(self) -> None:
        os.close(self._file)

    def _append(self, *lines: object) -> None:
        octets = b"".join(orjson.dumps(line) + b"\n" for line in lines)
        if os.write(self._file, octets) != len(octets):
            raise OSError("the journal of a series was cut short")


def read_journal(folder: Path, place: Place = Place()) -> tuple[Journal, Place]:
    """Read what follows a place, all where it is of another try; return where the next will begin.

    Raises:
        OSError: there is no journal.
        ValueError: it is none of ours, or of before the host was started.
    """
    octets = (folder / NAME).read_bytes()
    whole = octets.rfind(b"\n") + 1
    first_line = octets[: octets.find(b"\n") + 1]
    start = place.offset if first_line == place.first_line else 0
    lines = [orjson.loads(line) for line in octets[start:whole].splitlines()]
    if start == 0 and lines and not _is_ours(lines.pop(0)):
        raise ValueError("a journal of another start of the host")
    last = lines.pop() if lines and isinstance(lines[-1], dict) else {}
    end = End(float(last["fetched_at"]), str(last["token"])) if "token" in last else None
    instances = tuple(_instance_from_json(folder, line) for line in lines)
    return Journal(instances, end, bool(last.get("failed"))), Place(first_line, whole)


def read_end(folder: Path) -> End | None:
    """Return the last line without reading those before it; None where the series is not whole."""
    try:
        with (folder / NAME).open("rb") as file:
            is_ours = _is_ours(orjson.loads(file.readline()))
            file.seek(max(file.seek(0, os.SEEK_END) - _LONGEST_END, 0))
            last = orjson.loads(file.read().splitlines()[-1])
            return End(float(last["fetched_at"]), str(last["token"])) if is_ours else None
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def boot_id() -> str:
    """Name this start of the host; empty where the system has no name for it."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _is_ours(first_line: object) -> bool:
    return isinstance(first_line, dict) and first_line.get("of") == boot_id()


def _instance_to_json(instance: CachedInstance) -> Sequence[object]:
    return (
        instance.sop_instance_uid,
        instance.sop_class_uid,
        instance.transfer_syntax_uid,
        instance.path.name,
        instance.data_set_offset,
        _frames_to_json(instance.frames),
    )


def _instance_from_json(folder: Path, line: Sequence[object]) -> CachedInstance:
    try:
        uid, sop_class, syntax, name, offset, frames = line
        return CachedInstance(
            SopInstanceUid(str(uid)),
            SopClassUid(str(sop_class)),
            TransferSyntaxUid(str(syntax)),
            folder / Path(str(name)).name,  # never out of the folder
            int(str(offset)),
            _frames_from_json(frames),
        )
    except DrimboxError as error:
        raise ValueError("not a line of a journal") from error


def _frames_to_json(frames: FrameIndex | None) -> object:
    if frames is None:
        return None
    return [frames.count, frames.offset, frames.frame_length, frames.fragments]


def _frames_from_json(value: object) -> FrameIndex | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 4:
        raise ValueError("not an index of frames")
    count, offset, length, fragments = value
    return FrameIndex(
        int(count),
        int(offset),
        int(length),
        tuple(tuple((int(at), int(size)) for at, size in frame) for frame in fragments),
    )
