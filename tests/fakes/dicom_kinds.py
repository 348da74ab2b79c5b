"""One small object of each kind that DICOMweb tells apart, all of one study."""

import io
from collections.abc import Callable

import imagecodecs
import numpy as np
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    MPEG4HP41,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

KINDS_STUDY = "1.2.250.1.999.78"
ROWS, COLUMNS, FRAMES = 24, 32, 3
PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
MP4 = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 20
_CT, _US = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.3.1"
_PDF, _VIDEO = "1.2.840.10008.5.1.4.1.1.104.1", "1.2.840.10008.5.1.4.1.1.77.1.4.1"


def grey() -> np.ndarray[tuple[int, int], np.dtype[np.uint16]]:
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    return ((x * 120 + y * 11) % 4096).astype(np.uint16)


def coloured(frame: int) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    return np.stack([x * 7 + frame * 20, y * 9, x + y], axis=-1).astype(np.uint8)


def jpeg(frame: int) -> bytes:
    octets = io.BytesIO()
    Image.fromarray(coloured(frame)).save(octets, "JPEG", quality=95)
    return octets.getvalue() + b"\0" * (len(octets.getvalue()) % 2)


def _kinds() -> dict[str, Dataset]:
    made = {name: make(number) for number, (name, make) in enumerate(_MAKERS.items(), 1)}
    for number, image in enumerate(made.values(), 1):
        image.InstanceNumber = number
    return made


def _base(number: int, sop_class: str, modality: str, syntax: str) -> Dataset:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = syntax
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID = sop_class
    image.SpecificCharacterSet = "ISO_IR 192"
    image.StudyInstanceUID = KINDS_STUDY
    image.SeriesInstanceUID = f"{KINDS_STUDY}.{number}"
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = f"{KINDS_STUDY}.{number}.1"
    image.PatientName, image.PatientID = "PÂQUERETTE^ZOÉ", "IPP0001"
    image.StudyDate, image.Modality = "20260713", modality
    return image


def _with_grey(image: Dataset) -> Dataset:
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows, image.Columns = ROWS, COLUMNS
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
    image.PixelRepresentation = 0
    image.PixelData = grey().tobytes()
    image["PixelData"].VR = "OW"
    return image


def _plain(number: int, syntax: str) -> Dataset:
    image = _with_grey(_base(number, _CT, "CT", syntax))
    if syntax == ExplicitVRBigEndian:
        image.PixelData = grey().astype(">u2").tobytes()
    return image


def _encoded(number: int, syntax: str, octets: bytes) -> Dataset:
    image = _with_grey(_base(number, _CT, "CT", syntax))
    image.PixelData = encapsulate([octets])
    image["PixelData"].VR = "OB"
    return image


def _rle(number: int) -> Dataset:
    image = _plain(number, ExplicitVRLittleEndian)
    image.compress(RLELossless, generate_instance_uid=False)
    return image


def _with_colours(image: Dataset, photometric: str) -> Dataset:
    image.SamplesPerPixel, image.PhotometricInterpretation = 3, photometric
    image.PlanarConfiguration = 0
    image.Rows, image.Columns = ROWS, COLUMNS
    image.BitsAllocated = image.BitsStored = 8
    image.HighBit, image.PixelRepresentation = 7, 0
    return image


def _colours(number: int) -> Dataset:
    image = _with_colours(_base(number, _US, "US", ExplicitVRLittleEndian), "RGB")
    image.PixelData = coloured(0).tobytes()
    image["PixelData"].VR = "OB"
    return image


def _cine(number: int) -> Dataset:
    image = _with_colours(_base(number, _US, "US", JPEGBaseline8Bit), "YBR_FULL_422")
    image.NumberOfFrames = FRAMES
    image.PixelData = encapsulate([jpeg(n) for n in range(FRAMES)])
    image["PixelData"].VR = "OB"
    return image


def _pdf(number: int) -> Dataset:
    document = _base(number, _PDF, "DOC", ExplicitVRLittleEndian)
    document.MIMETypeOfEncapsulatedDocument = "application/pdf"
    document.EncapsulatedDocument = PDF + b" " * (2048 - len(PDF))
    return document


def _report(number: int) -> Dataset:
    report = dcmread(str(get_testdata_file("test-SR.dcm")))
    report.StudyInstanceUID, report.SeriesInstanceUID = KINDS_STUDY, f"{KINDS_STUDY}.{number}"
    report.SOPInstanceUID = f"{KINDS_STUDY}.{number}.1"
    report.file_meta.MediaStorageSOPInstanceUID = report.SOPInstanceUID
    return report


def _video(number: int) -> Dataset:
    video = _with_colours(_base(number, _VIDEO, "XC", MPEG4HP41), "YBR_PARTIAL_420")
    video.NumberOfFrames = 25
    video.PixelData = encapsulate([MP4], has_bot=False)
    video["PixelData"].VR = "OB"
    return video


_MAKERS: dict[str, Callable[[int], Dataset]] = {
    "explicit": lambda n: _plain(n, ExplicitVRLittleEndian),
    "implicit": lambda n: _plain(n, ImplicitVRLittleEndian),
    "big endian": lambda n: _plain(n, ExplicitVRBigEndian),
    "JPEG-LS": lambda n: _encoded(n, JPEGLSLossless, imagecodecs.jpegls_encode(grey())),
    "JPEG 2000": lambda n: _encoded(
        n, JPEG2000Lossless, imagecodecs.jpeg2k_encode(grey(), codecformat="j2k", reversible=True)
    ),
    "HTJ2K": lambda n: _encoded(
        n, HTJ2KLossless, imagecodecs.htj2k_encode(grey(), reversible=True)
    ),
    "JPEG lossless": lambda n: _encoded(
        n,
        JPEGLosslessSV1,
        imagecodecs.jpeg8_encode(grey(), lossless=True, predictor=1, bitspersample=12),
    ),
    "RLE": _rle,
    "RGB": _colours,
    "cine": _cine,
    "PDF": _pdf,
    "SR": _report,
    "video": _video,
}

KINDS = _kinds()
"""Every object by its name; each is alone in its series."""

STUDY_PATH = f"/studies/{KINDS_STUDY}"


def series_path(kind: str) -> str:
    return f"{STUDY_PATH}/series/{KINDS[kind].SeriesInstanceUID}"


def instance_path(kind: str) -> str:
    return f"{series_path(kind)}/instances/{KINDS[kind].SOPInstanceUID}"
