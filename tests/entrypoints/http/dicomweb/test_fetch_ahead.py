"""A study found by its name is on its way before its first image is asked for."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.dicom_studies import searchable_objects
from tests.fakes.dicomweb_site import DicomwebSite

from drimbox.flows.fetch_ahead import FetchAhead

STUDY = "1.2.250.1.999.94"
SERIES = 2


@pytest.fixture(params=[True, False], ids=["on", "off"])
def is_on(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def site(tmp_path: Path, is_on: bool) -> Iterator[DicomwebSite]:
    with DicomwebSite(tmp_path, fetch_ahead=FetchAhead(is_on=is_on)) as running:
        for number in range(1, SERIES + 1):
            image = searchable_objects()[0]
            image.StudyInstanceUID, image.SeriesInstanceUID = STUDY, f"{STUDY}.{number}"
            image.SOPInstanceUID = f"{STUDY}.{number}.1"
            image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
            running.add(image)
        yield running


def brought(site: DicomwebSite, path: str) -> int:
    """Search; return how many retrievals followed."""
    assert site.get(path, accept="application/dicom+json").status_code == 200
    assert site.fetch_ahead is not None
    site.portal.call(site.fetch_ahead.settled)
    return site.pacs.retrievals


@pytest.mark.parametrize(
    "path",
    [f"/studies/{STUDY}/series", f"/studies/{STUDY}/series/{STUDY}.1/instances"],
    ids=["series", "instances"],
)
def test_a_search_in_a_named_study_brings_each_series_once(
    site: DicomwebSite, path: str, is_on: bool
) -> None:
    expected = SERIES if is_on else 0
    assert brought(site, path) == expected
    assert brought(site, path) == expected


@pytest.mark.parametrize(
    "path", ["/studies", "/series", f"/studies/{STUDY}/series?Modality=XX", "/studies/1.2.3/series"]
)
def test_other_searches_bring_nothing(site: DicomwebSite, path: str) -> None:
    assert brought(site, path) == 0
