"""Objects of a few hundred octets, to fill a PACS with in no time."""

from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

STUDY, OTHER_STUDY = "1.2.3.1", "1.2.3.2"


def small_object(study: str, series: str, instance: str, **values: object) -> Dataset:
    """Return a CT object without pixels; values are set by keyword."""
    item = Dataset()
    item.file_meta = FileMetaDataset()
    item.file_meta.TransferSyntaxUID = UID(str(values.pop("syntax", ExplicitVRLittleEndian)))
    item.file_meta.MediaStorageSOPClassUID = CTImageStorage
    item.file_meta.MediaStorageSOPInstanceUID = UID(instance)
    item.SpecificCharacterSet = "ISO_IR 192"
    item.SOPClassUID, item.SOPInstanceUID = CTImageStorage, instance
    item.StudyInstanceUID, item.SeriesInstanceUID = study, series
    item.PatientName, item.PatientID = "DEMO-ÉMILE^ZOÉ", "IPP1"
    item.StudyDate, item.StudyTime, item.Modality = "20260914", "101500.25", "CT"
    item.AccessionNumber = "A1"
    item.StudyDescription = "Scanner thoracique"
    issuer = Dataset()
    issuer.UniversalEntityID, issuer.UniversalEntityIDType = "1.2.250.1.999.10.2", "ISO"
    item.IssuerOfAccessionNumberSequence = Sequence([issuer])
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def fill(folder: Path) -> None:
    """Write two studies: one of two series (CT of 3, SR of 1), one of one object."""
    objects = [
        *(small_object(STUDY, "1.2.3.1.1", f"1.2.3.1.1.{n}", InstanceNumber=n) for n in (1, 2, 3)),
        small_object(STUDY, "1.2.3.1.2", "1.2.3.1.2.1", Modality="SR", InstanceNumber=1),
        small_object(
            OTHER_STUDY,
            "1.2.3.2.1",
            "1.2.3.2.1.1",
            StudyDate="20260102",
            PatientName="DEMO-AUTRE^LÉA",
            PatientID="IPP2",
            AccessionNumber="A2",
            Modality="MR",
        ),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    for number, item in enumerate(objects):
        item.save_as(folder / f"{number}.dcm", enforce_file_format=True)
