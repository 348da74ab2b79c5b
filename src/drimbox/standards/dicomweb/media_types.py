"""Accept headers, read as viewers and boxes really write them (RFC 9110 12.5.1, PS3.18 8.7).

Seen in the wild and read: repeated headers, trailing commas, unquoted `type=application/dicom`,
quoted transfer syntaxes, `boundary=**`, `transfer-syntax=*`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from drimbox.errors import InvalidValue, NotAcceptable
from drimbox.model.uids import TransferSyntaxUid

ANY = "*"
EXPLICIT_VR_LITTLE_ENDIAN = TransferSyntaxUid("1.2.840.10008.1.2.1")
_MAX_RANGES = 64


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One member of an Accept header; names and media types in lower case."""

    media_type: str
    parameters: Mapping[str, str]
    q: float = 1.0

    @property
    def inner_type(self) -> str:
        """What a multipart/related holds; */* where it does not say."""
        return self.parameters.get("type", "*/*").lower()

    @property
    def transfer_syntax(self) -> str | None:
        return self.parameters.get("transfer-syntax")


@dataclass(frozen=True, slots=True)
class AcceptedInstances:
    """How instances may be sent: multipart or alone, in which syntaxes, best first.

    A syntax of `*` means as stored. Explicit VR Little Endian stands for what names no syntax.
    """

    is_multipart: bool
    transfer_syntaxes: tuple[tuple[str, float], ...]

    @property
    def accepts_any(self) -> bool:
        return any(syntax == ANY for syntax, _ in self.transfer_syntaxes)

    def accepts(self, transfer_syntax_uid: str) -> bool:
        return self.accepts_any or any(s == transfer_syntax_uid for s, _ in self.transfer_syntaxes)

    @property
    def preferred(self) -> tuple[TransferSyntaxUid, ...]:
        """Named syntaxes, best first; empty when as stored is fine."""
        if self.accepts_any:
            return ()
        return tuple(TransferSyntaxUid(s) for s, _ in self.transfer_syntaxes)


def parse_accept(headers: Iterable[str]) -> tuple[MediaRange, ...]:
    """Read every Accept header of a request, best first; none at all means */*.

    Raises:
        InvalidValue: more than 64 ranges, or one that is no media range.
    """
    ranges = [parse_media_type(m) for h in headers for m in _split(h, ",") if m.strip()]
    if len(ranges) > _MAX_RANGES:
        raise InvalidValue("Accept", f"at most {_MAX_RANGES} media ranges")
    if not ranges:
        return (MediaRange("*/*", {}),)
    return tuple(sorted(ranges, key=lambda r: -r.q))


def accept_instances(ranges: Iterable[MediaRange], *, is_one_instance: bool) -> AcceptedInstances:
    """Choose between multipart and single part, and gather the syntaxes of that choice.

    Raises:
        NotAcceptable: nothing of application/dicom is accepted.
    """
    multipart: dict[str, float] = {}
    single: dict[str, float] = {}
    best_single = best_multipart = 0.0
    for media_range in ranges:
        if media_range.q <= 0:
            continue
        if _is_single(media_range) and is_one_instance:
            single.setdefault(_syntax(media_range), media_range.q)
            best_single = max(best_single, media_range.q)
        elif _is_multipart(media_range):
            multipart.setdefault(_syntax(media_range), media_range.q)
            best_multipart = max(best_multipart, media_range.q)
    if not single and not multipart:
        raise NotAcceptable("instances are sent as application/dicom or multipart/related of it")
    is_multipart = best_multipart >= best_single
    chosen = multipart if is_multipart else single
    return AcceptedInstances(is_multipart, tuple(chosen.items()))


def accepts_json(ranges: Iterable[MediaRange]) -> bool:
    """Tell whether DICOM JSON may be sent."""
    wanted = {"application/dicom+json", "application/json", "application/*", "*/*"}
    return any(r.q > 0 and r.media_type in wanted for r in ranges)


def _is_single(media_range: MediaRange) -> bool:
    return media_range.media_type == "application/dicom"


def _is_multipart(media_range: MediaRange) -> bool:
    if media_range.media_type in {"*/*", "multipart/*"}:
        return True
    return media_range.media_type == "multipart/related" and media_range.inner_type in {
        "application/dicom",
        "*/*",
        "application/*",
    }


def _syntax(media_range: MediaRange) -> str:
    """Return the syntax asked for: named, or the default of PS3.18 8.7.3.5.2, or as stored."""
    if media_range.transfer_syntax:
        return media_range.transfer_syntax
    names_dicom = "application/dicom" in {media_range.media_type, media_range.inner_type}
    return EXPLICIT_VR_LITTLE_ENDIAN if names_dicom else ANY


def parse_media_type(text: str) -> MediaRange:
    """Read one media type with its parameters, of Accept or of Content-Type.

    Raises:
        InvalidValue: not type/subtype, or a transfer syntax that is no UID.
    """
    head, *rest = _split(text, ";")
    media_type = head.strip().lower()
    if media_type.count("/") != 1 or any(c.isspace() for c in media_type):
        raise InvalidValue("Accept", "media ranges of RFC 9110 12.5.1")
    parameters = dict(_parameter(p) for p in rest if p.strip())
    syntax = parameters.get("transfer-syntax")
    if syntax is not None and syntax != ANY:
        TransferSyntaxUid(syntax)
    return MediaRange(media_type, parameters, _quality(parameters.pop("q", "1")))


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1].replace('\\"', '"')
    return name.strip().lower(), value


def _quality(text: str) -> float:
    try:
        q = float(text)
    except ValueError:
        raise InvalidValue("Accept", "q from 0 to 1") from None
    if not 0 <= q <= 1:
        raise InvalidValue("Accept", "q from 0 to 1")
    return q


def _split(text: str, separator: str) -> Iterator[str]:
    """Split outside quoted strings."""
    start, is_quoted = 0, False
    for position, character in enumerate(text):
        if character == '"' and (position == 0 or text[position - 1] != "\\"):
            is_quoted = not is_quoted
        elif character == separator and not is_quoted:
            yield text[start:position]
            start = position + 1
    yield text[start:]
