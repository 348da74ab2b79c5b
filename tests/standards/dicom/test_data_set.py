"""Elements are read within their bounds; texts in their repertoire; what is broken has a reason."""

import pytest
from pydicom.charset import convert_encodings

from drimbox.errors import MalformedMessage
from drimbox.standards.dicom.attributes import Attributes
from drimbox.standards.dicom.character_sets import (
    character_set_term,
    decoder_of,
    encode_text,
    smallest_character_set,
)
from drimbox.standards.dicom.data_set import (
    MAX_DEPTH,
    DataSet,
    Encoding,
    Fragments,
    read_data_set,
)
from drimbox.standards.dicom.data_set_encoding import encode_data_set
from drimbox.standards.dicom.value_representations import swap_words

EXPLICIT = Encoding.EXPLICIT_LITTLE
SQ_OPEN = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff"
ITEM_OPEN = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
ITEM_END = b"\xfe\xff\x0d\xe0\0\0\0\0"
SQ_END = b"\xfe\xff\xdd\xe0\0\0\0\0"

MAXIMAL: DataSet = {
    0x00080005: ("CS", b"ISO_IR 192"),
    0x00080018: ("UI", b"1.2.3\0"),
    0x00081140: ("SQ", [{0x00081150: ("UI", b"1.2.840\0")}, {}]),
    0x00091010: ("UN", b"private!"),
    0x00100010: ("PN", "Éloïse".encode()),
    0x00280010: ("US", b"\0\2"),
    0x7FE00010: ("OB", Fragments(b"\xfe\xff\0\xe0\4\0\0\0abcd")),
}


def test_reads_what_it_writes_explicit() -> None:
    octets = encode_data_set(MAXIMAL)
    assert read_data_set(octets, EXPLICIT) == MAXIMAL
    read = read_data_set(octets, EXPLICIT)[0x7FE00010][1]
    assert isinstance(read, Fragments)


def test_reads_what_it_writes_implicit() -> None:
    native = {tag: element for tag, element in MAXIMAL.items() if tag != 0x7FE00010}
    octets = encode_data_set(native, is_implicit=True)
    assert read_data_set(octets, Encoding.IMPLICIT_LITTLE) == native


def test_a_value_too_long_for_its_vr_is_written_as_unknown() -> None:
    octets = encode_data_set({0x00104000: ("LT", b"x" * 70_000)})
    assert read_data_set(octets, EXPLICIT)[0x00104000] == ("UN", b"x" * 70_000)


def test_unknown_of_undefined_length_is_an_implicit_sequence() -> None:
    inner = b"\x10\x00\x20\x00\4\0\0\0IPP1"
    octets = b"\x09\x00\x10\x10UN\0\0\xff\xff\xff\xff" + ITEM_OPEN + inner + ITEM_END + SQ_END
    assert read_data_set(octets, EXPLICIT) == {0x00091010: ("SQ", [{0x00100020: ("LO", b"IPP1")}])}


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        pytest.param(b"\x08\0", "runs past", id="cut in a tag"),
        pytest.param(b"\x08\0\x18\0OB\0\0\1", "runs past", id="cut in a long length"),
        pytest.param(b"\x08\0\x18\0UI\xff\0a", "runs past", id="a value that is not there"),
        pytest.param(b"\x08\0\x18\0\0\0\0\0", "capital letters", id="no VR"),
        pytest.param(ITEM_OPEN, "outside any sequence", id="an item by itself"),
        pytest.param(SQ_OPEN + b"\x08\0\x18\0UI\2\0ab", "something else than items", id="no item"),
        pytest.param(SQ_OPEN, "runs past", id="a sequence without end"),
        pytest.param(SQ_OPEN + ITEM_OPEN, "runs past", id="an item without end"),
        pytest.param(
            SQ_OPEN + b"\xfe\xff\0\xe0\x99\0\0\0", "runs past", id="an item over its sequence"
        ),
        pytest.param(
            b"\x10\0\x10\0UT\0\0\xff\xff\xff\xff", "undefined length", id="a text without length"
        ),
        pytest.param(
            b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + b"x" * 9, "known length", id="no fragments"
        ),
        pytest.param(
            b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff", "runs past", id="fragments without end"
        ),
        pytest.param((SQ_OPEN + ITEM_OPEN) * (MAX_DEPTH + 5), "nested deeper", id="a tower"),
    ],
)
def test_names_what_is_broken(octets: bytes, reason: str) -> None:
    with pytest.raises(MalformedMessage, match=reason):
        read_data_set(octets, EXPLICIT)


