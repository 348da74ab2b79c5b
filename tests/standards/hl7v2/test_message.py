"""HL7 v2 as senders write it: delimiters, ends of line, character sets, escapes, size."""

import pytest

from drimbox.standards.hl7v2.encoding import Encoding, escape, parse_delimiters
from drimbox.standards.hl7v2.faults import ErrorCondition, MessageFault
from drimbox.standards.hl7v2.message import MAX_SEGMENTS, parse_message

HEAD = "MSH|^~\\&|RIS|SITE|BOX|SITE|20261124||MDM^T02^MDM_T02|7|P|2.6|||||FRA|UNICODE UTF-8"


def message(*segments: str, head: str = HEAD, end: str = "\r", codec: str = "utf-8") -> bytes:
    return "".join(segment + end for segment in (head, *segments)).encode(codec)


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\r\r\n"])
def test_segments_end_with_cr_lf_or_both(end: str) -> None:
    parsed = parse_message(message("PID|||1", "PV1|1|I", end=end))
    assert [segment.name for segment in parsed.segments] == ["MSH", "PID", "PV1"]
    assert parsed.get("PV1").text(2) == "I"


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\r\n", b" \t", b"\xef\xbb\xbf\r\n"])
def test_what_stands_before_msh_is_dropped(before: bytes) -> None:
    assert parse_message(before + message("PID|||1")).header.text(10) == "7"


@pytest.mark.parametrize(
    ("number", "octets"),
    [(1, b"|"), (2, b"^~\\&"), (3, b"RIS"), (7, b"20261124"), (8, b""), (12, b"2.6")],
)
def test_msh_counts_its_delimiter_as_the_first_field(number: int, octets: bytes) -> None:
    assert parse_message(message()).header.field(number).octets == octets


FIELDS = [
    pytest.param("PID|a^b^c", 1, 2, 1, "b", id="a component"),
    pytest.param("PID|a^b&c&d^e", 1, 2, 3, "d", id="a subcomponent"),
    pytest.param("PID|a^b~c^d", 1, 2, 1, "b", id="the first repetition"),
    pytest.param("PID|a", 1, 5, 1, "", id="a component that is not there"),
    pytest.param("PID|a", 30, 1, 1, "", id="a field that is not there"),
    pytest.param("PID|  a b  ", 1, 1, 1, "a b", id="white space around"),
    pytest.param(r"PID|a\F\b\S\c\T\d\R\e\E\f", 1, 1, 1, r"a|b^c&d~e\f", id="escaped delimiters"),
    pytest.param(r"PID|caf\XC3A9\s", 1, 1, 1, "cafés", id="hexadecimal, in the character set"),
    pytest.param(r"PID|one\.br\two", 1, 1, 1, "one two", id="a line break"),
    pytest.param(r"PID|a \H\b\N\ c", 1, 1, 1, "a b c", id="highlighting"),
    pytest.param(r"PID|a\Zvendor\b", 1, 1, 1, "ab", id="a vendor's own"),
    pytest.param(r"PID|a\Q\b", 1, 1, 1, r"a\Q\b", id="an unknown sequence stays"),
    pytest.param(r"PID|C:\dir", 1, 1, 1, r"C:\dir", id="an escape that never ends"),
    pytest.param(r"PID|a\XZZ\b", 1, 1, 1, r"a\XZZ\b", id="hexadecimal that is none"),
]


@pytest.mark.parametrize(("segment", "field", "component", "subcomponent", "text"), FIELDS)
def test_reads_leaves(
    segment: str, field: int, component: int, subcomponent: int, text: str
) -> None:
    assert parse_message(message(segment)).get("PID").text(field, component, subcomponent) == text


def test_repetitions_that_are_empty_or_null_are_left_out() -> None:
    segment = parse_message(message('PID|a~~""~b')).get("PID")
    assert [field.text() for field in segment.repetitions(1)] == ["a", "b"]


@pytest.mark.parametrize(
    ("head", "segment"),
    [
        pytest.param("MSH|^~\\&#|R", "PID|a^b~c", id="HL7 2.7 truncation character"),
        pytest.param("MSH$%*!@$R", "PID$a%b*c", id="all of them different"),
        pytest.param("MSH|^˜\\&|R", "PID|a^b˜c", id="a small tilde, as some samples have"),
    ],
)
def test_reads_with_the_delimiters_of_the_message(head: str, segment: str) -> None:
    patient = parse_message(f"{head}\r{segment}\r".encode()).get("PID")
    assert patient.text(1, 2) == "b"
    assert [field.text() for field in patient.repetitions(1)] == ["a", "c"]


