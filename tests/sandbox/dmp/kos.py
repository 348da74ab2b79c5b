"""A KOS manifest built attribute by attribute with pydicom, for these tests alone."""

from collections.abc import Callable
from io import BytesIO

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

KOS_CLASS = "1.2.840.10008.5.1.4.1.1.88.59"
CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
INS = "162018885045327"
INS_OID = "1.2.250.1.213.1.4.10"
KOS_UID = "1.2.250.1.999.1.8.1"
STUDY_UID = "1.2.250.1.999.1.9.1"
SERIES_UID = "1.2.250.1.999.1.9.1.1"
ACCESSION = "ACC2026001"
ACCESSION_OID = "1.2.250.1.999.2"


def item(**attributes: object) -> Dataset:
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def dataset(kos_uid: str = KOS_UID, study_uid: str = STUDY_UID) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = KOS_CLASS
    meta.MediaStorageSOPInstanceUID = kos_uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = "1.2.250.1.999.7"
    kos = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    kos.SpecificCharacterSet = "ISO_IR 100"
    kos.InstanceCreationDate, kos.InstanceCreationTime = "20260302", "102900"
    kos.TimezoneOffsetFromUTC = "+0100"
    kos.SOPClassUID, kos.SOPInstanceUID, kos.Modality = KOS_CLASS, kos_uid, "KO"
    kos.StudyInstanceUID, kos.SeriesInstanceUID = study_uid, f"{kos_uid}.5"
    kos.PatientName, kos.PatientID = "PAT-SIX^ALAIN", INS
    kos.PatientBirthDate, kos.PatientSex = "19620118", "M"
    kos.IssuerOfPatientID = "ASIP-SANTE-INS-NIR"
    kos.IssuerOfPatientIDQualifiersSequence = Sequence(
        [item(UniversalEntityID=INS_OID, UniversalEntityIDType="ISO")]
    )
    kos.ValueType, kos.ContinuityOfContent = "CONTAINER", "SEPARATE"
    kos.ConceptNameCodeSequence = Sequence(
        [item(CodeValue="113030", CodingSchemeDesignator="DCM", CodeMeaning="Manifest")]
    )
    kos.ReferencedRequestSequence = Sequence([item(AccessionNumber=ACCESSION)])
    references = [
        item(ReferencedSOPClassUID=CT_CLASS, ReferencedSOPInstanceUID=f"{SERIES_UID}.{n}")
        for n in (1, 2)
    ]
    series = item(
        SeriesInstanceUID=SERIES_UID,
        RetrieveURL=f"https://db1.test.example/dicom-web/studies/{study_uid}/series/{SERIES_UID}",
        ReferencedSOPSequence=Sequence(references),
    )
    kos.CurrentRequestedProcedureEvidenceSequence = Sequence(
        [item(StudyInstanceUID=study_uid, ReferencedSeriesSequence=Sequence([series]))]
    )
    kos.ContentSequence = Sequence(
        [
            item(
                RelationshipType="CONTAINS",
                ValueType="IMAGE",
                ReferencedSOPSequence=Sequence([reference]),
            )
            for reference in references
        ]
    )
    return kos


def encode(kos: FileDataset) -> bytes:
    buffer = BytesIO()
    kos.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def build(
    change: Callable[[FileDataset], object] | None = None,
    kos_uid: str = KOS_UID,
    study_uid: str = STUDY_UID,
) -> bytes:
    made = dataset(kos_uid, study_uid)
    if change:
        change(made)
    return encode(made)