def test_words_are_swapped_and_a_rest_stays() -> None:
    assert swap_words(b"abcde", 2) == b"badce"
    assert swap_words(b"abcdefgh", 4) == b"dcbahgfe"


@pytest.mark.parametrize(
    ("term", "octets", "text"),
    [
        ("", b"DUPONT^ANNE", "DUPONT^ANNE"),
        ("ISO_IR 100", b"P\xc2QUERETTE", "PÂQUERETTE"),
        ("ISO_IR 192", "ŒUVRE".encode(), "ŒUVRE"),
        ("ISO_IR 144", "ЖАННА".encode("iso8859-5"), "ЖАННА"),
        ("GB18030", "王小".encode("gb18030"), "王小"),
        (
            "\\ISO 2022 IR 87",
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
            "Yamada^Tarou=山田^太郎",
        ),
        ("NO SUCH SET", b"P\xc2QUE", "PÂQUE"),
    ],
)
def test_texts_are_read_in_their_repertoire(term: str, octets: bytes, text: str) -> None:
    assert decoder_of(character_set_term(term.encode()))(octets) == text


@pytest.mark.parametrize("first", ["", "ISO 2022 IR 6", "ISO 2022 IR 100", "ISO 2022 IR 126"])
@pytest.mark.parametrize("octets", [b"Dupont", b"L\xe9a", bytes(range(0x20, 0x100)), b""])
def test_text_without_an_escape_is_in_the_first_character_set(first: str, octets: bytes) -> None:
    """As pydicom decodes it, which is loaded for escape sequences only."""
    encodings = convert_encodings([first, "ISO 2022 IR 87"])
    expected = octets.decode(encodings[0], "replace")
    assert decoder_of(f"{first}\\ISO 2022 IR 87")(octets) == expected


@pytest.mark.parametrize(
    ("term", "text", "octets"),
    [
        ("ISO_IR 100", "É", b"\xc9"),
        ("ISO_IR 192", "É", b"\xc3\x89"),
        ("", "E", b"E"),
        ("", "É", None),
        ("ISO_IR 100", "Œ", None),
        ("\\ISO 2022 IR 87", "abc", b"abc"),
        ("\\ISO 2022 IR 87", "É", None),
    ],
)
def test_texts_are_written_in_it_or_not_at_all(term: str, text: str, octets: bytes | None) -> None:
    assert encode_text(text, term) == octets


def test_the_smallest_repertoire_that_holds_all() -> None:
    assert smallest_character_set(["Zoé", "Anne"]) == "ISO_IR 100"
    assert smallest_character_set(["Zoé", "Œuvre"]) == "ISO_IR 192"


def test_attributes_read_old_forms_and_forgive_the_rest() -> None:
    attributes = Attributes(
        {
            0x00080020: ("DA", b"2026.07.13"),
            0x00080030: ("TM", b"18:01:02"),
            0x00080021: ("DA", b"2026"),
            0x00080031: ("TM", b"99"),
            0x00200013: ("IS", b"1.5 "),
            0x00100010: ("PN", b"DUPONT^ANNE^^^=X\\OTHER"),
            0x0040E011: ("UI", b"01.2\0"),
        }
    )
    assert str(attributes.date(0x00080020)) == "2026-07-13"
    assert str(attributes.time(0x00080030)) == "18:01:02"
    assert (attributes.date(0x00080021), attributes.time(0x00080031)) == (None, None)
    assert (attributes.integer(0x00200013), attributes.oid(0x0040E011)) == (None, None)
    assert attributes.person_name(0x00100010) == "DUPONT^ANNE"
    assert attributes.first_item(0x00081140).text(0x00100020) == ""
