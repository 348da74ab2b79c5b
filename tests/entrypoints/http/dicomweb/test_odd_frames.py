"""Frames that begin and end in unusual places: each comes as it was put in."""

from collections.abc import Callable, Iterator
from copy import deepcopy

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import ParametricMapStorage
from tests.fakes.dicom_kinds import KINDS, MP4, coloured, jpeg
from tests.fakes.dicomweb_site import DicomwebSite

STUDY = "1.2.250.1.999.79"
COUNT, SIDE = 3, 5
NUMBERS = range(1, COUNT + 1)
Octets = NDArray[np.uint8]


def image_of(kind: str, frames: bytes | None, **attributes: object) -> Dataset:
    image = deepcopy(KINDS[kind])
    image.NumberOfFrames = COUNT
    for keyword, value in attributes.items():
        setattr(image, keyword, value)
    if frames is not None:
        image.PixelData = frames
        image["PixelData"].VR = "OB"
    return image


def small(bits: int, octets: bytes) -> Dataset:
    size = {"Rows": SIDE, "Columns": SIDE}
    depth = {"BitsAllocated": bits, "BitsStored": bits, "HighBit": bits - 1}
    return image_of("explicit", octets + b"\0" * (len(octets) % 2), **size, **depth)


def halved(frame: int) -> bytes:
    """Return what 4:2:2 keeps: Y1 Y2 Cb Cr of each two pixels (PS3.3 C.7.6.3.1.2)."""
    colours = coloured(frame)
    pairs = [colours[:, ::2, 0], colours[:, 1::2, 0], colours[:, ::2, 1], colours[:, ::2, 2]]
    return np.stack(pairs, axis=-1).tobytes()


def extended() -> Dataset:
    image = image_of("cine", None)
    told = encapsulate_extended([jpeg(n - 1) for n in NUMBERS])
    image.PixelData, image.ExtendedOffsetTable, image.ExtendedOffsetTableLengths = told
    return image


def fragmented(fragments: int, *, has_table: bool) -> Dataset:
    frames = [jpeg(n - 1) for n in NUMBERS]
    octets = encapsulate(frames, fragments_per_frame=fragments, has_bot=has_table)
    return image_of("cine", octets)


def of_floats(keyword: str, kind: str) -> Dataset:
    image = image_of("explicit", None, Rows=SIDE, Columns=SIDE, SOPClassUID=ParametricMapStorage)
    for one in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
        delattr(image, one)
    image.BitsAllocated = np.dtype(kind).itemsize * 8
    setattr(image, keyword, floats(kind).tobytes())
    return image


def floats(kind: str) -> NDArray[np.floating]:
    return np.arange(COUNT * SIDE * SIDE, dtype=kind).reshape(COUNT, -1) / 7


BITS: Octets = np.random.default_rng(3).integers(0, 2, (COUNT, SIDE * SIDE), np.uint8)
VALUES: Octets = np.arange(COUNT * SIDE * SIDE, dtype=np.uint8).reshape(COUNT, -1)
EXPECTED: dict[str, tuple[Dataset, Callable[[int], bytes]]] = {
    "of 25 octets": (small(8, VALUES.tobytes()), lambda n: VALUES[n - 1].tobytes()),
    "of 25 bits": (
        small(1, np.packbits(BITS.reshape(-1), bitorder="little").tobytes()),
        lambda n: np.packbits(BITS[n - 1], bitorder="little").tobytes(),
    ),
    "of 4:2:2": (
        image_of(
            "RGB", b"".join(map(halved, range(COUNT))), PhotometricInterpretation="YBR_FULL_422"
        ),
        lambda n: halved(n - 1),
    ),
    "of floats": (
        of_floats("FloatPixelData", "<f4"),
        lambda n: floats("<f4")[n - 1].astype("<f4").tobytes(),
    ),
    "of doubles": (
        of_floats("DoubleFloatPixelData", "<f8"),
        lambda n: floats("<f8")[n - 1].tobytes(),
    ),
    "of one fragment": (fragmented(1, has_table=True), lambda n: jpeg(n - 1)),
    "of one fragment, no table": (fragmented(1, has_table=False), lambda n: jpeg(n - 1)),
    "of three fragments": (fragmented(3, has_table=True), lambda n: jpeg(n - 1)),
    "of three fragments, no table": (fragmented(3, has_table=False), lambda n: jpeg(n - 1)),
    "of an extended table": (extended(), lambda n: jpeg(n - 1)),
}


