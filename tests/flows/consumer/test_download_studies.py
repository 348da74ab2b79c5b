"""The ZIP of a professional: laid out per IHE PDI, under the local IPP, without end where cut."""

import io
import shutil
import subprocess
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from tests.fakes.consultation_site import ConsultationSite
from tests.fakes.contexts import made_up_caller, made_up_context
from tests.fakes.dicom_files import made_up_image, pixels
from tests.fakes.dicom_objects import encoded
from tests.fakes.manifests import STUDY, made_up_manifest, made_up_series

from drimbox.errors import ConsentMissing, NotAuthenticated, NotFound, Unavailable
from drimbox.flows.consumer.download_studies import MAX_AT_ONCE
from drimbox.model.access import Caller
from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.consent import InformationEtOppositionConsultation as Consent
from drimbox.model.uids import StudyInstanceUid

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("CO.71")]


@pytest.fixture
def site(tmp_path: Path) -> ConsultationSite:
    made = ConsultationSite(tmp_path)
    manifest = made_up_manifest(series=(made_up_series(2, 3),))
    made.dmp.hold(manifest)
    for number, instance in enumerate(manifest.series[0].instances, 1):
        image = made_up_image(number)
        image.PixelData = pixels(number).tobytes()
        image["PixelData"].VR = "OW"
        image.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
        image.SOPInstanceUID = instance.sop_instance_uid
        made.images.data_sets[instance.sop_instance_uid] = encoded(image)
    return made


def caller() -> Caller:
    return made_up_caller(made_up_context())


async def download(site: ConsultationSite, who: Caller | None = None) -> bytes:
    archive = site.download_studies(who or caller(), [STUDY])
    return b"".join([octets async for octets in archive])


async def test_it_holds_what_ihe_pdi_wants(site: ConsultationSite) -> None:
    with zipfile.ZipFile(io.BytesIO(await download(site))) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        index, readme = archive.read("INDEX.HTM").decode(), archive.read("README.TXT").decode()
    assert names == [
        "DICOM/ST000001/SE000001/IM000001",
        "DICOM/ST000001/SE000001/IM000002",
        "DICOM/ST000001/SE000001/IM000003",
        "DICOMDIR",
        "INDEX.HTM",
        "README.TXT",
    ]
    assert made_up_context().patient.family_name in index
    assert "13/07/2026" in index
    # RAD TF-2 4.47: who made the medium, with what, how it is laid out.
    for told in ("Clinique des Essais", "01 23 45 67 89", "drimbox 0.1.0", "DICOMDIR", "INDEX.HTM"):
        assert told in readme
    for told in ("Clinique des Essais", "Préparé le", 'href="README.TXT"', 'href="DICOMDIR"'):
        assert told in index
    assert readme.count("\r\n") == readme.count("\n")


async def test_images_bear_the_local_ipp_and_their_very_pixels(site: ConsultationSite) -> None:
    with zipfile.ZipFile(io.BytesIO(await download(site))) as archive:
        for number in (1, 2, 3):
            octets = archive.read(f"DICOM/ST000001/SE000001/IM{number:06d}")
            image = pydicom.dcmread(io.BytesIO(octets))
            assert (image.PatientID, image.InstanceNumber) == ("C001-2026", number)
            assert image.PixelData == pixels(number).tobytes()
        directory = pydicom.dcmread(io.BytesIO(archive.read("DICOMDIR")))
    records = directory.DirectoryRecordSequence
    assert [record.DirectoryRecordType for record in records] == [
        "PATIENT",
        "STUDY",
        "SERIES",
        *["IMAGE"] * 3,
    ]
    assert records[0].PatientID == "C001-2026"
    assert list(records[5].ReferencedFileID) == ["DICOM", "ST000001", "SE000001", "IM000003"]


@pytest.mark.system
async def test_unzip_and_dcmtk_open_it(site: ConsultationSite, tmp_path: Path) -> None:
    if shutil.which("unzip") is None or shutil.which("dciodvfy") is None:
        pytest.skip("not installed: apt-get install unzip dicom3tools")
    (tmp_path / "examens.zip").write_bytes(await download(site))
    for command in (["unzip", "-q", "examens.zip", "-d", "medium"], ["dcmdump", "medium/DICOMDIR"]):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)  # noqa: ASYNC221
    judged = subprocess.run(  # noqa: ASYNC221
        ["dciodvfy", "medium/DICOMDIR"], cwd=tmp_path, capture_output=True, check=False
    )
    assert b"Error" not in judged.stderr


async def test_each_exam_is_traced_before_its_first_octet(site: ConsultationSite) -> None:
    archive = site.download_studies(caller(), [STUDY])
    await anext(archive)
    event = site.audit.events[-1]
    assert (event.action, event.study_instance_uid) == (AuditAction.IMAGES_EXPORTED, STUDY)
    assert (event.destination, event.outcome) == ("ZIP", AuditOutcome.SUCCESS)
    await archive.aclose()  # type: ignore[attr-defined]


async def test_one_that_breaks_off_has_no_end(site: ConsultationSite) -> None:
    received = []

    async def receive(archive: AsyncIterator[bytes]) -> None:
        async for octets in archive:
            received.append(octets)

    site.images.fails_after = 1
    with pytest.raises(Unavailable):
        await receive(site.download_studies(caller(), [STUDY]))
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(b"".join(received)))
    assert site.audit.events[-1].outcome is AuditOutcome.SERIOUS_FAILURE


async def test_what_may_not_be_seen_is_not_downloaded(site: ConsultationSite) -> None:
    opposed = made_up_caller(replace(made_up_context(), consent=Consent.INFORME_ET_OPPOSE))
    with pytest.raises(ConsentMissing):
        await download(site, opposed)
    with pytest.raises(NotAuthenticated):
        await download(site, replace(caller(), context=None))
    with pytest.raises(NotFound):
        await anext(site.download_studies(caller(), [STUDY, StudyInstanceUid("1.2.3")]))


async def test_a_few_at_once_and_no_more(site: ConsultationSite) -> None:
    archives = [site.download_studies(caller(), [STUDY]) for _ in range(MAX_AT_ONCE + 1)]
    for archive in archives[:-1]:
        await anext(archive)
    with pytest.raises(Unavailable):
        await anext(archives[-1])
    for archive in archives:
        await archive.aclose()  # type: ignore[attr-defined]
    assert await download(site)
