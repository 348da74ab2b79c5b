"""DICOMDIR: read by pydicom and dcmtk, every record where its neighbours say."""

import gc
import io
import shutil
import subprocess
import warnings
from collections.abc import Sequence
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.fileset import FileSet
from tests.fakes.dicom_objects import CT, SR, encoded, made_up_object

from drimbox.model.uids import SopClassUid, SopInstanceUid, TransferSyntaxUid
from drimbox.standards.dicom.data_set import Encoding, read_data_set
from drimbox.standards.dicom.directory import MediaFile, encode_dicomdir, record_type_of

UID = SopInstanceUid("2.25.77")
STUDIES = ("1.2.250.1.999.50", "1.2.250.1.999.51")


def objects() -> list[Dataset]:
    """Two studies of two patients: images in two series, and a report."""
    made = []
    for study in STUDIES:
        made += [made_up_object(number, study=study) for number in (1, 2)]
        made += [made_up_object(1, series=2, study=study)]
        report = made_up_object(1, series=9, study=study, sop_class=SR)
        report.ContentDate, report.ContentTime = "20260713", "180500"
        report.CompletionFlag, report.VerificationFlag = "COMPLETE", "VERIFIED"
        report.VerificationDateTime = "20260713180500"
        report.ConceptNameCodeSequence = [Dataset()]
        report.ConceptNameCodeSequence[0].CodeValue = "11528-7"
        report.ConceptNameCodeSequence[0].CodingSchemeDesignator = "LN"
        report.ConceptNameCodeSequence[0].CodeMeaning = "Radiology Report"
        made.append(report)
    return made


def media_file(number: int, ds: Dataset) -> MediaFile:
    return MediaFile(
        ("DICOM", f"IM{number:06d}"),
        SopClassUid(ds.SOPClassUID),
        SopInstanceUid(ds.SOPInstanceUID),
        TransferSyntaxUid(ds.file_meta.TransferSyntaxUID),
        read_data_set(encoded(ds), Encoding.EXPLICIT_LITTLE),
    )


def directory(objects: list[Dataset]) -> bytes:
    files = [media_file(number, ds) for number, ds in enumerate(objects, 1)]
    return encode_dicomdir(files, file_set_id="DRIMBOX", sop_instance_uid=UID)


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    (tmp_path / "DICOM").mkdir()
    for number, ds in enumerate(objects(), 1):
        ds.save_as(tmp_path / "DICOM" / f"IM{number:06d}", enforce_file_format=True)
    (tmp_path / "DICOMDIR").write_bytes(directory(objects()))
    return tmp_path


def values_of(medium: Path, keyword: str) -> list[str]:
    """Read a medium with pydicom, which leaves a folder of its own to the garbage collector."""
    file_set = FileSet(medium / "DICOMDIR")
    try:
        return [str(instance.load()[keyword].value) for instance in file_set]
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            del file_set
            gc.collect()


@pytest.mark.requirement("CO.71")
@pytest.mark.parametrize(
    "keyword", ["PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"]
)
def test_pydicom_finds_every_object_in_its_place(medium: Path, keyword: str) -> None:
    assert values_of(medium, keyword) == [str(ds[keyword].value) for ds in objects()]


def test_offsets_lead_to_records() -> None:
    octets = directory(objects())
    ds = pydicom.dcmread(io.BytesIO(octets))
    assert ds.file_meta.MediaStorageSOPClassUID == "1.2.840.10008.1.3.10"
    records = {record.seq_item_tell: record for record in ds.DirectoryRecordSequence}
    told = {0, ds.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity}
    for record in records.values():
        told |= {
            record.OffsetOfTheNextDirectoryRecord,
            record.OffsetOfReferencedLowerLevelDirectoryEntity,
        }
    assert told == {0, *records}
    kinds = [record.DirectoryRecordType for record in records.values()]
    assert kinds[:6] == ["PATIENT", "STUDY", "SERIES", "IMAGE", "IMAGE", "SERIES"]
    assert kinds.count("SR DOCUMENT") == 2


