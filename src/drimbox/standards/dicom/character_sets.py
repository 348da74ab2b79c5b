"""Text in the repertoire that Specific Character Set (0008,0005) names (PS3.3 C.12.1.1.2)."""

import re
import warnings
from collections.abc import Callable

_CODECS = {
    "": "latin-1",  # the default repertoire is ASCII; real files put Latin-1 in it
    "ISO_IR 6": "latin-1",
    "ISO_IR 100": "latin-1",
    "ISO_IR 101": "iso8859-2",
    "ISO_IR 109": "iso8859-3",
    "ISO_IR 110": "iso8859-4",
    "ISO_IR 144": "iso8859-5",
    "ISO_IR 127": "iso8859-6",
    "ISO_IR 126": "iso8859-7",
    "ISO_IR 138": "iso8859-8",
    "ISO_IR 148": "iso8859-9",
    "ISO_IR 203": "iso8859-15",
    "ISO_IR 192": "utf-8",
    "GB18030": "gb18030",
    "GBK": "gbk",
}
# Where code extensions are named first (PS3.3 table C.12-3), and no escape sequence changes them.
_FIRST_CODECS = _CODECS | {
    term.replace("ISO_IR", "ISO 2022 IR"): codec
    for term, codec in _CODECS.items()
    if term.startswith("ISO_IR") and term not in {"ISO_IR 192", "ISO_IR 203"}
}
_ESCAPE = b"\x1b"
_ESCAPE_SEQUENCE = re.compile(r"\x1b\$?[()\-]?[0-9A-Z]")
"""What designates a set of characters (PS3.3 C.12.1.1.2, ISO 2022)."""
_PERSON_NAME_DELIMITERS = {0x0D, 0x0A, 0x09, 0x0C, 0x5C, 0x5E, 0x3D}
LATIN_1 = "ISO_IR 100"
UTF_8 = "ISO_IR 192"


def character_set_term(raw: bytes) -> str:
    """Return the value of (0008,0005) with its values trimmed, backslashes kept."""
    text = raw.decode("latin-1").strip(" \0")
    return "\\".join(value.strip() for value in text.split("\\"))


def decoder_of(term: str) -> Callable[[bytes], str]:
    """Return what turns the octets of a text into characters; never fails.

    Octets that the repertoire does not have become U+FFFD.
    """
    codec = _CODECS.get(term)
    if codec is not None:
        return lambda octets: octets.decode(codec, "replace")
    first = _FIRST_CODECS.get(term.split("\\", maxsplit=1)[0])
    return lambda octets: (
        octets.decode(first, "replace")
        if first is not None and _ESCAPE not in octets
        else _decode_with_extensions(octets, term)
    )


def _decode_with_extensions(octets: bytes, term: str) -> str:
    # Loaded where a text needs it, which in this country hardly any does: 45 MiB.
    from pydicom.charset import convert_encodings, decode_bytes

    with warnings.catch_warnings():
        # A term unknown to pydicom reads as the default repertoire, with a warning.
        warnings.simplefilter("ignore")
        try:
            encodings = convert_encodings(term.split("\\"))
            decoded = decode_bytes(octets, encodings, _PERSON_NAME_DELIMITERS)
            # Its decoder of GB 2312 (ISO 2022 IR 58) leaves the escape sequences in the text.
            return _ESCAPE_SEQUENCE.sub("", decoded)
        except (LookupError, ValueError):
            return octets.decode("latin-1")


def encode_text(text: str, term: str) -> bytes | None:
    """Write text in that repertoire; None where it lacks a character, as far as we write it."""
    codec = _CODECS.get(term)
    if codec is not None:
        return _encode_with(codec if term not in {"", "ISO_IR 6"} else "ascii", text)
    # Code extensions begin in ASCII; their escape sequences are not written here.
    return _encode_with("ascii", text)


def _encode_with(codec: str, text: str) -> bytes | None:
    try:
        return text.encode(codec)
    except UnicodeEncodeError:
        return None


def smallest_character_set(texts: list[str]) -> str:
    """Return ISO_IR 100 where it holds every text, else ISO_IR 192."""
    joined = "".join(texts)
    return LATIN_1 if _encode_with("latin-1", joined) is not None else UTF_8
