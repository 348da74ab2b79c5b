"""Frames and metadata as noted on arrival, beside what pydicom finds in the same files."""

import json
import os
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import DATA_ROOT
from pydicom.encaps import generate_frames

from drimbox.adapters.image_cache_disk.instance_heads import FIRST_READ, HeadReader
from drimbox.errors import DrimboxError
from drimbox.model.uids import SopClassUid, SopInstanceUid, TransferSyntaxUid
from drimbox.ports.image_cache import CachedInstance
from drimbox.standards.dicom.metadata import MetadataReader
from drimbox.standards.dicom.part10 import parse_file_meta

_NOT_FOUND_IN_CACHE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99")
_SAYS_ANOTHER_ENCODING = "SC_rgb_jpeg"


def _corpus() -> list[Path]:
    """Return the files of pydicom in the syntaxes that a copy may have."""
    found = []
    for name in sorted(Path(DATA_ROOT).rglob("test_files/**/*.dcm")):
        try:
            syntax = parse_file_meta(name.read_bytes()).transfer_syntax_uid
        except DrimboxError:
            continue
        if syntax not in _NOT_FOUND_IN_CACHE and name.stem != _SAYS_ANOTHER_ENCODING:
            found.append(name)
    return found


CORPUS = _corpus()


def cached(path: Path) -> CachedInstance:
    meta = parse_file_meta(path.read_bytes())
    return CachedInstance(
        SopInstanceUid(meta.sop_instance_uid or "1.2.3"),
        SopClassUid(meta.sop_class_uid or "1.2.840.10008.5.1.4.1.1.7"),
        TransferSyntaxUid(meta.transfer_syntax_uid),
        path,
        meta.data_set_offset,
    )


def test_the_corpus_has_many_syntaxes() -> None:
    assert len(CORPUS) >= 25
    assert len({cached(path).transfer_syntax_uid for path in CORPUS}) >= 7


@pytest.mark.parametrize("path", CORPUS, ids=lambda p: p.stem)
def test_metadata_are_those_of_the_general_reader(path: Path) -> None:
    instance = cached(path)
    reader = MetadataReader(instance.transfer_syntax_uid)
    reader.feed(path.read_bytes()[instance.data_set_offset :])
    base = f"/x/instances/{instance.sop_instance_uid}/bulkdata"
    try:
        expected = dict(reader.metadata(lambda name: f"{base}/{name}"))
    except DrimboxError:
        with pytest.raises(DrimboxError):
            HeadReader("/x").row(instance)
        return
    expected["00083002"] = {"vr": "UI", "Value": [instance.transfer_syntax_uid]}
    row = json.loads(HeadReader("/x").row(instance))
    assert row == json.loads(json.dumps(expected))


@pytest.mark.parametrize("path", CORPUS, ids=lambda p: p.stem)
def test_what_is_at_hand_of_an_instance_is_read_as_the_file_is(path: Path) -> None:
    instance = cached(path)
    first = path.read_bytes()[instance.data_set_offset :][:FIRST_READ]
    try:
        expected = HeadReader("/x").learn(instance)
    except DrimboxError:
        with pytest.raises(DrimboxError):
            HeadReader("/x").learn(instance, first)
        return
    assert HeadReader("/x").learn(instance, first) == expected


def test_each_instance_is_read_for_itself_whatever_was_read_before() -> None:
    """Of many series, in three character sets and without one: nothing of another is left."""
    reader = HeadReader("/x")
    for path in [*CORPUS, *reversed(CORPUS), *CORPUS[::3]]:
        instance = cached(path)
        try:
            alone = HeadReader("/x").learn(instance)
        except DrimboxError:
            with pytest.raises(DrimboxError):
                reader.learn(instance)
            continue
        assert reader.learn(instance) == alone, path.stem


@pytest.mark.parametrize("path", CORPUS, ids=lambda p: p.stem)
def test_frames_are_those_that_pydicom_finds(path: Path) -> None:
    try:
        instance, _ = HeadReader("/x").learn(cached(path))
    except DrimboxError:
        return  # told by the test above
    image = dcmread(path)
    if instance.frames is None:
        return  # the pixel worker reads such an image
    expected = _frames_by_pydicom(image)
    with path.open("rb") as file:
        found = [
            b"".join(os.pread(file.fileno(), size, at) for at, size in instance.frames.ranges(n))
            for n in range(1, instance.frames.count + 1)
        ]
    assert found == expected


def test_most_images_of_the_corpus_have_an_index() -> None:
    indexed = images = 0
    for path in CORPUS:
        if "PixelData" in dcmread(path):
            images += 1
            try:
                indexed += HeadReader("/x").learn(cached(path))[0].frames is not None
            except DrimboxError:
                continue
    assert indexed >= images * 0.8


def _frames_by_pydicom(image) -> list[bytes]:  # type: ignore[no-untyped-def]  # noqa: ANN001
    count = int(image.get("NumberOfFrames") or 1)
    if image.file_meta.TransferSyntaxUID.is_encapsulated:
        return list(generate_frames(image.PixelData, number_of_frames=count))
    length = image.Rows * image.Columns * image.SamplesPerPixel * image.BitsAllocated // 8
    return [image.PixelData[n * length : (n + 1) * length] for n in range(count)]
