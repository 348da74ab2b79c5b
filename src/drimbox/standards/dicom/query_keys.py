"""Identifiers of C-FIND, C-GET and C-MOVE, and a study as their answers tell it (PS3.4 C.6.2).

study keys ─┬─ series keys ─┬─ image keys        each level also carries the UIDs above it
"""

from collections.abc import Iterable, Mapping

from drimbox.errors import InvalidValue
from drimbox.model.patient import AssigningAuthority, LocalPatientId
from drimbox.model.retrieval import QueryLevel, TargetResource
from drimbox.model.study import (
    AccessionNumber,
    ImageSize,
    Instance,
    Series,
    Study,
    StudyPatient,
)
from drimbox.model.uids import (
    Oid,
    SeriesInstanceUid,
    SopClassUid,
    SopInstanceUid,
    StudyInstanceUid,
)
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.attributes import Attributes, ascii_element, sequence
from drimbox.standards.dicom.character_sets import encode_text, smallest_character_set
from drimbox.standards.dicom.data_set import DataSet, RawElement
from drimbox.standards.dicom.patient_module import parse_identifier
from drimbox.standards.dicom.value_representations import vr_of

LEVELS = (QueryLevel.STUDY, QueryLevel.SERIES, QueryLevel.IMAGE)
UNIQUE_KEYS = {
    QueryLevel.STUDY: tags.STUDY_INSTANCE_UID,
    QueryLevel.SERIES: tags.SERIES_INSTANCE_UID,
    QueryLevel.IMAGE: tags.SOP_INSTANCE_UID,
}

_ENTITY: DataSet = {
    tags.LOCAL_NAMESPACE_ENTITY_ID: ("UT", b""),
    tags.UNIVERSAL_ENTITY_ID: ("UT", b""),
    tags.UNIVERSAL_ENTITY_ID_TYPE: ("CS", b""),
}
_SEQUENCE_KEYS: dict[int, DataSet] = {
    tags.ISSUER_OF_ACCESSION_NUMBER_SEQUENCE: _ENTITY,
    tags.ISSUER_OF_PATIENT_ID_QUALIFIERS_SEQUENCE: _ENTITY,
    tags.OTHER_PATIENT_IDS_SEQUENCE: {
        tags.PATIENT_ID: ("LO", b""),
        tags.ISSUER_OF_PATIENT_ID: ("LO", b""),
        tags.TYPE_OF_PATIENT_ID: ("CS", b""),
        tags.ISSUER_OF_PATIENT_ID_QUALIFIERS_SEQUENCE: sequence([_ENTITY]),
    },
}

STUDY_KEYS = (
    tags.STUDY_DATE,
    tags.STUDY_TIME,
    tags.ACCESSION_NUMBER,
    tags.ISSUER_OF_ACCESSION_NUMBER_SEQUENCE,
    tags.REFERRING_PHYSICIAN_NAME,
    tags.STUDY_DESCRIPTION,
    tags.PATIENT_NAME,
    tags.PATIENT_ID,
    tags.ISSUER_OF_PATIENT_ID,
    tags.ISSUER_OF_PATIENT_ID_QUALIFIERS_SEQUENCE,
    tags.PATIENT_BIRTH_DATE,
    tags.PATIENT_SEX,
    tags.OTHER_PATIENT_IDS_SEQUENCE,
    tags.STUDY_INSTANCE_UID,
    tags.STUDY_ID,
)
SERIES_KEYS = (
    tags.MODALITY,
    tags.SERIES_DESCRIPTION,
    tags.SERIES_INSTANCE_UID,
    tags.SERIES_NUMBER,
)
IMAGE_KEYS = (
    tags.SOP_CLASS_UID,
    tags.SOP_INSTANCE_UID,
    tags.INSTANCE_NUMBER,
    tags.NUMBER_OF_FRAMES,
    tags.ROWS,
    tags.COLUMNS,
    tags.BITS_ALLOCATED,
)

# Attributes that live at series level, beyond those of SERIES_KEYS (PS3.4 table C.6-6, PS3.3).
_SERIES_TAGS = frozenset(
    {
        *SERIES_KEYS,
        tags.SERIES_DATE,
        tags.SERIES_TIME,
        tags.NUMBER_OF_SERIES_RELATED_INSTANCES,
        0x00081050,
        0x00081070,
        0x00081111,
        0x00180015,
        0x00181030,
        0x00185100,
        0x00200060,
        0x00400244,
        0x00400245,
        0x00400253,
        0x00400254,
        0x00400275,
    }
)
_STUDY_TAGS = frozenset(
    {
        *STUDY_KEYS,
        tags.MODALITIES_IN_STUDY,
        tags.SOP_CLASSES_IN_STUDY,
        tags.NUMBER_OF_STUDY_RELATED_SERIES,
        tags.NUMBER_OF_STUDY_RELATED_INSTANCES,
        0x00080201,
        0x00081032,
        0x00081048,
        0x00081060,
        0x00081080,
        0x00321060,
        0x0032000A,
    }
)


def level_of(tag: int, asked: QueryLevel) -> QueryLevel:
    """Return the level at which an attribute is a key; an unknown one belongs where it is asked."""
    if tag in _STUDY_TAGS or tag >> 16 == 0x0010:
        return QueryLevel.STUDY
    return QueryLevel.SERIES if tag in _SERIES_TAGS else asked


