"""DICOM files made up for tests: small images of one study, each in its transfer syntax."""

from pathlib import Path

import imagecodecs
import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

STUDY_UID = "1.2.250.1.999.7.1"
OTHER_STUDY_UID = "1.2.250.1.999.7.2"
CT = "1.2.840.10008.5.1.4.1.1.2"
ROWS, COLUMNS = 24, 32


def pixels(number: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint16]]:
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    return ((x * 37 + y * 11 + number * 100) % 4096).astype(np.uint16)


def made_up_image(number: int, *, study: str = STUDY_UID, series: int = 2) -> Dataset:
    """A CT slice of the manifest of tests/fakes/manifests.py: series 2, instances 1 to 3."""
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.SpecificCharacterSet = "ISO_IR 192"
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = CT
    image.SOPInstanceUID = f"{study}.{series}.{number}"
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    image.StudyInstanceUID, image.SeriesInstanceUID = study, f"{study}.{series}"
    image.StudyDate, image.StudyTime, image.AccessionNumber = "20260713", "180102", "ACC0001"
    image.PatientName, image.PatientID = "PÂQUERETTE^ZOÉ", "IPP0001"
    image.IssuerOfPatientID, image.PatientBirthDate, image.PatientSex = "CH", "19790300", "F"
    image.OtherPatientIDsSequence = Sequence([Dataset()])
    image.OtherPatientIDsSequence[0].PatientID = "OLD-7"
    image.OtherPatientIDsSequence[0].TypeOfPatientID = "TEXT"
    image.StudyID, image.Modality, image.SeriesNumber, image.InstanceNumber = "S1", "CT", 2, number
    image.StudyDescription = "Scanner thoracique"
    image.WindowCenter, image.WindowWidth = 2048, 4096
    image.RescaleIntercept, image.RescaleSlope = 0, 1
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows, image.Columns = ROWS, COLUMNS
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
    image.PixelRepresentation = 0
    block = image.private_block(0x0009, "DRIMBOX TEST", create=True)
    block.add_new(1, "OB", bytes(range(256)) * 8)
    return image


def write_image(image: Dataset, path: Path, syntax: str = ExplicitVRLittleEndian) -> Path:
    """Write it in the syntax; the pixels are those of its instance number."""
    array = pixels(int(image.InstanceNumber))
    image.file_meta.TransferSyntaxUID = syntax
    encoders = {
        JPEGLSLossless: imagecodecs.jpegls_encode,
        JPEG2000Lossless: lambda a: imagecodecs.jpeg2k_encode(
            a, codecformat="j2k", reversible=True
        ),
    }
    if syntax in encoders:
        image.PixelData = encapsulate([encoders[syntax](array)])
        image["PixelData"].VR = "OB"
    else:
        image.PixelData = array.tobytes()
        image["PixelData"].VR = "OW"
    if syntax == RLELossless:
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.compress(RLELossless, generate_instance_uid=False)
    image.save_as(
        path,
        enforce_file_format=True,
        implicit_vr=syntax == ImplicitVRLittleEndian,
        little_endian=True,
    )
    return path
