"""Small DICOM objects made up for tests, by pydicom: a second opinion on every octet."""

import io
from dataclasses import dataclass, field
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

CT = "1.2.840.10008.5.1.4.1.1.2"
SC = "1.2.840.10008.5.1.4.1.1.7"
SR = "1.2.840.10008.5.1.4.1.1.88.22"
STUDY = "1.2.250.1.999.50"


def made_up_object(
    number: int,
    *,
    series: int = 1,
    sop_class: str = CT,
    study: str = STUDY,
    syntax: str = ExplicitVRLittleEndian,
    side: int = 32,
) -> Dataset:
    """Build one object; UIDs are study.series.number."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, f"{study}.{series}.{number}"
    ds.StudyDate, ds.StudyTime, ds.AccessionNumber = "20260713", "180102.5", "ACC1"
    issuer = Dataset()
    issuer.UniversalEntityID, issuer.UniversalEntityIDType = "1.2.250.1.999.1", "ISO"
    ds.IssuerOfAccessionNumberSequence = Sequence([issuer])
    ds.Modality = "SR" if sop_class == SR else "CT"
    ds.ReferringPhysicianName = "MÉDECIN^JEAN"
    ds.StudyDescription, ds.SeriesDescription = "Scanner thoracique", f"Série {series}"
    ds.PatientName, ds.PatientID = "PÂQUERETTE^ZOÉ", f"IPP{study.rsplit('.', 1)[1]}"
    ds.IssuerOfPatientID = "HOPITAL"
    ds.PatientBirthDate, ds.PatientSex = "19790312", "F"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study, f"{study}.{series}"
    ds.StudyID, ds.SeriesNumber, ds.InstanceNumber = "S1", series, number
    if sop_class != SR:
        _add_pixels(ds, side, number)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = sop_class
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    if syntax == JPEGBaseline8Bit:
        ds.PixelData = encapsulate([bytes(range(256)) * 4])
        ds["PixelData"].VR = "OB"
        ds["PixelData"].is_undefined_length = True
    return ds


def _add_pixels(ds: Dataset, side: int, seed: int) -> None:
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows = ds.Columns = side
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.SmallestImagePixelValue = 3
    ds.WindowCenter, ds.WindowWidth = [40, -600], [400, 1500]
    row = bytes((seed + i * 7) % 251 for i in range(side * 2))
    ds.PixelData = row * side
    ds["PixelData"].VR = "OW"


def encoded(ds: Dataset) -> bytes:
    """Return the data set alone, in the transfer syntax of its file meta information."""
    syntax = ds.file_meta.TransferSyntaxUID
    buffer = pydicom.filebase.DicomBytesIO()
    buffer.is_little_endian = syntax != ExplicitVRBigEndian
    buffer.is_implicit_VR = syntax == ImplicitVRLittleEndian
    pydicom.filewriter.write_dataset(buffer, ds)
    return buffer.getvalue()


def decoded(octets: bytes, syntax: str = ExplicitVRLittleEndian) -> Dataset:
    """Read a data set alone."""
    return pydicom.filereader.read_dataset(
        io.BytesIO(octets),
        is_implicit_VR=syntax == ImplicitVRLittleEndian,
        is_little_endian=syntax != ExplicitVRBigEndian,
    )


@dataclass
class MadeUpStudy:
    """Two CT series and a report: eight objects, one of them JPEG."""

    study: str = STUDY
    slices: int = 5
    side: int = 32
    objects: list[Dataset] = field(default_factory=list)

    def __post_init__(self) -> None:
        syntaxes = [ExplicitVRLittleEndian] * self.slices
        self.objects = [
            made_up_object(n, study=self.study, side=self.side, syntax=syntax)
            for n, syntax in enumerate(syntaxes, 1)
        ]
        self.objects += [
            made_up_object(1, series=2, study=self.study, side=self.side),
            made_up_object(2, series=2, study=self.study, sop_class=SC, syntax=JPEGBaseline8Bit),
            made_up_object(1, series=9, study=self.study, sop_class=SR),
        ]

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for ds in self.objects:
            ds.save_as(folder / f"{ds.SOPInstanceUID}.dcm", enforce_file_format=True)

    @property
    def octets(self) -> dict[str, bytes]:
        """SOP Instance UID -> data set as stored."""
        return {str(ds.SOPInstanceUID): encoded(ds) for ds in self.objects}