def encode_identifier(
    level: QueryLevel, matching: Mapping[int, str], returned: Iterable[int] = ()
) -> DataSet:
    """Build an identifier; returned attributes are universal matching keys.

    Raises:
        InvalidValue: a key that is a number in 16 bits has another value.
    """
    character_set = smallest_character_set(list(matching.values()))
    identifier: DataSet = {tag: _return_key(tag) for tag in returned}
    for tag, value in matching.items():
        identifier[tag] = _matching_key(_key_vr(tag), value, character_set)
    if not "".join(matching.values()).isascii():
        identifier[tags.SPECIFIC_CHARACTER_SET] = ascii_element("CS", character_set)
    identifier[tags.QUERY_RETRIEVE_LEVEL] = ascii_element("CS", level.value)
    return identifier


def _matching_key(vr: str, value: str, character_set: str) -> RawElement:
    if vr != "US" or not value:
        return vr, encode_text(value, character_set) or b""
    # A number, in the order of octets of every data set here (PS3.5 6.2, 7.3).
    try:
        return vr, int(value).to_bytes(2, "little")
    except (ValueError, OverflowError):
        raise InvalidValue("identifier", "0 to 65535 for an attribute of VR US") from None


def _return_key(tag: int) -> RawElement:
    item = _SEQUENCE_KEYS.get(tag)
    if item is not None:
        return sequence([item])
    vr = _key_vr(tag)
    return sequence([]) if vr == "SQ" else (vr, b"")


def _key_vr(tag: int) -> str:
    return vr_of(tag).split(" ")[0]


def retrieve_identifier(target: TargetResource) -> DataSet:
    """Build the identifier of a C-GET or C-MOVE."""
    level = QueryLevel.STUDY
    matching = {tags.STUDY_INSTANCE_UID: str(target.study_instance_uid)}
    if target.series_instance_uid is not None:
        level = QueryLevel.SERIES
        matching[tags.SERIES_INSTANCE_UID] = target.series_instance_uid
    if target.sop_instance_uid is not None:
        level = QueryLevel.IMAGE
        matching[tags.SOP_INSTANCE_UID] = target.sop_instance_uid
    return encode_identifier(level, matching)


def parse_instance(answer: Attributes) -> Instance | None:
    """Read one answer at IMAGE level; None where its UIDs are missing or wrong."""
    try:
        return Instance(
            sop_instance_uid=SopInstanceUid(answer.text(tags.SOP_INSTANCE_UID)),
            sop_class_uid=SopClassUid(answer.text(tags.SOP_CLASS_UID)),
            instance_number=answer.integer(tags.INSTANCE_NUMBER),
            number_of_frames=answer.integer(tags.NUMBER_OF_FRAMES),
            image_size=_parse_image_size(answer),
        )
    except InvalidValue:
        return None


def _parse_image_size(answer: Attributes) -> ImageSize | None:
    rows, columns = answer.unsigned(tags.ROWS), answer.unsigned(tags.COLUMNS)
    bits = answer.unsigned(tags.BITS_ALLOCATED)
    return ImageSize(rows, columns, bits) if rows and columns and bits else None


def parse_series(answer: Attributes, instances: Iterable[Instance]) -> Series:
    """Read one answer at SERIES level.

    Raises:
        InvalidValue: no Series Instance UID.
    """
    return Series(
        series_instance_uid=SeriesInstanceUid(answer.text(tags.SERIES_INSTANCE_UID)),
        modality=answer.text(tags.MODALITY),
        instances=tuple(instances),
        series_number=answer.integer(tags.SERIES_NUMBER),
        series_description=answer.text(tags.SERIES_DESCRIPTION),
    )


def parse_study(
    answer: Attributes, series: Iterable[Series], *, default_issuer: str | None = None
) -> Study:
    """Read one answer at STUDY level.

    default_issuer names who gives the Patient IDs of a PACS that does not say so: an OID or a name.

    Raises:
        InvalidValue: no Study Instance UID.
    """
    return Study(
        study_instance_uid=StudyInstanceUid(answer.text(tags.STUDY_INSTANCE_UID)),
        patient=_parse_patient(answer, default_issuer),
        accession_number=_parse_accession_number(answer),
        series=tuple(series),
        study_date=answer.date(tags.STUDY_DATE),
        study_time=answer.time(tags.STUDY_TIME),
        study_description=answer.text(tags.STUDY_DESCRIPTION),
        study_id=answer.text(tags.STUDY_ID),
        referring_physician_name=answer.person_name(tags.REFERRING_PHYSICIAN_NAME),
    )


def _parse_patient(answer: Attributes, default_issuer: str | None) -> StudyPatient:
    patient_id = parse_identifier(answer)
    if patient_id is not None and patient_id.issuer is None and default_issuer:
        patient_id = LocalPatientId(patient_id.value, _authority(default_issuer))
    others = (parse_identifier(i) for i in answer.items(tags.OTHER_PATIENT_IDS_SEQUENCE))
    return StudyPatient(
        patient_id=patient_id,
        patient_name=answer.person_name(tags.PATIENT_NAME),
        birth_date=answer.text(tags.PATIENT_BIRTH_DATE),
        sex=answer.text(tags.PATIENT_SEX),
        other_patient_ids=tuple(i for i in others if i is not None),
    )


def _authority(text: str) -> AssigningAuthority:
    try:
        return AssigningAuthority(universal_id=Oid(text))
    except InvalidValue:
        return AssigningAuthority(namespace_id=text)


def _parse_accession_number(answer: Attributes) -> AccessionNumber | None:
    value = answer.text(tags.ACCESSION_NUMBER)
    issuer = answer.first_item(tags.ISSUER_OF_ACCESSION_NUMBER_SEQUENCE)
    return AccessionNumber(value, issuer.oid(tags.UNIVERSAL_ENTITY_ID)) if value else None
