"""Patient ID and Other Patient IDs: read for the check of received images, changed on their way.

PS3.3 C.7.1.1, table 10-18. Items that are there stay; none is written twice.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import NamedTuple

from drimbox.errors import InvalidValue, MalformedMessage
from drimbox.model.patient import Ins, LocalPatientId
from drimbox.model.retrieval import InstanceStream
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.attributes import (
    Attributes,
    ascii_element,
    sequence,
    universal_entity,
)
from drimbox.standards.dicom.character_sets import encode_text
from drimbox.standards.dicom.data_set import (
    DataSet,
    DataSetReader,
    Encoding,
    Incomplete,
)
from drimbox.standards.dicom.element_stream import MAX_HELD, ElementStream, Remainder, WholeElement
from drimbox.standards.dicom.patient_module import ins_item, parse_identifier, parse_ins
from drimbox.standards.dicom.skimming import skim
from drimbox.standards.dicom.transfer_syntaxes import encoding_of

_HEAD_BYTES = 4096  # of a chunk of images, which come by the megabyte
FIRST_IDENTIFIER_TAG = tags.PATIENT_ID
LAST_IDENTIFIER_TAG = tags.OTHER_PATIENT_IDS_SEQUENCE
_SKIMMED_TAGS = frozenset(
    {
        tags.SPECIFIC_CHARACTER_SET,
        tags.SOP_INSTANCE_UID,
        tags.STUDY_INSTANCE_UID,
        tags.SERIES_INSTANCE_UID,
    }
)
_ISSUER_TAGS = (
    tags.ISSUER_OF_PATIENT_ID,
    tags.TYPE_OF_PATIENT_ID,
    tags.ISSUER_OF_PATIENT_ID_QUALIFIERS_SEQUENCE,
)


@dataclass(frozen=True, slots=True)
class PatientIdentifiers:
    """What one data set says of whose it is; ins from Patient ID or Other Patient IDs."""

    patient_id: LocalPatientId | None
    other_patient_ids: tuple[LocalPatientId, ...]
    ins: tuple[Ins, ...]

    def __repr__(self) -> str:
        return "PatientIdentifiers()"


def patient_identifiers(attributes: Attributes) -> PatientIdentifiers:
    """Read the identifiers of a data set (CO.68)."""
    others = attributes.items(tags.OTHER_PATIENT_IDS_SEQUENCE)
    found = (parse_ins(holder) for holder in (attributes, *others))
    identifiers = (parse_identifier(item) for item in others)
    return PatientIdentifiers(
        patient_id=parse_identifier(attributes),
        other_patient_ids=tuple(i for i in identifiers if i is not None),
        ins=tuple(dict.fromkeys(ins for ins in found if ins is not None)),
    )


@dataclass(frozen=True, slots=True)
class InstanceIdentity:
    """What the head of one data set says of whose it is and which it is; UIDs as written."""

    patient: PatientIdentifiers
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str


class IdentityReader:
    """Reads instance after instance: what the last one said in the same octets is not read anew."""

    def __init__(self) -> None:
        self._identifiers: DataSet = {}
        self._octets: tuple[bytes, bytes] | None = None
        self._patient = PatientIdentifiers(None, (), ())

    async def read(self, instance: InstanceStream) -> tuple[InstanceIdentity, InstanceStream]:
        """Read the identifiers at the head of an instance; returns it whole again.

        The data set must not be deflated.

        Raises:
            MalformedMessage: not a data set, or one whose identifiers are too far from its start.
        """
        encoding = encoding_of(instance.transfer_syntax_uid)
        first = await anext(instance.chunks, b"")
        head = _skim_head(first) if encoding is Encoding.EXPLICIT_LITTLE else None
        if head is not None and head.octets == self._octets:
            return self._identity(Attributes(head.uids)), with_chunks_again(instance, [first])
        held, read = await _read_head(first, instance.chunks, encoding)
        attributes = Attributes(held)
        identifiers = {
            tag: element
            for tag, element in held.items()
            if FIRST_IDENTIFIER_TAG <= tag <= LAST_IDENTIFIER_TAG
            or tag == tags.SPECIFIC_CHARACTER_SET
        }
        if identifiers != self._identifiers:
            self._identifiers, self._patient = identifiers, patient_identifiers(attributes)
        self._octets = head.octets if head is not None else None
        return self._identity(attributes), with_chunks_again(instance, read)

    def _identity(self, attributes: Attributes) -> InstanceIdentity:
        return InstanceIdentity(
            self._patient,
            attributes.text(tags.STUDY_INSTANCE_UID),
            attributes.text(tags.SERIES_INSTANCE_UID),
            attributes.text(tags.SOP_INSTANCE_UID),
        )


class _Head(NamedTuple):
    """What IdentityReader compares of a head, and what it takes from each."""

    octets: tuple[bytes, bytes]
    uids: DataSet


def _skim_head(first: bytes) -> _Head | None:
    """Find the identifiers where the first chunk holds them all; None where it has to be read."""
    offsets, values, offset = list[int](), dict[int, bytes](), 0
    for last_tag in (FIRST_IDENTIFIER_TAG - 1, LAST_IDENTIFIER_TAG, tags.SERIES_INSTANCE_UID):
        # All of them everywhere: hostile images say things twice, and the last word counts.
        skimmed = skim(first, last_tag, _SKIMMED_TAGS, offset)
        if skimmed is None or (offset and tags.SPECIFIC_CHARACTER_SET in skimmed.values):
            return None
        values |= skimmed.values
        offset = skimmed.end
        offsets.append(offset)
    character_set = values.pop(tags.SPECIFIC_CHARACTER_SET, b"")
    uids: DataSet = {tag: ("UI", value) for tag, value in values.items()}
    return _Head((first[offsets[0] : offsets[1]], character_set), uids)


def with_chunks_again(instance: InstanceStream, read: list[bytes]) -> InstanceStream:
    """Return an instance of which some chunks were read, whole again."""
    return instance.with_chunks(_again(read, instance.chunks))


async def _read_head(
    first: bytes, rest: AsyncIterator[bytes], encoding: Encoding
) -> tuple[DataSet, list[bytes]]:
    """Return the elements up to Series Instance UID, and the chunks that they were in."""
    if (whole := _whole_head(first, encoding)) is not None:
        return whole, [first]
    elements = ElementStream(encoding, last_tag=tags.SERIES_INSTANCE_UID)
    held: DataSet = {}
    read, size = [first], len(first)
    while not _read_elements(elements, read[-1], held):
        if size > MAX_HELD:
            raise MalformedMessage(f"no identifiers in the first {MAX_HELD} octets")
        chunk = await anext(rest, None)
        if chunk is None:
            break
        read.append(chunk)
        size += len(chunk)
    return held, read


def _whole_head(first: bytes, encoding: Encoding) -> DataSet | None:
    """Read all at once where the first chunk holds it, as nearly all do; None where it does not."""
    try:
        held, offset = DataSetReader(first, encoding).read_through(
            tags.SERIES_INSTANCE_UID, len(first)
        )
    except Incomplete:
        return None
    return held if offset < len(first) else None


def _read_elements(elements: ElementStream, chunk: bytes, held: DataSet) -> bool:
    """Read a chunk bit by bit into held; tell whether the last identifier is behind."""
    for start in range(0, len(chunk), _HEAD_BYTES):
        for event in elements.feed(chunk[start : start + _HEAD_BYTES]):
            if isinstance(event, WholeElement):
                held[event.tag] = event.element
            elif isinstance(event, Remainder):
                return True
    return False


async def _again(read: list[bytes], rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    for chunk in filter(None, read):
        yield chunk
    async for chunk in rest:
        yield chunk


def with_ins(held: DataSet, ins: Ins) -> DataSet:
    """Return the elements with the INS among Other Patient IDs (SO.39)."""
    items = _items(held)
    if any(parse_ins(Attributes(item)) == ins for item in items):
        return held
    return {**held, tags.OTHER_PATIENT_IDS_SEQUENCE: sequence([*items, ins_item(ins)])}


def with_local_patient_id(
    held: DataSet, local_patient_id: LocalPatientId, character_set: str
) -> DataSet:
    """Return the elements with another Patient ID, the former one among Other Patient IDs (CO.77).

    Raises:
        InvalidValue: the data set's character set lacks a character of the new identifier.
    """
    changed = {tag: e for tag, e in held.items() if tag not in {tags.PATIENT_ID, *_ISSUER_TAGS}}
    changed[tags.PATIENT_ID] = "LO", _encoded(local_patient_id.value, character_set)
    issuer = local_patient_id.issuer
    if issuer is not None and issuer.namespace_id:
        changed[tags.ISSUER_OF_PATIENT_ID] = "LO", _encoded(issuer.namespace_id, character_set)
    if issuer is not None and issuer.universal_id:
        changed[tags.ISSUER_OF_PATIENT_ID_QUALIFIERS_SEQUENCE] = sequence(
            [universal_entity(issuer.universal_id)]
        )
    former = {tag: held[tag] for tag in (tags.PATIENT_ID, *_ISSUER_TAGS) if tag in held}
    former_id = parse_identifier(Attributes(former))
    items = _items(held)
    kept = [parse_identifier(Attributes(item)) for item in items]
    if former_id is not None and former_id not in {local_patient_id, *kept}:
        former.setdefault(tags.TYPE_OF_PATIENT_ID, ascii_element("CS", "TEXT"))
        changed[tags.OTHER_PATIENT_IDS_SEQUENCE] = sequence([*items, former])
    return changed


def _items(held: DataSet) -> list[DataSet]:
    element = held.get(tags.OTHER_PATIENT_IDS_SEQUENCE)
    return element[1] if element is not None and isinstance(element[1], list) else []


def _encoded(text: str, character_set: str) -> bytes:
    encoded = encode_text(text, character_set)
    if encoded is None:
        raise InvalidValue(
            "local patient id", "characters of the image's Specific Character Set (PS3.3 C.12.1)"
        )
    return encoded
