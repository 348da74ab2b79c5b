"""Metadata of many instances alike, one line of JSON each.

What two slices of a series say in the same octets is converted once: a series of 300 takes a
quarter of the time of standards/dicom/metadata, whose words these are. Whatever is not plain
Explicit VR Little Endian is left to it.
"""

import struct
from dataclasses import dataclass, field

import orjson

from drimbox.errors import MalformedMessage
from drimbox.model.uids import TransferSyntaxUid
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.data_set import (
    PIXEL_DATA_TAGS,
    UNDEFINED_LENGTH,
    DataSet,
    DataSetReader,
    ElementHeader,
    Encoding,
    Incomplete,
)
from drimbox.standards.dicom.dicom_json import BulkDataUri, encode_dicom_json
from drimbox.standards.dicom.element_stream import LARGE
from drimbox.standards.dicom.frame_index import FRAME_TAGS
from drimbox.standards.dicom.value_representations import LONG_VRS

MAX_REMEMBERED = 20_000
_LONGEST_REMEMBERED = 4096
_HEADER = struct.Struct("<HH2sH")
_LENGTH = struct.Struct("<I")
_LONG = frozenset(vr.encode("ascii") for vr in LONG_VRS)
_NOTED = FRAME_TAGS | {tags.SPECIFIC_CHARACTER_SET}
_AVAILABLE_TRANSFER_SYNTAX = 0x00083002
_LONGEST_HEADER = 12


@dataclass(slots=True)
class InstanceHead:
    """What stands before the pixels of an instance.

    row is its metadata, a JSON object; frame_facts the elements that tell its frames apart; pixels
    the header of its pixel data (offsets from the data set's beginning), None where it has none.
    """

    row: bytes = b""
    frame_facts: DataSet = field(default_factory=dict)
    pixels: ElementHeader | None = None


class MetadataRows:
    """Converts the instances of one series, one after the other."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, bytes], bytes] = {}
        self._character_set = b""

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
        while (offset := self._pass_known(octets, offset, parts, syntax)) < len(octets):
            header = _read_header(octets, offset)
            if header.tag in PIXEL_DATA_TAGS:
                head.pixels = header
                parts.append(_bulk(header, bulk_data_uri))
                break
            if syntax and header.tag > _AVAILABLE_TRANSFER_SYNTAX:
                parts.append(syntax)
                syntax = b""
            stop = _end_of(octets, header)
            if header.tag in FRAME_TAGS:
                head.frame_facts[header.tag] = (header.vr, octets[header.value_offset : stop])
            creator = self._note(octets[header.value_offset : stop], header, creators)
            parts.append(self._part(octets[offset:stop], header, creator, bulk_data_uri))
            offset = stop
        head.row = b"{" + b",".join([*parts, syntax] if syntax else parts) + b"}"
        return head

    def _pass_known(self, octets: bytes, offset: int, parts: list[bytes], syntax: bytes) -> int:
        """Take plain elements that were said before in these octets; return where another stands.

        Most of a slice are such elements, and this loop is a third of the work of the general one.
        """
        # Up to where the syntax, if it is still due, has its place.
        last_tag = _AVAILABLE_TRANSFER_SYNTAX if syntax else 0xFFFFFFFF
        last_offset = len(octets) - _LONGEST_HEADER
        while offset <= last_offset:
            group, element, letters, length = _HEADER.unpack_from(octets, offset)
            tag, stop = group << 16 | element, offset + 8 + length
            if group & 1 or tag > last_tag or letters in _LONG or tag in _NOTED:
                break
            known = self._known.get((octets[offset:stop], b""))
            if known is None:
                break
            parts.append(known)
            offset = stop
        return offset

    def _note(self, value: bytes, header: ElementHeader, creators: dict[int, bytes]) -> bytes:
        """Keep what changes how later elements read; return the creator of a private one."""
        tag = header.tag
        if tag == tags.SPECIFIC_CHARACTER_SET and value != self._character_set:
            self._character_set = value
            self._known.clear()
        if not tag >> 16 & 1:
            return b""
        if 0x10 <= tag & 0xFFFF <= 0xFF:
            creators[tag] = value
            return b""
        return creators.get((tag & 0xFFFF0000) | (tag >> 8 & 0xFF), b"")

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
        data_set: DataSet = {}
        if self._character_set and header.tag != tags.SPECIFIC_CHARACTER_SET:
            data_set[tags.SPECIFIC_CHARACTER_SET] = ("CS", self._character_set)
        if creator:
            data_set[(header.tag & 0xFFFF0000) | (header.tag >> 8 & 0xFF)] = ("LO", creator)
        data_set |= DataSetReader(octets, Encoding.EXPLICIT_LITTLE).read(0, len(octets))
        name = f"{header.tag:08X}"
        return orjson.dumps({name: encode_dicom_json(data_set, bulk_data_uri=uri)[name]})[1:-1]

    def _available(self, transfer_syntax_uid: TransferSyntaxUid) -> bytes:
        """Return Available Transfer Syntax UID (0008,3002), which tells viewers what to ask for."""
        value = {"vr": "UI", "Value": [transfer_syntax_uid]}
        return orjson.dumps({f"{_AVAILABLE_TRANSFER_SYNTAX:08X}": value})[1:-1]


def _read_header(octets: bytes, offset: int) -> ElementHeader:
    if offset + _LONGEST_HEADER > len(octets):
        return DataSetReader(octets, Encoding.EXPLICIT_LITTLE).read_header(offset, len(octets))
    group, element, letters, length = _HEADER.unpack_from(octets, offset)
    if group == 0xFFFE or not letters.isalpha() or not letters.isupper():
        raise MalformedMessage("not an element of Explicit VR (PS3.5 7.1.2)")
    tag, vr = group << 16 | element, letters.decode("ascii")
    if letters not in _LONG:
        return ElementHeader(tag, vr, length, offset + 8)
    (length,) = _LENGTH.unpack_from(octets, offset + 8)
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
