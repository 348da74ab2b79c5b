"""In which forms the frames of an instance may leave (PS3.18 8.7.3.3, tables 8.7.3-4 and -5).

multipart/related; type=image/jls          as stored where it is JPEG-LS, else transcoded
multipart/related; type=application/octet-stream      Explicit VR Little Endian, decoded
...; type=application/octet-stream; transfer-syntax=* as stored, whatever it is (OHIF)
...; type=application/dicom; transfer-syntax=UID      a frame in that syntax: the ANS client
                                           simulator asks for frames with the Accept of objects
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from drimbox.errors import NotAcceptable
from drimbox.model.uids import TransferSyntaxUid
from drimbox.standards.dicom.transfer_syntaxes import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    HTJ2K_LOSSLESS,
    JPEG_2000,
    JPEG_2000_LOSSLESS,
    JPEG_BASELINE,
    JPEG_EXTENDED,
    JPEG_LOSSLESS_SV1,
    JPEG_LS_LOSSLESS,
    JPEG_LS_NEAR_LOSSLESS,
)
from drimbox.standards.dicomweb.media_types import ANY, MediaRange

OCTETS = "application/octet-stream"
MAX_FRAMES = 1000
_DICOM = "application/dicom"
_MULTIPART = frozenset({"multipart/related", "multipart/*", "*/*"})

_MEDIA_TYPE_OF = {
    "1.2.840.10008.1.2.4.50": "image/jpeg",
    "1.2.840.10008.1.2.4.51": "image/jpeg",
    "1.2.840.10008.1.2.4.57": "image/jpeg",
    "1.2.840.10008.1.2.4.70": "image/jpeg",
    "1.2.840.10008.1.2.4.80": "image/jls",
    "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2",
    "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.92": "image/jpx",
    "1.2.840.10008.1.2.4.93": "image/jpx",
    "1.2.840.10008.1.2.4.201": "image/jphc",
    "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc",
    "1.2.840.10008.1.2.5": "image/dicom-rle",
}
# As PS3.18 named them until 2016, and dicomweb-client of dcmjs still does.
_FORMER_NAMES = {"image/x-jls": "image/jls", "image/x-dicom-rle": "image/dicom-rle"}
_DEFAULT_SYNTAX_OF = {
    OCTETS: EXPLICIT_VR_LITTLE_ENDIAN,
    "image/jpeg": JPEG_LOSSLESS_SV1,
    "image/jls": JPEG_LS_LOSSLESS,
    "image/jp2": JPEG_2000_LOSSLESS,
    "image/jphc": HTJ2K_LOSSLESS,
}
VIDEO_MEDIA_TYPE_OF = {
    **{f"1.2.840.10008.1.2.4.{n}": "video/mpeg" for n in (100, 101)},
    **{f"1.2.840.10008.1.2.4.{n}": "video/mp4" for n in (102, 103, 104, 105, 106)},
    **{f"1.2.840.10008.1.2.4.{n}": "video/H265" for n in (107, 108)},
}
"""Video syntaxes: the whole object is one stream, in no frames that could be told apart."""

# PS3.5 A.4.3, A.4.4: what is lossless is also allowed under the syntax that need not be. The ten
# syntaxes between boxes name JPEG 2000 by its general syntax only.
WIDER_SYNTAX = {
    JPEG_2000_LOSSLESS: JPEG_2000,
    JPEG_LS_LOSSLESS: JPEG_LS_NEAR_LOSSLESS,
}

ENCODABLE = (
    JPEG_LOSSLESS_SV1,
    JPEG_LS_LOSSLESS,
    JPEG_2000_LOSSLESS,
    JPEG_2000,
    HTJ2K_LOSSLESS,
    JPEG_BASELINE,
    JPEG_EXTENDED,
    EXPLICIT_VR_LITTLE_ENDIAN,
)
"""What pixels may be transcoded into."""

_LOSSY = frozenset({JPEG_BASELINE, JPEG_EXTENDED})


@dataclass(frozen=True, slots=True)
class FrameForm:
    """One way for frames to leave."""

    media_type: str
    transfer_syntax: TransferSyntaxUid
    is_as_stored: bool
    is_multipart: bool

    @property
    def content_type(self) -> str:
        return f"{self.media_type}; transfer-syntax={self.transfer_syntax}"


def frame_forms(
    stored: TransferSyntaxUid, ranges: Sequence[MediaRange], *, is_one: bool
) -> tuple[FrameForm, ...]:
    """Return the acceptable forms, best first; whether pixels fit into one, only their coder knows.

    A single part is given where one frame is asked for.

    Raises:
        NotAcceptable: there is none.
    """
    forms = tuple(
        dict.fromkeys(form for r in ranges if r.q > 0 for form in _named(stored, r, is_one=is_one))
    )
    if not forms:
        raise NotAcceptable(
            "frames are sent as application/octet-stream, as they are stored, or as image/jpeg, "
            "image/jls, image/jp2 or image/jphc"
        )
    return forms


def transcoding_order(accepted: Iterable[str]) -> tuple[TransferSyntaxUid, ...]:
    """Return into what an object may be transcoded, the most faithful and least costly first.

    Decoded; lossless, in the order given; lossy, likewise. Who accepts a lossy copy of what is
    stored compressed wants it fast, and decoding is faster.
    """
    targets = [TransferSyntaxUid(syntax) for syntax in accepted if syntax in ENCODABLE]
    return tuple(sorted(targets, key=lambda s: (s in _LOSSY, s != EXPLICIT_VR_LITTLE_ENDIAN)))


def media_type_of(transfer_syntax: str) -> str:
    """Return the media type of one frame in this syntax."""
    return _MEDIA_TYPE_OF.get(transfer_syntax, OCTETS)


def _named(
    stored: TransferSyntaxUid, media_range: MediaRange, *, is_one: bool
) -> Iterator[FrameForm]:
    """Yield the forms that one range takes, under the name that it has for them."""
    is_multipart = media_range.media_type in _MULTIPART
    if not (is_multipart or is_one):
        return
    wanted = media_range.inner_type if is_multipart else media_range.media_type
    current = _FORMER_NAMES.get(wanted, wanted)
    for form in _forms(stored, current, media_range.transfer_syntax, is_multipart=is_multipart):
        yield form if current == wanted else replace(form, media_type=wanted)


def _forms(
    stored: TransferSyntaxUid, wanted: str, syntax: str | None, *, is_multipart: bool
) -> Iterator[FrameForm]:
    if _takes_stored(stored, wanted, syntax):
        yield FrameForm(media_type_of(stored), stored, is_as_stored=True, is_multipart=is_multipart)
    wider = WIDER_SYNTAX.get(stored)
    if wider is not None and syntax == wider and _takes(wanted, media_type_of(wider)):
        yield FrameForm(media_type_of(wider), wider, is_as_stored=True, is_multipart=is_multipart)
    target = syntax if syntax not in {None, ANY} else _DEFAULT_SYNTAX_OF.get(wanted)
    if target in ENCODABLE and target != stored and _takes(wanted, media_type_of(target)):
        yield FrameForm(
            media_type_of(target),
            TransferSyntaxUid(target),
            is_as_stored=False,
            is_multipart=is_multipart,
        )


def _takes_stored(stored: str, wanted: str, syntax: str | None) -> bool:
    if wanted == OCTETS and syntax in {ANY, stored}:
        return True
    return _takes(wanted, media_type_of(stored)) and syntax in {None, ANY, stored}


def _takes(wanted: str, media_type: str) -> bool:
    return wanted in {media_type, "*/*", _DICOM, media_type.split("/", maxsplit=1)[0] + "/*"}
