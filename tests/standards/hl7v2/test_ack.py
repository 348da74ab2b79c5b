"""The acknowledgement: what it repeats, what it says, judged by another HL7 library."""

from datetime import UTC, datetime

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message as parse_by_hl7apy
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.reports import message_of

from drimbox.sandbox.ris.mllp_client import parse_answer
from drimbox.standards.hl7v2.ack import (
    AckCode,
    AckError,
    Acknowledgement,
    RequestHeader,
    encode_ack,
    read_request_header,
)
from drimbox.standards.hl7v2.faults import ApplicationError, ErrorCondition, Location
from drimbox.standards.hl7v2.message import parse_message

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ACCEPTED = Acknowledgement(AckCode.ACCEPTED)
VERSION = Acknowledgement(
    AckCode.ERROR,
    AckError(ErrorCondition.UNSUPPORTED_VERSION, "MSH-12: 2.5 | 2.6", Location("MSH", 12)),
)
INS = Acknowledgement(
    AckCode.ERROR,
    AckError(
        ErrorCondition.APPLICATION,
        "PID-3: clé",
        Location("PID", 3, 1),
        ApplicationError.INS_INCOMPLETE,
    ),
)


def answer_to(request: bytes, answer: Acknowledgement = ACCEPTED) -> bytes:
    return encode_ack(read_request_header(request), answer, control_id="42", now=NOW)


def test_repeats_the_request_with_its_ends_swapped() -> None:
    header = parse_message(answer_to(message_of())).header
    assert [header.text(n) for n in (3, 4, 5, 6)] == [
        "DRIMBOX",
        "CH-DEMOVILLE",
        "RIS-DEMO",
        "CH-DEMOVILLE",
    ]
    assert header.field(9).octets == b"ACK^T02^ACK"
    assert [header.text(n) for n in (10, 11, 12, 17, 18)] == [
        "42",
        "P",
        "2.6",
        "FRA",
        "UNICODE UTF-8",
    ]
    assert header.text(7) == "20261124090000+0000"


ERRORS = [
    pytest.param(ACCEPTED, ["MSA|AA|MSG1"], id="accepted"),
    pytest.param(
        VERSION,
        [
            "MSA|AE|MSG1",
            r"ERR||MSH^1^12|203^Unsupported version^messageErrorCondition|E|||MSH-12: 2.5 \F\ 2.6",
        ],
        id="an unsupported version",
    ),
    pytest.param(
        INS,
        [
            "MSA|AE|MSG1",
            (
                "ERR||PID^1^3^1^1|207^Application internal error^messageErrorCondition|E"
                "|905^INS incomplet ou non qualifié||PID-3: clé"
            ),
        ],
        id="an application error",
    ),
    pytest.param(
        Acknowledgement(AckCode.REJECTED, AckError(ErrorCondition.APPLICATION, "storage", None)),
        [
            "MSA|AR|MSG1",
            "ERR|||207^Application internal error^messageErrorCondition|E|||storage",
        ],
        id="a circumstance",
    ),
    pytest.param(
        Acknowledgement(
            AckCode.ERROR, AckError(ErrorCondition.SEGMENT_SEQUENCE, "missing", Location("PID"))
        ),
        [
            "MSA|AE|MSG1",
            "ERR||PID^1|100^Segment sequence error^messageErrorCondition|E|||missing",
        ],
        id="a missing segment",
    ),
]


@pytest.mark.parametrize(("answer", "segments"), ERRORS)
def test_writes_msa_and_err(answer: Acknowledgement, segments: list[str]) -> None:
    assert answer_to(message_of(), answer).decode().split("\r")[1:] == [*segments, ""]


@pytest.mark.parametrize("answer", [ACCEPTED, VERSION, INS], ids=["AA", "203", "905"])
@pytest.mark.parametrize("version", ["2.5", "2.6"])
def test_another_library_reads_it_and_finds_nothing_wrong(
    answer: Acknowledgement, version: str
) -> None:
    request = message_of().replace(b"|P|2.6|", f"|P|{version}|".encode())
    text = answer_to(request, answer).decode()
    parsed = parse_by_hl7apy(text, validation_level=VALIDATION_LEVEL.STRICT)
    assert parsed.validate()
    assert parsed.version == version
    assert parsed.msa.msa_1.value == answer.code.value
    assert parsed.msa.msa_2.value == "MSG1"
    if answer.error is not None:
        assert parsed.err.err_3.err_3_1.value == answer.error.condition.value[0]
        assert parsed.err.err_4.value == "E"


REQUESTS = [
    pytest.param(b"", "", id="nothing"),
    pytest.param(b"hello", "", id="no MSH"),
    pytest.param(b"MSH|^~\\&", "", id="MSH cut after its delimiters"),
    pytest.param(b"MSH|^~\\&|A|B|C|D|||ADT^A01||P|2.5", "", id="no control id"),
    pytest.param(b"MSH|^~\\&|A|B|C|D|||ADT^A01|7", "7", id="cut after the control id"),
    pytest.param(b"MSH|^~\\&|A|B|C|D|||ADT^A01|a\\F\\b|P|2.5", "a|b", id="an escaped control id"),
    pytest.param(b"MSH$*~!@$A$B$C$D$$$ADT*A01$a|b$P$2.5\r", "a|b", id="other delimiters"),
    pytest.param(b"MSH|^~\\&|A|B|C|D|||X|7|P|2.5||||||KOI8-R", "7", id="unknown character set"),
    pytest.param(
        b"MSH|^~\\&|A|B|C|D|||X|no\xebl|P|2.5||||||8859/1", "noël", id="an accent in Latin-1"
    ),
    pytest.param(b"\xef\xbb\xbf\r\nMSH|^~\\&|A|B|C|D|||X|7|P|2.5", "7", id="a byte order mark"),
    pytest.param(b"MSH|^~\\&|A|B|C|D|||X^Y|7|Q|9.9", "7", id="values of no table"),
]


@pytest.mark.parametrize(("request_octets", "control_id"), REQUESTS)
def test_answers_whatever_comes(request_octets: bytes, control_id: str) -> None:
    header = read_request_header(request_octets)
    assert header.is_readable == bool(control_id)
    octets = answer_to(request_octets, VERSION)
    answer = parse_answer(octets)
    assert (answer.code, answer.control_id, answer.error_code) == ("AE", control_id, "203")
    assert parse_message(octets).header.text(12) in {"2.5", "2.6"}


@given(st.binary(max_size=300))
def test_any_octets_get_an_answer_of_two_or_three_segments(octets: bytes) -> None:
    for head in (octets, b"MSH|^~\\&|" + octets):
        parsed = parse_message(answer_to(head, VERSION))
        assert [segment.name for segment in parsed.segments] == ["MSH", "MSA", "ERR"]


@given(st.text(max_size=40))
def test_the_control_id_comes_back_whole(control_id: str) -> None:
    header = RequestHeader(control_id=control_id)
    octets = encode_ack(header, ACCEPTED, control_id="1", now=NOW)
    assert parse_answer(octets).control_id == control_id.strip()