VIDEO = image_of("video", encapsulate([MP4], fragments_per_frame=3, has_bot=False))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DicomwebSite]:
    with DicomwebSite(tmp_path_factory.mktemp("odd")) as running:
        for number, image in enumerate([*(image for image, _ in EXPECTED.values()), VIDEO], 1):
            image.StudyInstanceUID, image.SeriesInstanceUID = STUDY, f"{STUDY}.{number}"
            image.SOPInstanceUID = f"{STUDY}.{number}.1"
            image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
            image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
            running.add(image)
        yield running


@pytest.mark.requirement("FA.3")
@pytest.mark.parametrize("kind", EXPECTED)
def test_each_frame_is_the_one_that_was_put_in(site: DicomwebSite, kind: str) -> None:
    image, expected = EXPECTED[kind]
    path = site.path_of(image)
    for number in NUMBERS:
        answer = site.get(f"{path}/frames/{number}", "*/*")
        (frame,) = site.client()._decode_multipart_message(answer, stream=False)
        assert frame.rstrip(b"\0") == expected(number).rstrip(b"\0"), number
    answer = site.get(f"{path}/frames/3,1")
    listed = list(site.client()._decode_multipart_message(answer, stream=False))
    assert [f.rstrip(b"\0") for f in listed] == [expected(n).rstrip(b"\0") for n in (3, 1)]
    assert site.get(f"{path}/frames/4").status_code == 404


@pytest.mark.parametrize("kind", [kind for kind in EXPECTED if "fragment" in kind])
def test_a_picture_is_drawn_of_all_its_fragments(site: DicomwebSite, kind: str) -> None:
    path = site.path_of(EXPECTED[kind][0])
    whole = site.path_of(EXPECTED["of an extended table"][0])
    for number in NUMBERS:
        mine, other = (
            site.get(f"{p}/frames/{number}/rendered", "image/png") for p in (path, whole)
        )
        assert mine.status_code == other.status_code == 200
        assert mine.content == other.content


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        pytest.param("bytes=0-3", 0, 3, id="its head"),
        pytest.param("bytes=1000-4000", 1000, 4000, id="over two joints"),
        pytest.param("bytes=1800-", 1800, len(MP4) - 1, id="from there on"),
        pytest.param("bytes=-7", len(MP4) - 7, len(MP4) - 1, id="its end"),
        pytest.param("bytes=5000-999999", 5000, len(MP4) - 1, id="more than there is"),
    ],
)
def test_a_part_of_a_video_is_sent_to_who_jumps_there(
    site: DicomwebSite, asked: str, first: int, last: int
) -> None:
    path = f"{site.path_of(VIDEO)}/rendered"
    whole = site.get(path, "video/mp4")
    assert (whole.status_code, whole.content) == (200, MP4)
    assert whole.headers["accept-ranges"] == "bytes"
    answer = site.get(path, "video/mp4", Range=asked)
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(MP4)}"
    assert answer.content == MP4[first : last + 1]


def test_a_video_that_is_held_is_not_sent_again(site: DicomwebSite) -> None:
    path = f"{site.path_of(VIDEO)}/rendered"
    etag = site.get(path, "video/mp4").headers["etag"]
    assert site.get(path, "video/mp4", **{"If-None-Match": etag}).status_code == 304
    changed = site.get(path, "video/mp4", **{"Range": "bytes=0-3", "If-Range": '"another"'})
    assert (changed.status_code, changed.content) == (200, MP4)
    beyond = site.get(path, "video/mp4", Range=f"bytes={len(MP4)}-")
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{len(MP4)}"