CHARACTER_SETS = [
    pytest.param("UNICODE UTF-8", "utf-8", id="UTF-8"),
    pytest.param("unicode  utf-8", "utf-8", id="UTF-8 badly typed"),
    pytest.param("UTF-8", "utf-8", id="UTF-8 by its usual name"),
    pytest.param("8859/1", "iso-8859-1", id="Latin-1"),
    pytest.param("8859/15", "iso-8859-15", id="Latin-9"),
    pytest.param("", "utf-8", id="none told, UTF-8"),
    pytest.param("", "iso-8859-15", id="none told, Latin-9"),
]


@pytest.mark.parametrize(("declared", "codec"), CHARACTER_SETS)
def test_reads_each_character_set(declared: str, codec: str) -> None:
    head = HEAD.replace("UNICODE UTF-8", declared)
    parsed = parse_message(message("PID|Noël", head=head, codec=codec))
    assert parsed.get("PID").text(1) == "Noël"


REFUSED = [
    pytest.param(b"", "MSH", ErrorCondition.SEGMENT_SEQUENCE, id="nothing"),
    pytest.param(b"PID|1", "MSH", ErrorCondition.SEGMENT_SEQUENCE, id="no MSH first"),
    pytest.param(b"MSH|^", "MSH", ErrorCondition.SEGMENT_SEQUENCE, id="cut in MSH-2"),
    pytest.param(b"MSH|^^\\&|R\r", "MSH-2", ErrorCondition.DATA_TYPE, id="a delimiter twice"),
    pytest.param(b"MSH|ab\\&|R\r", "MSH-2", ErrorCondition.DATA_TYPE, id="letters as delimiters"),
    pytest.param(b"MSH\0^~\\&\0R\r", "MSH-2", ErrorCondition.DATA_TYPE, id="NUL between fields"),
    pytest.param(
        message(head=HEAD.replace("UNICODE UTF-8", "UNICODE UTF-16")),
        "MSH-18",
        ErrorCondition.VALUE_NOT_FOUND,
        id="a character set we do not read",
    ),
    pytest.param(
        message("PID|1", "what is this"), "PID", ErrorCondition.SEGMENT_SEQUENCE, id="no segment"
    ),
    pytest.param(
        message(*["OBX|1"] * (MAX_SEGMENTS + 1)),
        "MSH",
        ErrorCondition.SEGMENT_SEQUENCE,
        id="too many segments",
    ),
    pytest.param(
        HEAD.encode() + b"\r" * 1_000_001, "MSH", ErrorCondition.SEGMENT_SEQUENCE, id="too many CR"
    ),
]


@pytest.mark.parametrize(("content", "where", "condition"), REFUSED)
def test_refuses_and_says_where(content: bytes, where: str, condition: ErrorCondition) -> None:
    with pytest.raises(MessageFault) as fault:
        parse_message(content)
    assert (fault.value.where, fault.value.condition) == (where, condition)


def test_octets_that_are_not_of_the_declared_character_set_are_refused_where_they_stand() -> None:
    patient = parse_message(message("PID|a|b^No\xebl", codec="latin-1")).get("PID")
    assert patient.text(1) == "a"
    with pytest.raises(MessageFault) as fault:
        patient.text(2, 2)
    assert fault.value.where == "PID-2.2"
    assert "l" not in fault.value.reason.removeprefix("not utf-8, which MSH-18 says")


def test_a_field_broken_over_lines_is_joined() -> None:
    parsed = parse_message(message("OBX|1|ED|||^text^XML^Base64^QUJD", "REVG||||||F|", "PV1|1"))
    assert parsed.get("OBX").field(5).component(5).octets == b"QUJDREVG"
    assert parsed.get("OBX").text(11) == "F"


def test_the_small_tilde_may_come_in_windows_1252() -> None:
    content = "MSH|^˜\\&|R\rPID|a^b˜c\r".encode("cp1252")
    patient = parse_message(content).get("PID")
    assert [field.text() for field in patient.repetitions(1)] == ["a", "c"]


@pytest.mark.parametrize(
    "text", ["", "plain", "a|b^c~d&e\\f", "\\E\\", "é œ €", "|||", "a tab\tand\na line\x00"]
)
def test_reads_what_it_escaped(text: str) -> None:
    encoding = Encoding(parse_delimiters(b"MSH|^~\\&|"))
    written = escape(text)
    assert not set(written) & set("|^~&")
    assert written.isprintable()
    assert encoding.text(written.encode(), "X") == text
