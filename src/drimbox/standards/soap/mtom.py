"""MTOM/XOP: a SOAP message whose binary parts travel beside it, byte for byte.

XOP 1.0, MTOM, RFC 2387 (multipart/related), RFC 2392 (cid), ITI TF-2 V.8.

    Content-Type: multipart/related; boundary="B"; type="application/xop+xml"; start="<root>"; ...

    --B CRLF headers CRLF CRLF  <s:Envelope>...<xop:Include href="cid:X"/>...  CRLF
    --B CRLF headers CRLF CRLF  (octets of X)                                  CRLF
    --B-- CRLF

Written in one strict form; read in every form met in the field: quoted boundaries, folded headers,
LF alone, preamble, padding behind boundaries, base64 parts, URL-encoded cid, inline base64.
"""

import base64
import binascii
import quopri
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from urllib.parse import quote, unquote

from lxml import etree

from drimbox.errors import MalformedMessage, TooLarge, UnsupportedMessage

XOP = "http://www.w3.org/2004/08/xop/include"
SOAP_MEDIA_TYPE = "application/soap+xml"
XOP_MEDIA_TYPE = "application/xop+xml"
ROOT_CONTENT_ID = "root@drimbox"

MAX_PARTS = 1024
MAX_PART_HEADER_BYTES = 8 * 1024
MAX_PART_HEADERS = 16

_MAX_PADDING = 80
_PLAIN_MEDIA_TYPES = frozenset({SOAP_MEDIA_TYPE, "text/xml", "application/xml"})
_IDENTITY_ENCODINGS = frozenset({"", "binary", "8bit", "7bit"})


@dataclass(frozen=True, slots=True)
class Attachment:
    """One part beside the envelope; content_id has no angle brackets."""

    content_id: str
    media_type: str
    content: bytes

    def __repr__(self) -> str:
        return f"Attachment({self.content_id}, {len(self.content)} octets)"


@dataclass(frozen=True, slots=True)
class PackagedMessage:
    """A message as it stands in an HTTP body, with the Content-Type that goes with it."""

    content_type: str
    body: bytes

    def __repr__(self) -> str:
        return f"PackagedMessage({len(self.body)} octets)"


@dataclass(frozen=True, slots=True)
class UnpackedMessage:
    """The envelope's octets, and the other parts by Content-ID without angle brackets."""

    root: bytes
    parts: Mapping[str, bytes] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"UnpackedMessage({len(self.root)} octets, {len(self.parts)} parts)"


def encode_simple(envelope: bytes) -> PackagedMessage:
    """Package an envelope by itself (SIMPLE SOAP)."""
    return PackagedMessage(f"{SOAP_MEDIA_TYPE}; charset=UTF-8", envelope)


def encode_mtom(
    envelope: bytes, attachments: Sequence[Attachment], *, boundary_seed: str
) -> PackagedMessage:
    """Package an envelope and its attachments; without any it is still multipart (V.8.1).

    boundary_seed is a fresh identifier of token characters; the boundary made of it occurs nowhere
    in the contents.
    """
    contents = [envelope, *(attachment.content for attachment in attachments)]
    boundary = _free_boundary(boundary_seed, contents)
    root_type = f'{XOP_MEDIA_TYPE}; charset=UTF-8; type="{SOAP_MEDIA_TYPE}"'
    pieces = [_part_head(boundary, root_type, ROOT_CONTENT_ID), envelope]
    for attachment in attachments:
        head = _part_head(boundary, attachment.media_type, attachment.content_id)
        pieces += [b"\r\n", head, attachment.content]
    pieces.append(f"\r\n--{boundary}--\r\n".encode())
    content_type = (
        f'multipart/related; boundary="{boundary}"; type="{XOP_MEDIA_TYPE}"; '
        f'start="<{ROOT_CONTENT_ID}>"; start-info="{SOAP_MEDIA_TYPE}"'
    )
    return PackagedMessage(content_type, b"".join(pieces))


def add_include(parent: etree._Element, content_id: str) -> None:
    """Put the reference to an attachment where its base64 would stand."""
    href = f"cid:{quote(content_id, safe='@')}"
    etree.SubElement(parent, f"{{{XOP}}}Include", {"href": href}, nsmap={"xop": XOP})


def parse_message(content_type: str, body: bytes) -> UnpackedMessage:
    """Read a SOAP message, packaged as MTOM or simple.

    Raises:
        UnsupportedMessage: neither multipart/related nor XML.
        MalformedMessage: parts that do not hold together.
        TooLarge: more parts, or longer part headers, than allowed.
    """
    header = Message()
    header["Content-Type"] = " ".join(content_type.split())
    media_type = header.get_content_type()
    if media_type in _PLAIN_MEDIA_TYPES:
        return UnpackedMessage(body.strip())
    if media_type != "multipart/related":
        raise UnsupportedMessage("multipart/related or application/soap+xml", where="Content-Type")
    boundary = header.get_boundary()
    if not boundary:
        raise MalformedMessage("no boundary", where="Content-Type")
    parts = [
        _parse_part(octets) for octets in _split(body, boundary.encode("utf-8", "surrogateescape"))
    ]
    if not parts:
        raise MalformedMessage("no part", where="multipart/related")
    start = header.get_param("start")
    root_index = _find_root(parts, _strip_brackets(start) if isinstance(start, str) else "")
    return UnpackedMessage(parts[root_index][1].strip(), _by_content_id(parts, root_index))


