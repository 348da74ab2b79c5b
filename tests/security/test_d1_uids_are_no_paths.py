"""D1: what is no UID ends before anything is named after it, wherever it comes from.

Paths and queries of the DICOMweb door: test_d7_hostile_dicomweb_requests.py.
"""

import itertools
import random
import re
from io import BytesIO
from pathlib import Path

import pytest
from tests.fakes.manifests import made_up_manifest
from tests.fakes.scripted_series import BOUNDARY, SERIES, ScriptedSource, image_with_ins

from drimbox.adapters.image_cache_disk.cache import DiskImageCache
from drimbox.errors import DrimboxError, InvalidValue, MalformedMessage
from drimbox.model.uids import (
    SeriesInstanceUid,
    SopInstanceUid,
    StudyInstanceUid,
    TransferSyntaxUid,
)
from drimbox.ports.image_cache import SeriesKey
from drimbox.standards.dicom.kos import encode_kos, parse_kos
from drimbox.standards.dicomweb.multipart_related import PART_END, closing, part_header

pytestmark = pytest.mark.anyio
_PIECES = (
    *("..", "../", "..\\", "/", "\\", "//", "./", "~", "%2e%2e", "%2f", "%5c", "\0", "\n", " "),
    *("etc/passwd", "C:", "CON", ".dcm", "\u2024", "\uff0e", "\u202e", "1.2", "01", "-1", "*", "?"),
)


def hostile_uids() -> list[str]:
    """Return two hundred of them, the same in each run: pieces put together, and UIDs spoilt."""
    chance = random.Random(1)
    made = {"".join(chance.choices(_PIECES, k=chance.randint(2, 6))) for _ in range(400)}
    spoilt = {f"1.2.3{piece}4" for piece in _PIECES if not piece.isdecimal() and piece != "1.2"}
    long = {"1." + "2" * length for length in (63, 64, 500, 5000)}
    return sorted(u for u in itertools.islice(made | spoilt | long, 260) if not _is_uid(u))[:200]


def instead_of(good: str) -> list[bytes]:
    """Return them as long as a UID, so that every length around it stays true."""
    octets = [text.encode()[: len(good)].ljust(len(good), b"/") for text in hostile_uids()]
    return [one for one in octets if not _is_uid(one.decode("latin-1"))]


def _is_uid(text: str) -> bool:
    return len(text) <= 64 and re.fullmatch(r"[0-2](\.(0|[1-9][0-9]*))+", text) is not None


def test_there_are_two_hundred() -> None:
    assert len(hostile_uids()) == 200


@pytest.mark.parametrize(
    "kind", [StudyInstanceUid, SeriesInstanceUid, SopInstanceUid, TransferSyntaxUid]
)
def test_what_is_no_uid_has_no_type(kind: type[StudyInstanceUid]) -> None:
    for text in hostile_uids():
        with pytest.raises(InvalidValue):
            kind(text)


MANIFEST = made_up_manifest()
FIRST = MANIFEST.series[0]


@pytest.mark.parametrize(
    "good",
    [
        pytest.param(FIRST.series_instance_uid, id="series"),
        pytest.param(FIRST.instances[0].sop_instance_uid, id="instance"),
        pytest.param(MANIFEST.study_instance_uid, id="study"),
    ],
)
def test_a_kos_that_names_one_is_refused(good: str) -> None:
    encoded = encode_kos(MANIFEST)
    assert parse_kos(encoded)
    for octets in instead_of(good):
        with pytest.raises(DrimboxError):
            parse_kos(encoded.replace(good.encode(), octets))


async def test_a_part_that_bears_one_makes_no_file(tmp_path: Path) -> None:
    good = str(image_with_ins(1).SOPInstanceUID)
    for number, uid in enumerate(instead_of(good)):
        cache = DiskImageCache(tmp_path / f"{number}", max_bytes=10**9, max_age_seconds=60)
        key = SeriesKey(SERIES.study_instance_uid, SERIES.series_instance_uid)
        body = _part_named(good, uid)
        copy = cache.open_series(key, lambda body=body: ScriptedSource([lambda _: [body]]).series())
        with pytest.raises(MalformedMessage):
            async for _ in copy.instances():
                pass
        await cache.stop()
    assert _images_below(tmp_path) == 0


def _part_named(good: str, uid: bytes) -> bytes:
    """Return a message whose only file says in group 2 that it is called so."""
    octets = BytesIO()
    image = image_with_ins(1)
    image.save_as(octets, enforce_file_format=True)
    content = octets.getvalue().replace(good.encode(), uid, 1)
    return part_header(BOUNDARY, {}) + content + PART_END + closing(BOUNDARY)


def _images_below(folder: Path) -> int:
    return len(list(folder.rglob("*.dcm")))