def test_a_text_keeps_its_characters() -> None:
    ds = pydicom.dcmread(io.BytesIO(directory(objects())))
    patient = ds.DirectoryRecordSequence[0]
    assert str(patient.PatientName) == "PÂQUERETTE^ZOÉ"


def test_a_key_that_an_object_lacks_is_made_up_where_a_record_must_have_it() -> None:
    bare = made_up_object(1)
    for keyword in ("StudyID", "StudyDate", "SeriesNumber", "AccessionNumber"):
        del bare[keyword]
    ds = pydicom.dcmread(io.BytesIO(directory([bare])))
    study, series = ds.DirectoryRecordSequence[1:3]
    assert (study.StudyID, study.StudyDate, study.AccessionNumber) == ("1", "19000101", "")
    assert series.SeriesNumber == 1


@pytest.mark.parametrize(
    ("sop_class", "keywords"),
    [
        ("1.2.840.10008.5.1.4.1.1.104.1", ("ConceptNameCodeSequence", "DocumentTitle")),
        ("1.2.840.10008.5.1.4.1.1.11.1", ("ContentDescription", "ContentCreatorName")),
    ],
)
def test_a_key_of_type_2_is_there_though_the_object_lacks_it(
    sop_class: str, keywords: Sequence[str]
) -> None:
    """PS3.3 F.5: an empty value says that it is not known."""
    ds = pydicom.dcmread(io.BytesIO(directory([made_up_object(1, sop_class=sop_class)])))
    leaf = ds.DirectoryRecordSequence[-1]
    assert all(keyword in leaf and leaf[keyword].is_empty for keyword in keywords)


def test_a_presentation_state_tells_the_images_that_it_is_of() -> None:
    state = made_up_object(1, sop_class="1.2.840.10008.5.1.4.1.1.11.1")
    image, series = Dataset(), Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = CT, "1.2.3"
    series.SeriesInstanceUID, series.ReferencedImageSequence = "1.2", [image]
    state.ReferencedSeriesSequence = [series]
    ds = pydicom.dcmread(io.BytesIO(directory([state])))
    (found,) = ds.DirectoryRecordSequence[-1].ReferencedSeriesSequence
    assert found == series


@pytest.mark.parametrize(
    ("sop_class", "expected"),
    [
        (CT, "IMAGE"),
        (SR, "SR DOCUMENT"),
        ("1.2.840.10008.5.1.4.1.1.88.59", "KEY OBJECT DOC"),
        ("1.2.840.10008.5.1.4.1.1.104.1", "ENCAP DOC"),
        ("1.2.840.10008.5.1.4.1.1.11.1", "PRESENTATION"),
        ("1.2.840.10008.5.1.4.1.1.66.4", "IMAGE"),
        ("1.2.840.10008.5.1.4.1.1.66.3", "REGISTRATION"),
        ("1.2.840.10008.5.1.4.1.1.66", "RAW DATA"),
    ],
)
def test_each_kind_of_object_has_its_record(sop_class: str, expected: str) -> None:
    assert record_type_of(SopClassUid(sop_class)) == expected


@pytest.mark.system
def test_dcmtk_reads_it_and_takes_more_into_it(medium: Path) -> None:
    """What dcmtk can go on with is a directory to it."""
    program = shutil.which("dcmmkdir")
    if program is None:
        pytest.skip("dcmtk is not installed: apt-get install dcmtk")
    one_more = made_up_object(3, study=STUDIES[1])
    one_more.save_as(medium / "DICOM" / "IM000099", enforce_file_format=True)
    dump = subprocess.run(
        ["dcmdump", medium / "DICOMDIR"],
        capture_output=True,
        encoding="latin-1",
        check=True,
    )
    assert "W:" not in dump.stderr
    assert "E:" not in dump.stderr
    judged = subprocess.run(
        ["dciodvfy", medium / "DICOMDIR"], capture_output=True, encoding="latin-1", check=False
    )
    assert "BasicDirectory" in judged.stderr + judged.stdout
    assert [line for line in judged.stderr.splitlines() if line.startswith("Error")] == []
    made = subprocess.run(
        [program, "--append", "DICOM/IM000099"],
        cwd=medium,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    assert len(values_of(medium, "SOPInstanceUID")) == 9