def read_binary(element: etree._Element, parts: Mapping[str, bytes]) -> bytes:
    """Return the octets of an xs:base64Binary element: an xop:Include, or inline.

    Raises:
        MalformedMessage: a cid without its part, or text that is not base64.
    """
    include = element.find(f"{{{XOP}}}Include")
    if include is None:
        return _decode_base64((element.text or "").encode())
    href = include.get("href", "")
    scheme, _, content_id = href.partition(":")
    if scheme.lower() != "cid":
        raise MalformedMessage("cid:...", where="xop:Include/@href")
    for candidate in (content_id, unquote(content_id)):
        if candidate in parts:
            return parts[candidate]
    raise MalformedMessage("no part has this Content-ID", where="xop:Include/@href")


def _free_boundary(seed: str, contents: Sequence[bytes]) -> str:
    attempt = 0
    while True:
        boundary = f"drimbox_{seed}_{attempt}"
        if not any(boundary.encode() in content for content in contents):
            return boundary
        attempt += 1


def _part_head(boundary: str, media_type: str, content_id: str) -> bytes:
    return (
        f"--{boundary}\r\n"
        f"Content-Type: {media_type}\r\n"
        "Content-Transfer-Encoding: binary\r\n"
        f"Content-ID: <{content_id}>\r\n\r\n"
    ).encode()


def _split(body: bytes, boundary: bytes) -> Iterator[bytes]:
    """Yield each part, headers and content, without the line end that belongs to a boundary."""
    begin: int | None = None
    count = 0
    for line_end_before, end, is_last in _delimiters(body, b"--" + boundary):
        if begin is not None:
            count += 1
            if count > MAX_PARTS:
                raise TooLarge(f"multipart/related: more than {MAX_PARTS} parts")
            yield body[begin : max(begin, line_end_before)]
        if is_last:
            return
        begin = end
    raise MalformedMessage("the closing boundary is missing", where="multipart/related")


def _delimiters(body: bytes, delimiter: bytes) -> Iterator[tuple[int, int, bool]]:
    """Yield where the line end before a boundary begins, where its line ends, and if it closes.

    The first boundary's own line end tells which one this message uses: a CR before a bare LF
    belongs to the content where lines end with LF.
    """
    newline: bytes | None = None
    position = body.find(delimiter)
    while position >= 0:
        after = position + len(delimiter)
        line_feed = body.find(b"\n", after)
        end = len(body) if line_feed < 0 else line_feed + 1
        # RFC 2046 5.1.1: blanks may pad the line of a boundary; saved messages are indented too.
        rest = body[after : min(end, after + _MAX_PADDING)].strip(b" \t\r\n")
        start = _line_start(body, position)
        if rest in {b"", b"--"} and start is not None:
            newline = newline or (b"\r\n" if body.endswith(b"\r\n", 0, end) else b"\n")
            has_newline = body.endswith(newline, 0, start)
            yield start - (len(newline) if has_newline else 1), end, rest == b"--"
        position = body.find(delimiter, after)


def _line_start(body: bytes, position: int) -> int | None:
    """Return where the line begins that has nothing but blanks before position."""
    blanks = body[max(0, position - _MAX_PADDING) : position]
    start = position - (len(blanks) - len(blanks.rstrip(b" \t")))
    return start if start == 0 or body[start - 1 : start] == b"\n" else None


def _parse_part(octets: bytes) -> tuple[str, bytes]:
    """Return the Content-ID without brackets, and the content decoded."""
    head, content = _cut_head(octets)
    headers = _parse_headers(head)
    encoding = headers.get("content-transfer-encoding", "").strip().lower()
    if encoding == "base64":
        content = _decode_base64(content)
    elif encoding == "quoted-printable":
        content = quopri.decodestring(content)
    elif encoding not in _IDENTITY_ENCODINGS:
        raise UnsupportedMessage("unknown value", where="Content-Transfer-Encoding")
    return _strip_brackets(headers.get("content-id", "")), content


def _cut_head(octets: bytes) -> tuple[bytes, bytes]:
    """Cut at the first empty line, which may hold blanks; there may be no header at all."""
    position = 0
    while True:
        end = octets.find(b"\n", position, MAX_PART_HEADER_BYTES)
        if end < 0:
            if len(octets) > MAX_PART_HEADER_BYTES:
                raise TooLarge(f"part header: at most {MAX_PART_HEADER_BYTES} octets")
            raise MalformedMessage("no empty line after the headers", where="part")
        if not octets[position:end].strip():
            return octets[:position], octets[end + 1 :]
        position = end + 1


def _parse_headers(head: bytes) -> dict[str, str]:
    """Return the fields by lower-case name, unfolded; a head that is indented is dedented."""
    lines: list[str] = []
    for line in textwrap.dedent(head.decode("utf-8", "surrogateescape")).splitlines():
        if line[:1] in {" ", "\t"} and lines:
            lines[-1] += " " + line.strip()
        else:
            lines.append(line)
    if len(lines) > MAX_PART_HEADERS:
        raise TooLarge(f"part header: at most {MAX_PART_HEADERS} fields")
    fields = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in fields}


def _find_root(parts: Sequence[tuple[str, bytes]], start: str) -> int:
    """Return the index of the part named by start, else of the first (RFC 2387 3.2)."""
    for index, (content_id, _) in enumerate(parts):
        if start and start in {content_id, unquote(content_id)}:
            return index
    return 0


def _by_content_id(parts: Sequence[tuple[str, bytes]], root_index: int) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for index, (content_id, content) in enumerate(parts):
        if index == root_index:
            continue
        if content_id in found:
            raise MalformedMessage("used twice", where="Content-ID")
        found[content_id] = content
    return found


def _strip_brackets(content_id: str) -> str:
    return content_id.strip().removeprefix("<").removesuffix(">")


def _decode_base64(text: bytes) -> bytes:
    """Decode strictly, but for white space, which XML and MIME both allow."""
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error:
        raise MalformedMessage("not base64", where="binary content") from None
