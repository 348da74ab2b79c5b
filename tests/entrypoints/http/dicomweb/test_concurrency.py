"""Fifty clients, twenty patients: no octet of one study in another."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from pydicom import Dataset, dcmread
from tests.fakes.dicom_studies import searchable_objects
from tests.fakes.dicomweb_site import SYSTEM, DicomwebSite
from tests.fakes.multipart_parts import parts_of

PATIENTS, CLIENTS, SLICES = 20, 50, 3
ROOT = "1.2.250.1.999.92"


def slice_of(patient: int, number: int) -> Dataset:
    """Return an image whose every pixel says whose it is."""
    image = searchable_objects()[0]
    image.StudyInstanceUID, image.SeriesInstanceUID = f"{ROOT}.{patient}", f"{ROOT}.{patient}.1"
    image.SOPInstanceUID = f"{ROOT}.{patient}.1.{number}"
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    image.PatientID, image.InstanceNumber = f"IPP{patient}", number
    image.Rows = image.Columns = 128
    image.PixelData = patient.to_bytes(2, "little") * (128 * 128)
    return image


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DicomwebSite]:
    with DicomwebSite(tmp_path_factory.mktemp("concurrency")) as running:
        for patient in range(1, PATIENTS + 1):
            for number in range(1, SLICES + 1):
                running.add(slice_of(patient, number))
        yield running


def ask(site: DicomwebSite, path: str, accept: str) -> requests.Response:
    headers = {"Authorization": SYSTEM, "Accept": accept}
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(site.url + path, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer


def check(site: DicomwebSite, client: int) -> int:
    """Ask one study in every way; return how many octets were compared."""
    patient = client % PATIENTS + 1
    own = patient.to_bytes(2, "little") * (128 * 128)
    study, series = f"/studies/{ROOT}.{patient}", f"{ROOT}.{patient}.1"
    compared = 0
    answer = ask(site, study, 'multipart/related; type="application/dicom"; transfer-syntax=*')
    parts = parts_of(answer.headers["content-type"], answer.content)
    assert len(parts) == SLICES
    for _, octets in parts:
        image = dcmread(io.BytesIO(octets))
        assert (image.PatientID, image.PixelData) == (f"IPP{patient}", own)
        compared += len(own)
    for row in ask(site, f"{study}/metadata", "application/dicom+json").json():
        assert row["00100020"]["Value"] == [f"IPP{patient}"]
    for number in range(1, SLICES + 1):
        instance = f"{study}/series/{series}/instances/{series}.{number}"
        assert ask(site, f"{instance}/frames/1", "application/octet-stream").content == own
        compared += len(own)
    found = ask(site, f"/studies?PatientID=IPP{patient}", "application/dicom+json").json()
    assert [row["0020000D"]["Value"] for row in found] == [[f"{ROOT}.{patient}"]]
    return compared


def test_no_octet_of_one_study_is_in_another(site: DicomwebSite) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        compared = list(pool.map(lambda client: check(site, client), range(CLIENTS)))
    assert sum(compared) == CLIENTS * 2 * SLICES * 128 * 128 * 2
