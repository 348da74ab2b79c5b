"""Eight small objects of four studies and three patients, made to be searched."""

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

_ROOT = "1.2.250.1.999.79"
_CT, _MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
_STUDIES = (
    # number, date, time, patient, id, birth, sex, accession, description, physician
    (1, "20260101", "080000", "DUPONT^JEAN", "IPP1", "19600229", "M", "A1", "Thorax", "ROY^ANNE"),
    (
        2,
        "20260215",
        "235959.5",
        "DUPOND^JEANNE",
        "IPP2",
        "19700101",
        "F",
        "A2",
        "Thorax et cou",
        "",
    ),
    (3, "20260215", "101500", "PÂQUERETTE^ZOÉ", "IPP3", "19790312", "F", "B1", "Cérébral", "ROI^A"),
    (4, "20261231", "000000", "DUPONT^JEAN", "IPP1", "19600229", "M", "", "", "ROY^ANNE"),
)
_SERIES = {1: ("CT", "CT"), 2: ("CT", "MR"), 3: ("MR",), 4: ("CT",)}
_INSTANCES = {1: 2, 2: 1, 3: 1, 4: 1}


def searchable_objects() -> list[Dataset]:
    """Return the objects; UIDs are root.study.series.instance."""
    return [
        _object(study, series, instance)
        for study in _STUDIES
        for series in range(1, len(_SERIES[study[0]]) + 1)
        for instance in range(1, _INSTANCES[study[0]] + 1)
    ]


def _object(study: tuple[int, *tuple[str, ...]], series: int, instance: int) -> Dataset:
    number, study_date, study_time, name, identifier, birth, sex, accession, text, physician = study
    modality = _SERIES[number][series - 1]
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SpecificCharacterSet = "ISO_IR 192"
    image.SOPClassUID = _CT if modality == "CT" else _MR
    image.StudyInstanceUID = f"{_ROOT}.{number}"
    image.SeriesInstanceUID = f"{_ROOT}.{number}.{series}"
    image.SOPInstanceUID = f"{_ROOT}.{number}.{series}.{instance}"
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    image.StudyDate, image.StudyTime, image.AccessionNumber = study_date, study_time, accession
    image.PatientName, image.PatientID, image.PatientBirthDate = name, identifier, birth
    image.PatientSex, image.StudyDescription, image.StudyID = sex, text, f"S{number}"
    image.ReferringPhysicianName, image.Modality = physician, modality
    image.SeriesNumber, image.SeriesDescription = series, f"Série {series}"
    image.InstanceNumber = instance
    request = Dataset()
    request.ScheduledProcedureStepID = f"SPS{number}{series}"
    image.RequestAttributesSequence = [request]
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows, image.Columns, image.PixelRepresentation = 4, 4, 0
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, 16, 15
    image.PixelData = bytes(32)
    image["PixelData"].VR = "OW"
    return image
