"""Families read as octets: DICOM, DIMSE, multipart, MLLP, HL7 v2."""

import io
from collections.abc import AsyncIterator, Coroutine, Iterator
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from tests.fakes.dicom_kinds import KINDS
from tests.fakes.dicom_objects import encoded
from tests.fakes.manifests import made_up_ins, made_up_manifest
from tests.fakes.reports import REPORT, message_of
from tests.fakes.scripted_series import BOUNDARY, CT, message, part
from tests.fuzz.family import Family, first_octet

from drimbox.errors import DrimboxError
from drimbox.model.patient import LocalPatientId
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import SopClassUid, SopInstanceUid, TransferSyntaxUid
from drimbox.sandbox.ris.report_document import encode_report_document
from drimbox.standards.cda.imaging_report import parse_imaging_report
from drimbox.standards.dicom.data_set import Encoding, read_data_set
from drimbox.standards.dicom.data_set_encoding import encode_data_set
from drimbox.standards.dicom.dicom_json import encode_dicom_json
from drimbox.standards.dicom.image_facts import parse_image_facts
from drimbox.standards.dicom.kos import encode_kos, parse_kos
from drimbox.standards.dicom.metadata import MetadataReader
from drimbox.standards.dicom.outgoing import IdentifierWriter, OutgoingDataSet, OutgoingIdentity
from drimbox.standards.dicom.part10 import data_set_octets, parse_file_meta
from drimbox.standards.dicom.patient_identifiers import IdentityReader
from drimbox.standards.dicom.query_identifier import parse_query, parse_retrieval
from drimbox.standards.dicom.readable_object import parse_readable_object
from drimbox.standards.dicomweb.multipart_related import MultipartReader, PartOctets
from drimbox.standards.dicomweb.received_instances import received_instances
from drimbox.standards.dimse.messages import (
    Command,
    CommandField,
    encode_command,
    parse_command,
)
from drimbox.standards.dimse.pdu import (
    PDV_IS_COMMAND,
    PDV_IS_LAST,
    Abort,
    AssociateAccept,
    AssociateRequest,
    ContextAnswer,
    ContextResult,
    ProposedContext,
    ReleaseRequest,
    UserInformation,
    encode_data_pdu,
    encode_pdu,
)
from drimbox.standards.dimse.upper_layer import UpperLayer
from drimbox.standards.hl7v2.ack import read_request_header
from drimbox.standards.hl7v2.mllp import MllpReader, frame
from drimbox.standards.hl7v2.report_message import parse_report_message

