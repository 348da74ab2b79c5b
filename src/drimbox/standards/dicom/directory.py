"""DICOMDIR: what stands on a medium, patient by patient (PS3.3 F.3 Basic Directory IOD).

PATIENT ─ next ─> PATIENT        each record tells where the next beside it and the first
└ lower ─> STUDY              below it begin, counted from the start of the file
└ lower ─> SERIES ─ next ─> SERIES
└ lower ─> IMAGE | SR DOCUMENT | ENCAP DOC…, with its file
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from drimbox.model.uids import SopClassUid, SopInstanceUid, TransferSyntaxUid
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.attributes import ascii_element, sequence
from drimbox.standards.dicom.data_set import DataSet, RawElement
from drimbox.standards.dicom.data_set_encoding import encode_data_set
from drimbox.standards.dicom.part10 import encode_file_meta
from drimbox.standards.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN

MEDIA_STORAGE_DIRECTORY = SopClassUid("1.2.840.10008.1.3.10")
LAST_TAG = tags.CONTENT_CREATOR_NAME
"""No key of a directory record stands behind this one in an object."""

_FILE_SET_ID = 0x00041130
_FIRST_ROOT_OFFSET, _LAST_ROOT_OFFSET = 0x00041200, 0x00041202
_CONSISTENCY_FLAG = 0x00041212
_RECORDS = 0x00041220
_NEXT_OFFSET, _IN_USE, _LOWER_OFFSET, _RECORD_TYPE = 0x00041400, 0x00041410, 0x00041420, 0x00041430
_FILE_ID = 0x00041500
_FILE_SOP_CLASS, _FILE_SOP_INSTANCE, _FILE_SYNTAX = 0x00041510, 0x00041511, 0x00041512
_ITEM_HEADER = 8
_SEQUENCE_HEADER = 12
_ROOT = "1.2.840.10008.5.1.4.1.1."

# PS3.3 F.4: the record of each kind of object, by the beginning of its SOP class.
_TYPES = (
    ("88.59", "KEY OBJECT DOC"),
    ("88.", "SR DOCUMENT"),
    ("104.", "ENCAP DOC"),
    ("11.", "PRESENTATION"),
    ("9.", "WAVEFORM"),
    ("4.2", "SPECTROSCOPY"),
    ("66.1", "REGISTRATION"),
    ("66.2", "FIDUCIAL"),
    ("66.3", "REGISTRATION"),
    ("66.5", "SURFACE"),
    ("66", "RAW DATA"),
    ("481.2", "RT DOSE"),
    ("481.3", "RT STRUCTURE SET"),
    ("481.5", "RT PLAN"),
)
_PATIENT_KEYS = (tags.PATIENT_NAME, tags.PATIENT_ID, tags.PATIENT_BIRTH_DATE, tags.PATIENT_SEX)
_STUDY_KEYS = (
    tags.STUDY_DATE,
    tags.STUDY_TIME,
    tags.ACCESSION_NUMBER,
    tags.STUDY_DESCRIPTION,
    tags.STUDY_INSTANCE_UID,
    tags.STUDY_ID,
)
_SERIES_KEYS = (
    tags.MODALITY,
    tags.SERIES_DESCRIPTION,
    tags.SERIES_INSTANCE_UID,
    tags.SERIES_NUMBER,
)
_DOCUMENT_KEYS = (tags.CONTENT_DATE, tags.CONTENT_TIME, tags.INSTANCE_NUMBER)
_KEYS_OF_TYPE = {
    "SR DOCUMENT": (
        *_DOCUMENT_KEYS,
        tags.CONCEPT_NAME_CODE_SEQUENCE,
        tags.COMPLETION_FLAG,
        tags.VERIFICATION_FLAG,
        tags.VERIFICATION_DATE_TIME,
    ),
    "KEY OBJECT DOC": (*_DOCUMENT_KEYS, tags.CONCEPT_NAME_CODE_SEQUENCE),
    "ENCAP DOC": (
        *_DOCUMENT_KEYS,
        tags.CONCEPT_NAME_CODE_SEQUENCE,
        tags.DOCUMENT_TITLE,
        tags.MIME_TYPE_OF_ENCAPSULATED_DOCUMENT,
    ),
    "PRESENTATION": (
        tags.INSTANCE_NUMBER,
        tags.CONTENT_LABEL,
        tags.CONTENT_DESCRIPTION,
        tags.PRESENTATION_CREATION_DATE,
        tags.PRESENTATION_CREATION_TIME,
        tags.CONTENT_CREATOR_NAME,
        tags.REFERENCED_SERIES_SEQUENCE,
    ),
    "IMAGE": (tags.INSTANCE_NUMBER, tags.NUMBER_OF_FRAMES, tags.ROWS, tags.COLUMNS),
}

# Type 1 in a record and not always in an object: what a reader gets for want of the true value.
_FOR_WANT: Mapping[int, RawElement] = {
    tags.PATIENT_ID: ("LO", b"UNKNOWN"),
    tags.STUDY_DATE: ("DA", b"19000101"),
    tags.STUDY_TIME: ("TM", b"000000"),
    tags.STUDY_ID: ("SH", b"1"),
    tags.MODALITY: ("CS", b"OT"),
    tags.SERIES_NUMBER: ("IS", b"1"),
    tags.INSTANCE_NUMBER: ("IS", b"1"),
    tags.CONTENT_DATE: ("DA", b"19000101"),
    tags.CONTENT_TIME: ("TM", b"000000"),
}
_TYPE_2: Mapping[int, RawElement] = {
    tags.PATIENT_NAME: ("PN", b""),
    tags.STUDY_DESCRIPTION: ("LO", b""),
    tags.ACCESSION_NUMBER: ("SH", b""),
    tags.CONCEPT_NAME_CODE_SEQUENCE: ("SQ", []),
    tags.DOCUMENT_TITLE: ("ST", b""),
    tags.CONTENT_DESCRIPTION: ("LO", b""),
    tags.CONTENT_CREATOR_NAME: ("PN", b""),
}


@dataclass(frozen=True, slots=True)
class MediaFile:
    """One object on the medium: the components of its path, and its attributes up to LAST_TAG."""

    path: tuple[str, ...]
    sop_class_uid: SopClassUid
    sop_instance_uid: SopInstanceUid
    transfer_syntax_uid: TransferSyntaxUid
    attributes: DataSet


@dataclass(slots=True)
class _Record:
    """One record and those below it; offset is where its item begins in the file."""

    attributes: DataSet
    lower: "dict[object, _Record]" = field(default_factory=dict)
    offset: int = 0


def encode_dicomdir(
    files: Iterable[MediaFile], *, file_set_id: str, sop_instance_uid: SopInstanceUid
) -> bytes:
    """Build the directory file of these objects, patients and series in the order they come."""
    roots: dict[object, _Record] = {}
    for file in files:
        _place(file, roots)
    meta = encode_file_meta(MEDIA_STORAGE_DIRECTORY, sop_instance_uid, EXPLICIT_VR_LITTLE_ENDIAN)
    header: DataSet = {
        _FILE_SET_ID: ascii_element("CS", file_set_id),
        _FIRST_ROOT_OFFSET: _offset(0),
        _LAST_ROOT_OFFSET: _offset(0),
        _CONSISTENCY_FLAG: ("US", b"\0\0"),
    }
    records = list(_in_order(roots))
    at = len(meta) + len(encode_data_set(header)) + _SEQUENCE_HEADER
    for record in records:
        # Offsets have a fixed length, so that a record is as long now as with the true ones.
        record.offset = at
        at += _ITEM_HEADER + len(encode_data_set(record.attributes))
    _link(roots)
    top = list(roots.values())
    if top:
        header[_FIRST_ROOT_OFFSET] = _offset(top[0].offset)
        header[_LAST_ROOT_OFFSET] = _offset(top[-1].offset)
    header[_RECORDS] = sequence(record.attributes for record in records)
    return meta + encode_data_set(header)


def record_type_of(sop_class_uid: SopClassUid) -> str:
    """Return the type of directory record of such an object."""
    suffix = sop_class_uid.removeprefix(_ROOT)
    for beginning, record_type in _TYPES:
        is_family = beginning.endswith(".")
        if suffix.startswith(beginning) if is_family else suffix == beginning:
            return record_type
    return "IMAGE"


def _place(file: MediaFile, roots: dict[object, _Record]) -> None:
    attributes = file.attributes
    patient = _child(roots, _value(attributes, tags.PATIENT_ID), "PATIENT", attributes)
    uid = _value(attributes, tags.STUDY_INSTANCE_UID)
    study = _child(patient.lower, uid, "STUDY", attributes)
    uid = _value(attributes, tags.SERIES_INSTANCE_UID)
    series = _child(study.lower, uid, "SERIES", attributes)
    leaf = _record(record_type_of(file.sop_class_uid), attributes)
    leaf[_FILE_ID] = ascii_element("CS", "\\".join(file.path))
    leaf[_FILE_SOP_CLASS] = ascii_element("UI", file.sop_class_uid)
    leaf[_FILE_SOP_INSTANCE] = ascii_element("UI", file.sop_instance_uid)
    leaf[_FILE_SYNTAX] = ascii_element("UI", file.transfer_syntax_uid)
    series.lower[file.sop_instance_uid] = _Record(leaf)


def _child(
    records: dict[object, _Record], key: object, record_type: str, attributes: DataSet
) -> _Record:
    found = records.get(key)
    if found is None:
        found = records[key] = _Record(_record(record_type, attributes))
    return found


def _record(record_type: str, attributes: DataSet) -> DataSet:
    record: DataSet = {
        _NEXT_OFFSET: _offset(0),
        _IN_USE: ("US", b"\xff\xff"),
        _LOWER_OFFSET: _offset(0),
        _RECORD_TYPE: ascii_element("CS", record_type),
    }
    if tags.SPECIFIC_CHARACTER_SET in attributes:
        record[tags.SPECIFIC_CHARACTER_SET] = attributes[tags.SPECIFIC_CHARACTER_SET]
    for tag in _keys_of(record_type):
        element = attributes.get(tag)
        if element is None or not element[1]:
            element = _FOR_WANT.get(tag) or _TYPE_2.get(tag)
        if element is not None:
            record[tag] = element
    return record


def _keys_of(record_type: str) -> Sequence[int]:
    return {
        "PATIENT": _PATIENT_KEYS,
        "STUDY": _STUDY_KEYS,
        "SERIES": _SERIES_KEYS,
        **_KEYS_OF_TYPE,
    }.get(record_type, (tags.CONTENT_DATE, tags.CONTENT_TIME, tags.INSTANCE_NUMBER))


def _in_order(records: Mapping[object, _Record]) -> Iterator[_Record]:
    for record in records.values():
        yield record
        yield from _in_order(record.lower)


def _link(records: Mapping[object, _Record]) -> None:
    beside = list(records.values())
    for record, following in zip_longest(beside, beside[1:]):
        record.attributes[_NEXT_OFFSET] = _offset(following.offset if following else 0)
        first = next(iter(record.lower.values()), None)
        record.attributes[_LOWER_OFFSET] = _offset(first.offset if first else 0)
        _link(record.lower)


def _offset(value: int) -> RawElement:
    return "UL", value.to_bytes(4, "little")


def _value(attributes: DataSet, tag: int) -> bytes:
    element = attributes.get(tag)
    return element[1] if element is not None and isinstance(element[1], bytes) else b""
