"""A client that goes in the middle, or wants no body, does not keep the PACS at work."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from tests.fakes.conditions import until_blocking
from tests.fakes.dicom_studies import searchable_objects
from tests.fakes.dicomweb_site import SYSTEM, DicomwebSite

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
