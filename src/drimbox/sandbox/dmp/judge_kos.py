"""Whether the octets of a KOS entry are a KOS manifest that says what its metadata say.

DICOM PS3.3 A.35.4 and C.17.6, TID 2010, IHE RAD-68; read by pydicom, never by our own reader.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Final

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from drimbox.sandbox.dmp.codes import KOS_SOP_CLASS
from drimbox.sandbox.dmp.ebrim import RegistryObject
from drimbox.sandbox.dmp.hl7_types import is_oid, read_dtm, read_ins, read_reference_id
from drimbox.sandbox.dmp.names import (
    ACCESSION_REFERENCE,
    ENTRY_PATIENT_ID,
    ENTRY_UNIQUE_ID,
    REFERENCE_ID_LIST,
    STUDY_REFERENCE,
)

_MANIFEST: Final = ("113030", "DCM")
_SEXES: Final = frozenset({"M", "F", "O", ""})


def judge_kos(entry: RegistryObject, content: bytes) -> Iterator[str]:
    """Yield every disagreement between the KOS and its entry."""
    try:
        kos = dcmread(BytesIO(content))
        # Reading is lazy: a broken element shows only when it is asked for.
        reasons = [
            *_judge_document(kos),
            *_judge_patient(kos, entry),
            *_judge_identity(kos, entry),
            *_judge_evidence(kos),
        ]
        kos.to_json_dict(bulk_data_threshold=1 << 30)
    except Exception:  # noqa: BLE001  pydicom lets anything out on hostile octets
        reasons = ["the document is not readable as a DICOM file"]
    yield from reasons


def study_of(entry: RegistryObject) -> str:
    """Return the studyInstanceUID an entry refers to, or "" when it refers to none or several."""
    return _reference(entry, STUDY_REFERENCE)


def _judge_document(kos: Dataset) -> Iterator[str]:
    meta = kos.file_meta
    classes = {kos.get("SOPClassUID"), meta.get("MediaStorageSOPClassUID")}
    if classes != {KOS_SOP_CLASS}:
        yield "the document is not a Key Object Selection Document"
    if meta.get("MediaStorageSOPInstanceUID") != kos.get("SOPInstanceUID"):
        yield "the file's header and its dataset name different instances"
    if kos.get("Modality") != "KO":
        yield "Modality must be KO"
    if _code(kos) != _MANIFEST:
        yield "the concept name of a manifest must be 113030 DCM"
    if kos.get("ValueType") != "CONTAINER":
        yield "ValueType must be CONTAINER"


def _judge_patient(kos: Dataset, entry: RegistryObject) -> Iterator[str]:
    ins = read_ins(entry.identifier(ENTRY_PATIENT_ID))
    if ins is None:
        return
    if kos.get("PatientID") != ins.value:
        yield "PatientID is not the INS of patientId"
    qualifiers = _items(kos, "IssuerOfPatientIDQualifiersSequence")
    if [str(item.get("UniversalEntityID", "")) for item in qualifiers] != [ins.authority.value]:
        yield "Issuer of Patient ID Qualifiers is not the authority of patientId"
    fields = {
        name: text
        for name, _, text in (v.partition("|") for v in entry.slots.get("sourcePatientInfo", ()))
    }
    if kos.get("PatientBirthDate") not in {fields.get("PID-7"), "", None}:
        yield "PatientBirthDate is not that of sourcePatientInfo"
    sex = kos.get("PatientSex") or ""
    if sex not in _SEXES or (sex and sex != fields.get("PID-8")):
        yield "PatientSex is not that of sourcePatientInfo"


def _judge_identity(kos: Dataset, entry: RegistryObject) -> Iterator[str]:
    if kos.get("SOPInstanceUID") != entry.identifier(ENTRY_UNIQUE_ID):
        yield "uniqueId is not the SOP Instance UID of the KOS"
    if kos.get("StudyInstanceUID") != study_of(entry):
        yield "referenceIdList does not name the Study Instance UID of the KOS"
    accessions = {
        str(item.AccessionNumber)
        for item in _items(kos, "ReferencedRequestSequence")
        if item.get("AccessionNumber")
    }
    accession = _reference(entry, ACCESSION_REFERENCE)
    if accessions and accession not in accessions:
        yield "referenceIdList does not name the accession number of the KOS"
    created = _created_at(kos)
    if created is not None and read_dtm(entry.slot("creationTime")) != created:
        yield "creationTime is not the Instance Creation Date and Time of the KOS, in UTC"


def _judge_evidence(kos: Dataset) -> Iterator[str]:
    studies = _items(kos, "CurrentRequestedProcedureEvidenceSequence")
    if [study.get("StudyInstanceUID") for study in studies] != [kos.get("StudyInstanceUID")]:
        yield "the evidence must be one study, that of the KOS"
        return
    series = _items(studies[0], "ReferencedSeriesSequence")
    if not series:
        yield "the KOS references no series"
    evidence = set()
    for one in series:
        url, uid = str(one.get("RetrieveURL", "")), one.get("SeriesInstanceUID", "")
        if not url.startswith("https://") or not url.endswith(f"/series/{uid}"):
            yield "Retrieve URL must be the https WADO-RS address of its series"
        references = _items(one, "ReferencedSOPSequence")
        if not references:
            yield "a series references no instance"
        evidence |= {str(sop.get("ReferencedSOPInstanceUID", "")) for sop in references}
    if not all(is_oid(uid) for uid in evidence):
        yield "a referenced instance has no valid UID"
    if _content_references(kos) != evidence:
        yield "Content Sequence and evidence reference different instances"


def _content_references(kos: Dataset) -> set[str]:
    return {
        str(sop.get("ReferencedSOPInstanceUID", ""))
        for item in _items(kos, "ContentSequence")
        if item.get("ValueType") in {"IMAGE", "COMPOSITE", "WAVEFORM"}
        for sop in _items(item, "ReferencedSOPSequence")
    }


def _created_at(kos: Dataset) -> datetime | None:
    """Return when the KOS was created, to the second; None unless it says so with its offset."""
    text = f"{kos.get('InstanceCreationDate', '')}{kos.get('InstanceCreationTime', '')}"[:14]
    offset = str(kos.get("TimezoneOffsetFromUTC", ""))
    try:
        local = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        minutes = int(offset[1:3]) * 60 + int(offset[3:5])
    except ValueError:
        return None
    return local - timedelta(minutes=-minutes if offset.startswith("-") else minutes)


def _code(kos: Dataset) -> tuple[str, str]:
    items = _items(kos, "ConceptNameCodeSequence")
    if len(items) != 1:
        return ("", "")
    return (str(items[0].get("CodeValue", "")), str(items[0].get("CodingSchemeDesignator", "")))


def _items(dataset: Dataset, keyword: str) -> Sequence:
    value = dataset.get(keyword)
    return value if isinstance(value, Sequence) else Sequence()


def _reference(entry: RegistryObject, kind: str) -> str:
    read = (read_reference_id(text) for text in entry.slots.get(REFERENCE_ID_LIST, ()))
    values = [r[0] for r in read if r is not None and r[2] == kind]
    return values[0] if len(values) == 1 else ""
