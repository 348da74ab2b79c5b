r"""Delimiters, character sets and escape sequences of HL7 v2 (chapter 2, sections 2.5.4 and 2.7).

MSH|^~\&|
   │││││
   ││││└ subcomponent
   │││└─ escape
   ││└── repetition
   │└─── component
   └──── field
"""

import re
from dataclasses import dataclass
from types import MappingProxyType

from drimbox.standards.hl7v2.faults import ErrorCondition, MessageFault, wrong_type

# MSH-18, HL7 table 0211, and how the samples of this country write it.
_CODECS = MappingProxyType(
    {
        "": "utf-8",
        "ASCII": "ascii",
        "UNICODE": "utf-8",
        "UNICODE UTF-8": "utf-8",
        "UTF-8": "utf-8",
        "8859/1": "iso-8859-1",
        "8859/15": "iso-8859-15",
    }
)
_UNDECLARED_FALLBACK = "iso-8859-15"
_HEXADECIMAL = re.compile(r"(?:[0-9A-Fa-f]{2})+\Z")
_TO_ESCAPE = re.compile(r"[\\|^~&\x00-\x1f\x7f]")
_ESCAPED = MappingProxyType({"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "~": "\\R\\", "&": "\\T\\"})


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The separators of one message, as octets (a repetition may take two: samples have U+02DC)."""

    field: bytes = b"|"
    component: bytes = b"^"
    repetition: bytes = b"~"
    escape: str = "\\"
    subcomponent: bytes = b"&"

    @property
    def escapes(self) -> dict[str, str]:
        """What stands for each delimiter between two escape characters."""
        return {
            "F": self.field.decode("latin-1"),
            "S": self.component.decode("latin-1"),
            "T": self.subcomponent.decode("latin-1"),
            "R": "~" if len(self.repetition) > 1 else self.repetition.decode("latin-1"),
            "E": self.escape,
        }


STANDARD = Delimiters()


def parse_delimiters(head: bytes) -> Delimiters:
    """Read MSH-1 and MSH-2 from the first octets of a message.

    Raises:
        MessageFault: not the beginning of an MSH segment.
    """
    if len(head) < 8 or not head.startswith(b"MSH"):
        raise MessageFault(
            "a message begins with MSH", where="MSH", condition=ErrorCondition.SEGMENT_SEQUENCE
        )
    field = head[3:4]
    characters = _decode_lenient(head[4:16].split(field, 1)[0])
    is_valid = (
        4 <= len(characters) <= 5
        and len(set(characters[:4])) == 4
        and field.decode("latin-1") not in characters
        and not any(c.isalnum() or c.isspace() for c in characters)
        and field[0] in range(0x21, 0x7F)
        and not field.isalnum()
    )
    if not is_valid or any(not c.isascii() for c in characters[:1] + characters[2:4]):
        raise wrong_type("four different encoding characters", "MSH-2")
    octets = head[4:16].split(field, 1)[0]
    after_component = octets[1:]
    repetition = after_component[: after_component.index(characters[2].encode())]
    return Delimiters(
        field=field,
        component=characters[0].encode(),
        repetition=repetition,
        escape=characters[2],
        subcomponent=characters[3].encode(),
    )


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the octets of one message are read: its delimiters and its character set."""

    delimiters: Delimiters = STANDARD
    codec: str = "utf-8"
    is_declared: bool = True

    def text(self, octets: bytes, where: str) -> str:
        """Decode one leaf (subcomponent, or a whole field without inner delimiters).

        Raises:
            MessageFault: octets that the declared character set does not have.
        """
        try:
            decoded = octets.decode(self.codec)
        except UnicodeDecodeError:
            if self.is_declared:
                raise wrong_type(f"not {self.codec}, which MSH-18 says", where) from None
            decoded = octets.decode(_UNDECLARED_FALLBACK)
        if self.delimiters.escape in decoded:
            decoded = self._unescape(decoded)
        return decoded.strip()

    def _unescape(self, text: str) -> str:
        escape = re.escape(self.delimiters.escape)
        return re.sub(f"{escape}([^{escape}]*){escape}", self._replacement, text)

    def _replacement(self, match: re.Match[str]) -> str:
        sequence = match[1]
        if sequence in self.delimiters.escapes:
            return self.delimiters.escapes[sequence]
        if sequence[:1] == "X" and _HEXADECIMAL.match(sequence[1:]):
            return bytes.fromhex(sequence[1:]).decode(self.codec, "replace")
        if sequence.startswith((".br", ".sp")):
            return " "
        if sequence in {"H", "N"} or sequence[:1] in {".", "C", "M", "Z"}:
            return ""  # highlighting, formatting, other character sets: nothing to show
        return match[0]


def encoding_of(delimiters: Delimiters, character_set: str) -> Encoding:
    """Return the encoding that MSH-18 names; None named means UTF-8, else ISO 8859-15.

    Raises:
        MessageFault: a character set that we do not read.
    """
    name = " ".join(character_set.upper().split())
    codec = _CODECS.get(name)
    if codec is None:
        raise MessageFault(
            "UNICODE UTF-8, 8859/1 or 8859/15",
            where="MSH-18",
            condition=ErrorCondition.VALUE_NOT_FOUND,
        )
    return Encoding(delimiters, codec, is_declared=bool(name))


def escape(text: str) -> str:
    r"""Write a text as a leaf under the standard delimiters; control characters as \Xhh\."""
    return _TO_ESCAPE.sub(lambda match: _ESCAPED.get(match[0]) or f"\\X{ord(match[0]):02X}\\", text)


def _decode_lenient(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")
