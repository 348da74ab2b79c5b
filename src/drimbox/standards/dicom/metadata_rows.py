"""Metadata of many instances alike, one line of JSON each.

What two slices of a series say in the same octets is converted once: a series of 300 takes a
quarter of the time of standards/dicom/metadata, whose words these are. Whatever is not plain
Explicit VR Little Endian is left to it.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import orjson

from drimbox.errors import MalformedMessage
from drimbox.model.uids import TransferSyntaxUid
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.character_sets import character_set_term, decoder_of
from drimbox.standards.dicom.data_set import (
    PIXEL_DATA_TAGS,
    UNDEFINED_LENGTH,
    DataSet,
    DataSetReader,
    ElementHeader,
    Encoding,
    Incomplete,
)
from drimbox.standards.dicom.dicom_json import (
    BulkDataUri,
    encode_dicom_json,
    encode_value,
    is_group_length,
)
from drimbox.standards.dicom.element_stream import LARGE
from drimbox.standards.dicom.frame_index import FRAME_TAGS
from drimbox.standards.dicom.skimming import HEADER, LONG_LENGTH, LONGEST_HEADER, skim
from drimbox.standards.dicom.value_representations import LONG_VR_LETTERS

MAX_REMEMBERED = 20_000
MAX_RUNS = 64
_LEAST_TOGETHER = 3
_LONGEST_REMEMBERED = 4096
_LAST_TAG = 0xFFFFFFFF
_AVAILABLE_TRANSFER_SYNTAX = 0x00083002
_CHARACTER_SET = frozenset({tags.SPECIFIC_CHARACTER_SET})


@dataclass(slots=True)
class InstanceHead:
    """What stands before the pixels of an instance.

    row is its metadata, a JSON object; frame_facts the elements that tell its frames apart; pixels
    the header of its pixel data (offsets from the data set's beginning), None where it has none.
    """

    row: bytes = b""
    frame_facts: DataSet = field(default_factory=dict)
    pixels: ElementHeader | None = None


class _Run(NamedTuple):
    """Elements that stood together, none behind last_tag, and the part of a row that they make."""

    octets: bytes
    last_tag: int
    part: bytes
    frame_facts: DataSet


class MetadataRows:
    """Converts the instances of one series, one after the other."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, bytes], bytes] = {}
        # By the header of their first element.
        self._runs: dict[bytes, _Run] = {}
        self._character_set = b""
        self._decode = decoder_of("")

    def read(
        self, octets: bytes, transfer_syntax_uid: TransferSyntaxUid, bulk_data_uri: BulkDataUri
    ) -> InstanceHead:
        """Read a data set in Explicit VR Little Endian from its beginning.

        Raises:
            Incomplete: octets end before the pixels; more of them, or all, may do.
            MalformedMessage: not such a data set.
        """
        head, parts, offset = InstanceHead(), list[bytes](), 0
        syntax = self._available(transfer_syntax_uid)
        creators: dict[int, bytes] = {}
        self._use(_character_set_of(octets))
        last_tag = _AVAILABLE_TRANSFER_SYNTAX
        while (offset := self._pass_known(octets, offset, last_tag, parts, head)) < len(octets):
            header = _read_header(octets, offset)
            if header.tag in PIXEL_DATA_TAGS:
                head.pixels = header
                parts.append(_bulk(header, bulk_data_uri))
                break
            if syntax and header.tag > _AVAILABLE_TRANSFER_SYNTAX:
                parts.append(syntax)
                syntax, last_tag = b"", _LAST_TAG
            stop = _end_of(octets, header)
            if header.tag in FRAME_TAGS:
                head.frame_facts[header.tag] = (header.vr, octets[header.value_offset : stop])
            if is_group_length(header.tag):
                offset = stop
                continue
            creator = self._note(octets[header.value_offset : stop], header, creators)
            parts.append(self._part(octets[offset:stop], header, creator, bulk_data_uri))
            offset = stop
        head.row = b"{" + b",".join([*parts, syntax] if syntax else parts) + b"}"
        return head

    def _pass_known(
        self, octets: bytes, start: int, last_tag: int, parts: list[bytes], head: InstanceHead
    ) -> int:
        """Take elements up to last_tag that were said before; return where another stands.

        Most of a slice are such elements, and most of those stand together as they did before.
        """
        run = self._runs.get(octets[start : start + 8])
        if run is not None and run.last_tag <= last_tag and octets.startswith(run.octets, start):
            parts.append(run.part)
            head.frame_facts |= run.frame_facts
            start += len(run.octets)
        found, frame_facts, offset = list[bytes](), DataSet(), start
        while offset <= len(octets) - LONGEST_HEADER:
            group, element, letters, length = HEADER.unpack_from(octets, offset)
            tag, value = group << 16 | element, offset + 8
            if letters in LONG_VR_LETTERS:
                # Of a length that is not told, or of pixels, nothing is known.
                (length,) = LONG_LENGTH.unpack_from(octets, value)
                value += 4
            known = self._known.get((octets[offset : value + length], b""))
            if known is None or group & 1 or tag > last_tag:
                break
            if tag in FRAME_TAGS:
                frame_facts[tag] = (letters.decode("ascii"), octets[value : value + length])
            found.append(known)
            offset = value + length
        if len(found) >= _LEAST_TOGETHER and (run is not None or len(self._runs) < MAX_RUNS):
            joined = _Run(octets[start:offset], last_tag, b",".join(found), frame_facts)
            self._runs[octets[start : start + 8]] = joined
        parts += found
        head.frame_facts |= frame_facts
        return offset

    def _note(self, value: bytes, header: ElementHeader, creators: dict[int, bytes]) -> bytes:
        """Keep what changes how later elements read; return the creator of a private one."""
        tag = header.tag
        if tag == tags.SPECIFIC_CHARACTER_SET:
            self._use(value)
        if not tag >> 16 & 1:
            return b""
        if 0x10 <= tag & 0xFFFF <= 0xFF:
            creators[tag] = value
            return b""
        return creators.get((tag & 0xFFFF0000) | (tag >> 8 & 0xFF), b"")

    def _use(self, character_set: bytes) -> None:
        """Read texts in it from here on: what was said in another one is not known any more."""
        if character_set != self._character_set:
            self._character_set = character_set
            self._decode = decoder_of(character_set_term(character_set))
            self._known.clear()
            self._runs.clear()

    def _part(
        self, octets: bytes, header: ElementHeader, creator: bytes, bulk_data_uri: BulkDataUri
    ) -> bytes:
        """Return one attribute, `"ggggeeee":{...}`."""
        key = octets, creator
        known = self._known.get(key)
        if known is not None:
            return known
        if header.length > LARGE and header.vr != "SQ" and header.length != UNDEFINED_LENGTH:
            return _bulk(header, bulk_data_uri)
        has_uri = False

        def uri(path: str) -> str:
            nonlocal has_uri
            has_uri = True
            return bulk_data_uri(path)

        part = self._convert(octets, header, creator, uri)
        if not has_uri and len(octets) <= _LONGEST_REMEMBERED and len(self._known) < MAX_REMEMBERED:
            self._known[key] = part
        return part

    def _convert(
        self, octets: bytes, header: ElementHeader, creator: bytes, uri: BulkDataUri
    ) -> bytes:
        name = f"{header.tag:08X}"
        told = None
        if not header.tag >> 16 & 1 and header.length != UNDEFINED_LENGTH:
            told = encode_value(
                header.vr, octets[-header.length :] if header.length else b"", self._decode
            )
        if told is not None:
            return orjson.dumps({name: told})[1:-1]
        data_set: DataSet = {}
        if self._character_set and header.tag != tags.SPECIFIC_CHARACTER_SET:
            data_set[tags.SPECIFIC_CHARACTER_SET] = ("CS", self._character_set)
        if creator:
            data_set[(header.tag & 0xFFFF0000) | (header.tag >> 8 & 0xFF)] = ("LO", creator)
        data_set |= DataSetReader(octets, Encoding.EXPLICIT_LITTLE).read(0, len(octets))
        return orjson.dumps({name: encode_dicom_json(data_set, bulk_data_uri=uri)[name]})[1:-1]

    def _available(self, transfer_syntax_uid: TransferSyntaxUid) -> bytes:
        """Return Available Transfer Syntax UID (0008,3002), which tells viewers what to ask for."""
        value = {"vr": "UI", "Value": [transfer_syntax_uid]}
        return orjson.dumps({f"{_AVAILABLE_TRANSFER_SYNTAX:08X}": value})[1:-1]


def _character_set_of(octets: bytes) -> bytes:
    """Return the value of Specific Character Set, which stands near the beginning if anywhere."""
    skimmed = skim(octets, tags.SPECIFIC_CHARACTER_SET, _CHARACTER_SET)
    return b"" if skimmed is None else skimmed.values.get(tags.SPECIFIC_CHARACTER_SET, b"")


def _read_header(octets: bytes, offset: int) -> ElementHeader:
    if offset + LONGEST_HEADER > len(octets):
        return DataSetReader(octets, Encoding.EXPLICIT_LITTLE).read_header(offset, len(octets))
    group, element, letters, length = HEADER.unpack_from(octets, offset)
    if group == 0xFFFE or not letters.isalpha() or not letters.isupper():
        raise MalformedMessage("not an element of Explicit VR (PS3.5 7.1.2)")
    tag, vr = group << 16 | element, letters.decode("ascii")
    if letters not in LONG_VR_LETTERS:
        return ElementHeader(tag, vr, length, offset + 8)
    (length,) = LONG_LENGTH.unpack_from(octets, offset + 8)
    return ElementHeader(tag, vr, length, offset + 12)


def _end_of(octets: bytes, header: ElementHeader) -> int:
    if header.length == UNDEFINED_LENGTH:
        reader = DataSetReader(octets, Encoding.EXPLICIT_LITTLE)
        return reader.read_element(header, len(octets), {})[1]
    stop = header.value_offset + header.length
    if stop > len(octets):
        raise Incomplete
    return stop


def _bulk(header: ElementHeader, bulk_data_uri: BulkDataUri) -> bytes:
    name = f"{header.tag:08X}"
    return orjson.dumps({name: {"vr": header.vr, "BulkDataURI": bulk_data_uri(name)}})[1:-1]
