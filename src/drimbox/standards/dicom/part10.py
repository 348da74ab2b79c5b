"""The DICOM file format: preamble, prefix, file meta information (PS3.10 section 7.1).

| preamble 128 | DICM | group 0002, always explicit VR little endian | data set |
"""

from dataclasses import dataclass
from functools import lru_cache

from drimbox.errors import InvalidValue, MalformedMessage
from drimbox.model.uids import SopClassUid, SopInstanceUid, TransferSyntaxUid
from drimbox.standards.dicom.data_set import DataSetReader, Encoding
from drimbox.standards.dicom.data_set_encoding import encode_element
from drimbox.standards.dicom.inflation import BoundedInflater
from drimbox.standards.dicom.transfer_syntaxes import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN

IMPLEMENTATION_CLASS_UID = "2.25.304919548551596526164372560018698565835"
"""Ours: a UUID under 2.25 (PS3.5 B.2), drawn once."""

IMPLEMENTATION_VERSION_NAME = "DRIMBOX_0_1"
PREFIX_OFFSET = 128
MAX_INFLATED_BYTES = 64 * 1024 * 1024
_MAX_META_BYTES = 64 * 1024
# Made once: every instance that leaves has them.
_VERSION = encode_element(0x00020001, ("OB", b"\0\1"))
_IMPLEMENTATION = encode_element(
    0x00020012, ("UI", IMPLEMENTATION_CLASS_UID.encode("ascii"))
) + encode_element(0x00020013, ("SH", IMPLEMENTATION_VERSION_NAME.encode("ascii")))


@dataclass(frozen=True, slots=True)
class FileMeta:
    """Group 2 of a file; data_set_offset is where its data set begins."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: TransferSyntaxUid
    data_set_offset: int


def encode_file_meta(
    sop_class_uid: SopClassUid,
    sop_instance_uid: SopInstanceUid,
    transfer_syntax_uid: TransferSyntaxUid,
) -> bytes:
    """Return all that stands before the data set; the preamble is zero (CVE-2019-11687)."""
    octets = b"".join(
        (
            _VERSION,
            _common_uid(0x00020002, sop_class_uid),
            encode_element(0x00020003, ("UI", sop_instance_uid.encode("ascii"))),
            _common_uid(0x00020010, transfer_syntax_uid),
            _IMPLEMENTATION,
        )
    )
    length = encode_element(0x00020000, ("UL", len(octets).to_bytes(4, "little")))
    return b"\0" * PREFIX_OFFSET + b"DICM" + length + octets


@lru_cache(maxsize=256)
def _common_uid(tag: int, uid: str) -> bytes:
    """Write what the images of a series have in common."""
    return encode_element(tag, ("UI", uid.encode("ascii")))


def parse_file_meta(octets: bytes | memoryview) -> FileMeta:
    """Read the header of a file; only its first 64 KiB are looked at.

    Raises:
        MalformedMessage: no prefix, or no readable group 2.
    """
    if bytes(octets[PREFIX_OFFSET : PREFIX_OFFSET + 4]) != b"DICM":
        raise MalformedMessage("no DICM prefix (PS3.10 7.1)")
    limit = min(len(octets), _MAX_META_BYTES)
    reader = DataSetReader(octets, Encoding.EXPLICIT_LITTLE)
    offset, values = PREFIX_OFFSET + 4, {}
    while offset < limit:
        if octets[offset : offset + 2] != b"\x02\x00":
            break
        header = reader.read_header(offset, limit)
        (_, value), offset = reader.read_element(header, limit, {})
        values[header.tag] = value if isinstance(value, bytes) else b""
    try:
        syntax = TransferSyntaxUid(_uid_text(values.get(0x00020010, b"")))
    except InvalidValue as error:
        raise MalformedMessage("no Transfer Syntax UID", where="(0002,0010)") from error
    return FileMeta(
        _uid_text(values.get(0x00020002, b"")),
        _uid_text(values.get(0x00020003, b"")),
        syntax,
        offset,
    )


def _uid_text(raw: bytes) -> str:
    return raw.decode("latin-1").rstrip("\0 ")


def data_set_octets(octets: bytes, meta: FileMeta) -> bytes:
    """Return the data set of a file, inflated where it is deflated.

    Raises:
        MalformedMessage: a deflated data set that is broken, or over MAX_INFLATED_BYTES.
    """
    content = octets[meta.data_set_offset :]
    if meta.transfer_syntax_uid != DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        return content
    inflated, size = [], 0
    for piece in BoundedInflater().feed(content):
        inflated.append(piece)
        size += len(piece)
        if size > MAX_INFLATED_BYTES:
            raise MalformedMessage(f"it inflates to more than {MAX_INFLATED_BYTES} octets")
    return b"".join(inflated)
