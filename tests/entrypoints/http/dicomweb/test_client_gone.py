"""A client that goes in the middle, or wants no body, does not keep the PACS at work."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from tests.fakes.conditions import until_blocking
from tests.fakes.dicom_studies import searchable_objects
from tests.fakes.dicomweb_site import SYSTEM, DicomwebSite

from drimbox.adapters.image_cache_disk.housekeeping import make_room

ROOT = "1.2.250.1.999.93"
SIDE = 2048


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DicomwebSite]:
    with DicomwebSite(tmp_path_factory.mktemp("gone")) as running:
        for number in range(1, 5):
            image = searchable_objects()[0]
            image.StudyInstanceUID, image.SeriesInstanceUID = ROOT, f"{ROOT}.1"
            image.SOPInstanceUID = f"{ROOT}.1.{number}"
            image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
            image.Rows = image.Columns = SIDE
            image.PixelData = bytes(2 * SIDE * SIDE)
            running.add(image)
        yield running


def until_released(site: DicomwebSite) -> None:
    until_blocking(lambda: site.pacs.retrievals == site.pacs.released == 1)


def ask(site: DicomwebSite, method: str, accept: str) -> socket.socket:
    address = urlsplit(site.url)
    connection = socket.create_connection((str(address.hostname), address.port or 80), timeout=20)
    request = (
        f"{method} {address.path}/studies/{ROOT} HTTP/1.1\r\nHost: box\r\n"
        f"Authorization: {SYSTEM}\r\nAccept: {accept}\r\n\r\n"
    )
    connection.sendall(request.encode())
    return connection


@pytest.mark.parametrize(
    "accept",
    [
        pytest.param('multipart/related; type="application/dicom"', id="as stored"),
        pytest.param(
            'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.80',
            id="transcoded",
        ),
    ],
)
def test_the_pacs_is_released_when_the_client_goes(site: DicomwebSite, accept: str) -> None:
    connection = ask(site, "GET", accept)
    assert connection.recv(100).startswith(b"HTTP/1.1 200")
    connection.close()
    until_released(site)


def test_a_question_for_the_headers_retrieves_no_study(site: DicomwebSite) -> None:
    connection = ask(site, "HEAD", 'multipart/related; type="application/dicom"')
    assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    until_released(site)
    connection.close()


def make_room_for_nothing(site: DicomwebSite) -> int:
    """Evict whatever may go; return how many series are left."""
    make_room(site.folder / "cache", max_bytes=0, max_age_seconds=600)
    return len(list((site.folder / "cache").glob("*/series.jsonl")))


@pytest.mark.requirement("SO.40")
def test_copies_stay_until_the_client_has_them_or_is_gone(site: DicomwebSite) -> None:
    """Whole copies leave as the files they are: a slow reader would else get a cut answer."""
    assert site.get(f"/studies/{ROOT}/metadata", accept="application/dicom+json").ok
    with ask(site, "GET", 'multipart/related; type="application/dicom"') as connection:
        head, _, received = connection.recv(1000).partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        assert make_room_for_nothing(site) == 1
        count = len(received)
        while count < length:
            chunk = connection.recv(1024 * 1024)
            assert chunk
            count += len(chunk)
    assert site.pacs.retrievals == 1
    until_blocking(lambda: make_room_for_nothing(site) == 0)


def test_copies_go_once_a_client_has_left(site: DicomwebSite) -> None:
    assert site.get(f"/studies/{ROOT}/metadata", accept="application/dicom+json").ok
    connection = ask(site, "GET", 'multipart/related; type="application/dicom"')
    assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    assert make_room_for_nothing(site) == 1
    connection.close()
    until_blocking(lambda: make_room_for_nothing(site) == 0)
