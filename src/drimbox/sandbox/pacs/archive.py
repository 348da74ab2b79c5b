"""The objects of the PACS: files in a folder, their headers in memory, safe for many threads.

Files that were there at the start may have any name and any sub-folder; what arrives is written
under the SHA-256 of its SOP Instance UID, so no name of a caller ever becomes a path.
"""

import hashlib
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

_UID = re.compile(r"[0-9]+(\.(0|[1-9][0-9]*))+\Z", re.ASCII)


class NotStorable(Exception):
    """The object has no valid UIDs, or is no DICOM object at all."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object: its file, its transfer syntax, and what queries may ask of it."""

    path: Path
    transfer_syntax: str
    header: Dataset

    @property
    def sop_class(self) -> str:
        return str(self.header.SOPClassUID)

    @property
    def sop_instance(self) -> str:
        return str(self.header.SOPInstanceUID)


def is_uid(text: str) -> bool:
    """Tell whether this is a UID (PS3.5 9.1)."""
    return len(text) <= 64 and _UID.match(text) is not None


class Archive:
    """Study > series > object, each in order of arrival."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.Lock()
        self._objects: dict[str, StoredObject] = {}
        self._studies: dict[str, dict[str, dict[str, StoredObject]]] = {}
        for path in sorted(folder.rglob("*.dcm")):
            self._index(path)

    def __len__(self) -> int:
        return len(self._objects)

    def objects(self) -> list[StoredObject]:
        """Return every object, study by study, series by series."""
        with self._lock:
            return [
                item
                for study in self._studies.values()
                for series in study.values()
                for item in series.values()
            ]

    def objects_of(self, study_uids: list[str]) -> list[StoredObject]:
        """Return the objects of these studies."""
        with self._lock:
            return list(self._walk(study_uids))

    def store(self, sop_instance: str, file_octets: bytes) -> None:
        """Write the object and index it; on disk for good when this returns.

        Args:
            sop_instance: what the C-STORE announces.
            file_octets: the whole Part 10 file.

        Raises:
            NotStorable: a UID is no UID, or the data set does not hold what was announced.
        """
        if not is_uid(sop_instance):
            raise NotStorable("SOP Instance UID")
        name = hashlib.sha256(sop_instance.encode()).hexdigest()
        draft = self._folder / f"{name}.{threading.get_ident()}.part"
        final = self._folder / f"{name}.dcm"
        _write_durably(draft, file_octets)
        try:
            self._check(draft, sop_instance)
        except NotStorable:
            draft.unlink()
            raise
        draft.replace(final)
        _sync_folder(self._folder)
        self._index(final)

    @staticmethod
    def _check(draft: Path, sop_instance: str) -> None:
        item = _read(draft)
        if item.sop_instance != sop_instance:
            raise NotStorable("SOP Instance UID")

    def _walk(self, study_uids: list[str]) -> Iterator[StoredObject]:
        for uid in study_uids:
            for series in self._studies.get(uid, {}).values():
                yield from series.values()

    def _index(self, path: Path) -> None:
        try:
            item = _read(path)
        except NotStorable:
            return
        with self._lock:
            self._forget(item.sop_instance)
            self._objects[item.sop_instance] = item
            study = self._studies.setdefault(str(item.header.StudyInstanceUID), {})
            series = study.setdefault(str(item.header.SeriesInstanceUID), {})
            series[item.sop_instance] = item

    def _forget(self, sop_instance: str) -> None:
        """Drop what is replaced; it may have stood in another study."""
        old = self._objects.pop(sop_instance, None)
        if old is None:
            return
        study_uid, series_uid = str(old.header.StudyInstanceUID), str(old.header.SeriesInstanceUID)
        series = self._studies[study_uid][series_uid]
        del series[sop_instance]
        if not series:
            del self._studies[study_uid][series_uid]
        if not self._studies[study_uid]:
            del self._studies[study_uid]


# What queries may ask for, and nothing of the size of pixels.
_HEADER_TAGS = [
    "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyDate", "SeriesDate",
    "ContentDate", "StudyTime", "SeriesTime", "ContentTime", "AccessionNumber",
    "IssuerOfAccessionNumberSequence", "Modality", "Manufacturer", "InstitutionName",
    "ReferringPhysicianName", "TimezoneOffsetFromUTC", "StudyDescription", "SeriesDescription",
    "ManufacturerModelName", "PatientName", "PatientID", "IssuerOfPatientID",
    "IssuerOfPatientIDQualifiersSequence", "PatientBirthDate", "PatientSex",
    "OtherPatientIDsSequence", "OtherPatientNames", "PatientComments", "BodyPartExamined",
    "ProtocolName", "StudyInstanceUID", "SeriesInstanceUID", "StudyID", "SeriesNumber",
    "InstanceNumber", "Laterality", "ImageType", "NumberOfFrames", "Rows", "Columns",
    "BitsAllocated", "ConceptNameCodeSequence", "RequestAttributesSequence",
    "PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime",
]  # fmt: skip


def _read(path: Path) -> StoredObject:
    """Read the header of a file.

    Raises:
        NotStorable: no DICOM object, or one without valid UIDs.
    """
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=list(_HEADER_TAGS))
        uids = [str(header[name].value) for name in _UID_TAGS]
    except (InvalidDicomError, KeyError, ValueError, OSError, NotImplementedError) as error:
        raise NotStorable(str(error)) from error
    if not all(is_uid(uid) for uid in uids):
        raise NotStorable("a UID is not one")
    syntax = str(header.file_meta.TransferSyntaxUID)
    header.decode()
    return StoredObject(path, syntax, header)


_UID_TAGS = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")


def _write_durably(path: Path, octets: bytes) -> None:
    with path.open("wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