PARIS = ZoneInfo("Europe/Paris")
CHANGES = OutgoingIdentity(made_up_ins(), LocalPatientId("IPP-É7"))
SYNTAXES = tuple(
    TransferSyntaxUid(f"1.2.840.10008.1.2{end}") for end in ("", ".1", ".2", ".1.99", ".4.80")
)
ENCODINGS = tuple(Encoding)
TAGS = (b"\x08\x00\x05\x00", b"\x10\x00\x02\x10", b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0")
LENGTHS = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff", b"\0\0\0\x80", b"SQ\0\0", b"UN\0\0")


def pieces_of(octets: bytes) -> Iterator[bytes]:
    """Cut the octets in as many pieces as the first of them says: a mutation moves the cuts."""
    size = len(octets) // (first_octet(octets) % 9 + 1) + 1
    for start in range(0, len(octets), size):
        yield octets[start : start + size]


def finished(work: Coroutine[Any, Any, object]) -> None:
    """Run what never waits for anything, without the cost of an event loop."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits")


def read_dicom(octets: bytes) -> None:
    """Read a data set in the syntax that the first octet names, whole and in pieces."""
    syntax, content = SYNTAXES[first_octet(octets) % len(SYNTAXES)], octets[1:]
    metadata = MetadataReader(syntax)
    outgoing = OutgoingDataSet(syntax, IdentifierWriter(CHANGES))
    sent = []
    for piece in pieces_of(content):
        metadata.feed(piece)
        sent += outgoing.feed(piece)
    sent += outgoing.finish()
    metadata.metadata("https://box.test/{}".format)
    # What leaves can be read again, whatever came.
    MetadataReader(SYNTAXES[1]).feed(b"".join(sent))


def read_whole_data_set(octets: bytes) -> None:
    data_set = read_data_set(octets[1:], ENCODINGS[first_octet(octets) % len(ENCODINGS)])
    readers = (
        partial(parse_query, has_patients=True),
        partial(parse_query, has_patients=False),
        parse_retrieval,
        parse_image_facts,
    )
    for read in readers:
        try:
            read(data_set)
        except DrimboxError:
            continue
    encode_data_set(data_set)
    encode_dicom_json(data_set, bulk_data_uri="https://box.test/{}".format)
    parse_readable_object(SopClassUid("1.2.840.10008.5.1.4.1.1.88.22"), data_set)


def read_file(octets: bytes) -> None:
    data_set_octets(octets, parse_file_meta(octets))


def read_head(octets: bytes) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for piece in pieces_of(octets[1:]):
            yield piece

    instance = InstanceStream(
        SopClassUid("1.2.3"), SopInstanceUid("1.2.3"), SYNTAXES[first_octet(octets) % 3], chunks()
    )
    finished(IdentityReader().read(instance))


def read_multipart(octets: bytes) -> None:
    """Read whole and in pieces: the same parts."""
    whole, cut = MultipartReader(BOUNDARY), MultipartReader(BOUNDARY)
    expected = list(whole.receive(octets))
    found = [event for piece in pieces_of(octets) for event in cut.receive(piece)]
    assert _joined(expected) == _joined(found)
    assert whole.is_finished == cut.is_finished


def _joined(events: list[object]) -> list[object]:
    """Put what is one part's together, however it was cut."""
    joined: list[object] = []
    for event in events:
        if isinstance(event, PartOctets) and joined and isinstance(joined[-1], bytes):
            joined[-1] += event.octets
        else:
            joined.append(event.octets if isinstance(event, PartOctets) else event)
    return joined


def read_instances(octets: bytes) -> None:
    async def read() -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for piece in pieces_of(octets):
                yield piece

        async for instance in received_instances(chunks(), BOUNDARY, "Source box"):
            async for _ in instance.chunks:
                pass

    finished(read())


def read_mllp(octets: bytes) -> None:
    """Read whole and in pieces: the same messages."""
    whole, cut = MllpReader(1 << 20), MllpReader(1 << 20)
    found = [message for piece in pieces_of(octets) for message in cut.receive(piece)]
    assert list(whole.receive(octets)) == found
    assert whole.has_partial_message == cut.has_partial_message


def read_hl7(octets: bytes) -> None:
    read_request_header(octets)
    parse_report_message(octets)


def read_association(octets: bytes) -> None:
    layer = UpperLayer(is_acceptor=bool(octets[:1] > b"\x7f"))
    if not octets[:1] > b"\x7f":
        layer = _established()
    for piece in pieces_of(octets[1:]):
        layer.receive(piece)


def _established() -> UpperLayer:
    layer = UpperLayer()
    layer.request(ASSOCIATE)
    layer.receive(encode_pdu(ACCEPT))
    return layer


def _files() -> list[bytes]:
    made = []
    for image in KINDS.values():
        octets = io.BytesIO()
        image.save_as(octets, enforce_file_format=True)
        made.append(octets.getvalue())
    return made


def _data_sets() -> list[bytes]:
    numbers = {syntax: bytes([n]) for n, syntax in enumerate(SYNTAXES)}
    return [
        numbers.get(TransferSyntaxUid(image.file_meta.TransferSyntaxUID), b"\4") + encoded(image)
        for image in KINDS.values()
    ]


def _associations() -> list[bytes]:
    """Return what an acceptor gets first (0xFF), and what comes once one is established (0)."""
    data = encode_data_pdu(1, encode_command(STORE), PDV_IS_COMMAND | PDV_IS_LAST)
    data += encode_data_pdu(1, b"\x08\x00\x05\x00CS\x0a\0ISO_IR 192", PDV_IS_LAST)
    established = (data, encode_pdu(ReleaseRequest()), encode_pdu(Abort()))
    return [b"\xff" + encode_pdu(ASSOCIATE), *(b"\0" + octets for octets in established)]


USER = UserInformation(maximum_pdu=16_384, implementation_class_uid="1.2.3")
ASSOCIATE = AssociateRequest("BOX", "PACS", (ProposedContext(1, CT, SYNTAXES[:2]),), USER)
ACCEPT = AssociateAccept(
    "BOX", "PACS", (ContextAnswer(1, ContextResult.ACCEPTANCE, SYNTAXES[1]),), USER
)
STORE = Command(CommandField.C_STORE_RQ, 5, CT, "1.2.3", has_data_set=True)
FOUND = Command(CommandField.C_FIND_RSP, 1, CT, status=0xFF00, has_data_set=True)
REPORT_MESSAGE = message_of()
DOCUMENT = encode_report_document(REPORT)
DICOM_WORDS = (*TAGS, *LENGTHS)
HL7_WORDS = (b"\\X", b"\\E\\", b"\r\rPID|", b"&&&", b"~~~", b"|^~\\&", b"\x1c\r", b"\x0b", b"OBX|")
PART_WORDS = (
    b"--" + BOUNDARY.encode(),
    b"\r\n",
    b"--",
    b"\r\n\r\n",
    b"Content-Type: ",
    *DICOM_WORDS,
)

OCTET_FAMILIES = (
    Family("dicom-stream", _data_sets(), read_dicom, DICOM_WORDS),
    Family("dicom-data-set", _data_sets(), read_whole_data_set, DICOM_WORDS),
    Family("dicom-file", _files(), read_file, (b"DICM", *DICOM_WORDS)),
    Family("dicom-head", _data_sets(), read_head, DICOM_WORDS),
    Family("kos", [encode_kos(made_up_manifest())], parse_kos, DICOM_WORDS),
    Family("dimse", _associations(), read_association, (b"\4\0\0\0", b"\0\0\0\6\1\3")),
    Family("dimse-command", [*map(encode_command, (STORE, FOUND))], parse_command, DICOM_WORDS),
    Family("multipart", [message(1, 2), part(1)], read_multipart, PART_WORDS, 16_384),
    Family("multipart-instances", [message(1, 2)], read_instances, PART_WORDS, 16_384),
    Family("mllp", [frame(b"MSH|a") * 2, frame(b"") + b"x"], read_mllp, HL7_WORDS, 256),
    Family("hl7", [REPORT_MESSAGE], read_hl7, HL7_WORDS, 16_384),
    Family("cda", [DOCUMENT], lambda o: parse_imaging_report(o, local_zone=PARIS), (), 16_384),
)
