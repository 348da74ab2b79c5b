"""Metadata and frames equal what dicomweb-client reads in the files, in every transfer syntax."""

from collections.abc import Mapping
from typing import Any

import pytest
from dicomweb_client import DICOMfileClient
from pydicom import Dataset
from pydicom.uid import MPEG4HP41, ExplicitVRLittleEndian
from tests.fakes.dicom_kinds import FRAMES, KINDS, KINDS_STUDY, grey
from tests.fakes.dicomweb_site import DicomwebSite

# Told besides, or changed on the way out: INS added (SO.39), syntax available.
CHANGED = frozenset({"00101002", "00083002"})
PLAIN = ("explicit", "implicit", "JPEG-LS", "JPEG 2000", "HTJ2K", "JPEG lossless", "RLE")
# The other syntaxes their client has no media type for.
READ_BY_BOTH = ("explicit", "JPEG-LS", "JPEG 2000", "JPEG lossless")
Row = Mapping[str, Mapping[str, Any]]


READABLE = [kind for kind in KINDS if kind != "video"]
"""dicomweb-client takes a video for one whose frames are lost."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> DICOMfileClient:
    """The same objects, read from their files without any server of ours."""
    folder = tmp_path_factory.mktemp("files")
    for number, kind in enumerate(READABLE):
        KINDS[kind].save_as(folder / f"{number}.dcm", enforce_file_format=True)
    return DICOMfileClient(f"file://{folder}", in_memory=True, update_db=True)


def uids_of(image: Dataset) -> tuple[str, str, str]:
    return image.StudyInstanceUID, image.SeriesInstanceUID, image.SOPInstanceUID


def values(row: Row) -> dict[str, object]:
    """Forget where bulk data are, and binary values, which their client leaves out."""
    return {
        tag: without_empty_lists(attribute.get("Value"))
        for tag, attribute in row.items()
        if tag not in CHANGED and attribute["vr"] not in {"OB", "OW", "UN"}
    }


def without_empty_lists(value: object) -> object:
    """Have an attribute without values as PS3.18 F.2.5 has it: pydicom writes an empty list."""
    if isinstance(value, list):
        return [without_empty_lists(one) for one in value] or None
    if isinstance(value, dict):
        told = {name: without_empty_lists(one) for name, one in value.items()}
        return {name: one for name, one in told.items() if one is not None}
    return value


@pytest.mark.requirement("FA.3")
@pytest.mark.parametrize("kind", READABLE)
def test_metadata_of_an_instance_are_those_of_its_file(
    kinds_site: DicomwebSite, files: DICOMfileClient, kind: str
) -> None:
    uids = uids_of(KINDS[kind])
    ours = kinds_site.client().retrieve_instance_metadata(*uids)
    assert values(ours) == values(files.retrieve_instance_metadata(*uids))


def test_metadata_of_a_study_are_those_of_its_files(
    kinds_site: DicomwebSite, files: DICOMfileClient
) -> None:
    def by_instance(rows: list[Row]) -> dict[str, dict[str, object]]:
        return {row["00080018"]["Value"][0]: values(row) for row in rows}

    ours = by_instance(kinds_site.client().retrieve_study_metadata(KINDS_STUDY))
    assert ours.pop(KINDS["video"].SOPInstanceUID)
    assert ours == by_instance(files.retrieve_study_metadata(KINDS_STUDY))


def test_a_client_of_no_syntax_gets_a_study_whole_its_video_too(kinds_site: DicomwebSite) -> None:
    """dicomweb-client names none, which means decoded images; no video is ever decoded."""
    found = kinds_site.client().retrieve_study(KINDS_STUDY)
    stored = {KINDS[kind].SOPInstanceUID: KINDS[kind] for kind in KINDS}
    assert {image.SOPInstanceUID for image in found} == set(stored)
    for image in found:
        is_video = image.SOPInstanceUID == KINDS["video"].SOPInstanceUID
        syntax = image.file_meta.TransferSyntaxUID
        assert syntax == (MPEG4HP41 if is_video else ExplicitVRLittleEndian)
        assert not is_video or image.PixelData == KINDS["video"].PixelData
    # Who asks for the video alone is told which syntax it has not.
    path = kinds_site.path_of(KINDS["video"])
    assert kinds_site.get(path, "application/dicom").status_code == 406


@pytest.mark.parametrize("kind", READ_BY_BOTH)
def test_frames_as_stored_are_those_of_the_file(
    kinds_site: DicomwebSite, files: DICOMfileClient, kind: str
) -> None:
    uids = uids_of(KINDS[kind])
    ours = kinds_site.client().retrieve_instance_frames(*uids, [1], media_types=("*/*",))
    theirs = files.retrieve_instance_frames(*uids, [1], media_types=("*/*",))
    assert [bytes(frame) for frame in ours] == [bytes(frame) for frame in theirs]


@pytest.mark.parametrize("kind", PLAIN)
def test_decoded_frames_are_the_pixels_whatever_the_syntax(
    kinds_site: DicomwebSite, kind: str
) -> None:
    media_types = ("application/octet-stream",)
    ours = kinds_site.client().retrieve_instance_frames(
        *uids_of(KINDS[kind]), [1], media_types=media_types
    )
    assert [bytes(frame) for frame in ours] == [grey().tobytes()]


def test_frames_of_a_cine_are_those_of_the_file(
    kinds_site: DicomwebSite, files: DICOMfileClient
) -> None:
    uids, numbers = uids_of(KINDS["cine"]), list(range(1, FRAMES + 1))
    ours = kinds_site.client().retrieve_instance_frames(*uids, numbers, media_types=("*/*",))
    theirs = files.retrieve_instance_frames(*uids, numbers, media_types=("*/*",))
    assert [bytes(frame) for frame in ours] == [bytes(frame) for frame in theirs]
