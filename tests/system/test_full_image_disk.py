"""R6: with the disk of the images full, images pass or are refused; with room again all works."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from pydicom import Dataset
from tests.fakes.dicom_objects import made_up_object
from tests.fakes.dicomweb_site import DicomwebSite
from tests.system.small_disk import fill, small_disk

pytestmark = pytest.mark.system
STUDY = "1.2.250.1.999.61"
IMAGES = [made_up_object(n, study=STUDY, side=512) for n in range(1, 5)]
ALL = 'multipart/related; type="application/dicom"; transfer-syntax=*'
HEAL_SECONDS = 30


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Where the box keeps images: 8 MiB, of which the study wants 2."""
    with small_disk(tmp_path / "cache", mebibytes=8) as folder:
        yield folder


@pytest.fixture
def site(tmp_path: Path, disk: Path) -> Iterator[DicomwebSite]:
    del disk
    with DicomwebSite(tmp_path) as running:
        for image in IMAGES:
            running.add(image)
        yield running


def is_whole(answer: requests.Response) -> bool:
    return answer.status_code == 200 and all(one.PixelData in answer.content for one in IMAGES)


def first_frame(site: DicomwebSite, image: Dataset) -> requests.Response:
    """Ask for pixels: they are read from a copy, so there must be one."""
    path = f"{site.path_of(image)}/frames/1"
    return site.get(path, 'multipart/related; type="application/octet-stream"')


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_study_passes_or_fails_and_is_never_cut_in_silence(
    site: DicomwebSite, disk: Path, times: int
) -> None:
    """From the second request on a Source keeps copies (SO.40): there is no room for any."""
    fill(disk / "filler")
    for _ in range(times):
        try:
            answer = site.get(f"/studies/{STUDY}", ALL)
        except requests.exceptions.ChunkedEncodingError:
            continue
        assert answer.status_code in {200, 503}
        assert is_whole(answer) or answer.status_code == 503


def test_what_needs_a_copy_is_told_to_come_back_and_works_with_room_again(
    site: DicomwebSite, disk: Path
) -> None:
    fill(disk / "filler")
    refused = first_frame(site, IMAGES[0])
    assert refused.status_code == 503
    assert refused.headers["Retry-After"]
    (disk / "filler").unlink()
    since = time.monotonic()
    while (answer := first_frame(site, IMAGES[0])).status_code != 200:
        assert answer.status_code == 503
        assert time.monotonic() - since < HEAL_SECONDS
        time.sleep(0.2)
    assert IMAGES[0].PixelData in answer.content
    assert is_whole(site.get(f"/studies/{STUDY}", ALL))


def test_a_search_does_not_need_the_disk_of_the_images(site: DicomwebSite, disk: Path) -> None:
    fill(disk / "filler")
    found = site.get("/studies", "application/dicom+json")
    assert found.status_code == 200
    assert len(found.json()) == 1
