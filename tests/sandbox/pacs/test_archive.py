"""What arrives is on disk for good, under a name no caller chose."""

import hashlib
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from tests.sandbox.pacs.small_objects import STUDY, fill, small_object

from drimbox.sandbox.pacs.archive import Archive, NotStorable, is_uid


def _octets(item: Dataset) -> bytes:
    buffer = BytesIO()
    item.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def test_a_stored_object_is_a_file_named_by_the_digest_of_its_uid(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    octets = _octets(small_object("1.2", "1.2.1", "1.2.1.1"))
    archive.store("1.2.1.1", octets)
    name = hashlib.sha256(b"1.2.1.1").hexdigest()
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.dcm"]
    assert (tmp_path / f"{name}.dcm").read_bytes() == octets


def test_a_new_start_finds_what_was_stored(tmp_path: Path) -> None:
    fill(tmp_path)
    Archive(tmp_path).store("1.2.1.1", _octets(small_object("1.2", "1.2.1", "1.2.1.1")))
    assert len(Archive(tmp_path)) == 6


@pytest.mark.parametrize(
    ("announced", "octets"),
    [
        pytest.param("../../etc/passwd", b"", id="a path"),
        pytest.param("1.02", b"", id="leading zero"),
        pytest.param("1." + "2" * 64, b"", id="too long"),
        pytest.param(
            "1.2.3", _octets(small_object("1.2", "1.2.1", "1.2.9")), id="not what was announced"
        ),
        pytest.param("1.2.3", b"no DICOM", id="no DICOM at all"),
        pytest.param(
            "1.2.3", _octets(small_object("1.2", "", "1.2.3")), id="no series instance UID"
        ),
    ],
)
def test_an_object_whose_uids_are_none_is_refused_and_leaves_nothing(
    announced: str, octets: bytes, tmp_path: Path
) -> None:
    archive = Archive(tmp_path)
    with pytest.raises(NotStorable):
        archive.store(announced, octets)
    assert list(tmp_path.iterdir()) == []
    assert len(archive) == 0


def test_the_same_uid_again_replaces_the_object(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.store("1.2.1.1", _octets(small_object("1.2", "1.2.1", "1.2.1.1")))
    archive.store("1.2.1.1", _octets(small_object("1.3", "1.3.1", "1.2.1.1", PatientID="NEW")))
    assert archive.objects_of(["1.2"]) == []
    (kept,) = archive.objects_of(["1.3"])
    assert dcmread(kept.path).PatientID == "NEW"


def test_files_that_are_no_objects_are_passed_over(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "notes.dcm").write_bytes(b"not an object")
    archive = Archive(tmp_path)
    assert len(archive) == 5
    assert len(archive.objects_of([STUDY])) == 4


@pytest.mark.parametrize("text", ["1", "", "1.2.", ".1", "1.2.a", "1.2\n"])
def test_is_no_uid(text: str) -> None:
    assert not is_uid(text)
