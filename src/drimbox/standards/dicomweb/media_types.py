"""Accept headers, read as viewers and boxes really write them (RFC 9110 12.5.1, PS3.18 8.7).

Seen in the wild and read: repeated headers, trailing commas, unquoted `type=application/dicom`,
quoted transfer syntaxes, `boundary=**`, `transfer-syntax=*`, the bare `*` that Java 8 sends
unasked.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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

    A syntax of `*` means as stored. Explicit VR Little Endian stands for what names no syntax,
    names_none tells that something did.
    """

    is_multipart: bool
    transfer_syntaxes: tuple[tuple[str, float], ...]
    names_none: bool = False

    @property
    def accepts_any(self) -> bool:
        return any(syntax == ANY for syntax, _ in self.transfer_syntaxes)

    def accepts(self, transfer_syntax_uid: str) -> bool:
        return self.accepts_any or any(s == transfer_syntax_uid for s, _ in self.transfer_syntaxes)


def parse_accept(headers: Iterable[str]) -> tuple[MediaRange, ...]:
    """Read every Accept header of a request, best first; none at all means */*.

    Raises:
        InvalidValue: more than 64 ranges, or one that is no media range.
    """
    ranges = [_media_range(m) for h in headers for m in _split(h, ",") if m.strip()]
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
    multipart: list[MediaRange] = []
    single: list[MediaRange] = []
    for media_range in ranges:
        if media_range.q <= 0:
            continue
        if _is_single(media_range) and is_one_instance:
            single.append(media_range)
        elif _is_multipart(media_range):
            multipart.append(media_range)
    if not single and not multipart:
        raise NotAcceptable("instances are sent as application/dicom or multipart/related of it")
    is_multipart = max((r.q for r in multipart), default=0) >= max((r.q for r in single), default=0)
    syntaxes: dict[str, float] = {}
    for media_range in multipart if is_multipart else single:
        syntaxes.setdefault(_syntax(media_range), media_range.q)
    names_none = any(not r.transfer_syntax for r in (multipart if is_multipart else single))
    return AcceptedInstances(is_multipart, tuple(syntaxes.items()), names_none)


@dataclass(frozen=True, slots=True)
class Offer:
    """One way in which an answer can leave; inner_type where it is a multipart/related."""

    media_type: str
    inner_type: str | None = None


def choose(ranges: Sequence[MediaRange], offers: Sequence[Offer]) -> Offer | None:
    """Return the best acceptable offer, None where there is none.

    For each offer the most specific range counts (RFC 9110 12.5.1); between equal ones the order of
    the ranges, then that of the offers.
    """
    best: tuple[float, int, int] | None = None
    chosen = None
    for order, offer in enumerate(offers):
        fitting = [(_specificity(r, offer), -i, r) for i, r in enumerate(ranges)]
        specificity, position, media_range = max(
            fitting, key=lambda one: one[:2], default=(0, 0, None)
        )
        if not specificity or media_range is None or media_range.q <= 0:
            continue
        rank = (media_range.q, position, -order)
        if best is None or rank > best:
            best, chosen = rank, offer
    return chosen


def _specificity(media_range: MediaRange, offer: Offer) -> int:
    """Return 0 where the range does not take the offer, more the closer it names it."""
    wanted = media_range.media_type
    if wanted == "*/*":
        return 1
    if wanted == offer.media_type.split("/")[0] + "/*":
        return 2
    if wanted != offer.media_type:
        return 0
    if offer.inner_type is None:
        return 3
    inner = media_range.inner_type
    if inner in {"*/*", offer.inner_type.split("/")[0] + "/*"}:
        return 3
    return 4 if inner == offer.inner_type else 0


DICOM_JSON = "application/dicom+json"
DICOM_XML = "application/dicom+xml"
MULTIPART = "multipart/related"
_METADATA = (
    Offer(DICOM_JSON),
    Offer("application/json"),
    Offer(MULTIPART, DICOM_XML),
    Offer(DICOM_XML),
)


def choose_metadata(ranges: Sequence[MediaRange]) -> str:
    """Choose between DICOM JSON and XML, the latter always as multipart (PS3.18 table 10.4.4-1).

    Raises:
        NotAcceptable: neither is accepted.
    """
    offer = choose(ranges, _METADATA)
    if offer is None:
        raise NotAcceptable("data sets are sent as application/dicom+json or application/dicom+xml")
    return DICOM_XML if DICOM_XML in {offer.media_type, offer.inner_type} else DICOM_JSON


def _media_range(text: str) -> MediaRange:
    head, semicolon, parameters = text.strip().partition(";")
    return parse_media_type(f"*/*{semicolon}{parameters}" if head.strip() == ANY else text)


def _is_single(media_range: MediaRange) -> bool:
    return media_range.media_type in {"application/dicom", "application/*"}


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
        try:
            TransferSyntaxUid(syntax)
        except InvalidValue as error:
            raise InvalidValue("Accept", f"a transfer syntax of {error.rule}") from error
    return MediaRange(media_type, parameters, _quality(parameters.pop("q", "1")))


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
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
