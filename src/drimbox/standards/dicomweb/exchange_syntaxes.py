"""The ten transfer syntaxes that boxes name to each other, and their q (CI-SIS IMG-KOS, CS.83).

The q of each profile are those of the official requests: lossless syntaxes first where an image is
kept (export), lossy ones first where it is only looked at (VI-CO.15, CO.84).
"""

from collections.abc import Mapping

from drimbox.errors import InvalidValue
from drimbox.model.retrieval import Ranking
from drimbox.model.uids import TransferSyntaxUid
from drimbox.standards.dicom.transfer_syntaxes import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    JPEG_2000,
    JPEG_BASELINE,
    JPEG_EXTENDED,
    JPEG_LOSSLESS_SV1,
    JPEG_LS_LOSSLESS,
    MPEG2_HIGH_LEVEL,
    MPEG2_MAIN_LEVEL,
    MPEG4_BD_COMPATIBLE,
    MPEG4_HIGH_PROFILE,
)

_VIDEO: Mapping[str, float] = {
    MPEG2_MAIN_LEVEL: 0.5,
    MPEG2_HIGH_LEVEL: 0.5,
    MPEG4_HIGH_PROFILE: 0.5,
    MPEG4_BD_COMPATIBLE: 0.5,
}
LOSSLESS_FIRST: Mapping[str, float] = {
    JPEG_LOSSLESS_SV1: 0.9,
    JPEG_LS_LOSSLESS: 0.8,
    JPEG_2000: 0.6,
    JPEG_BASELINE: 0.5,
    JPEG_EXTENDED: 0.5,
    **_VIDEO,
    EXPLICIT_VR_LITTLE_ENDIAN: 0.4,
}
LOSSY_FIRST: Mapping[str, float] = {
    **LOSSLESS_FIRST,
    JPEG_BASELINE: 0.9,
    JPEG_EXTENDED: 0.9,
    JPEG_LOSSLESS_SV1: 0.6,
}
NEVER_LOSSY = frozenset({JPEG_LOSSLESS_SV1, JPEG_LS_LOSSLESS, EXPLICIT_VR_LITTLE_ENDIAN})
"""What comes in these lost nothing on its way; JPEG 2000 may have."""


def ranking(q_by_syntax: Mapping[str, float]) -> Ranking:
    """Return the syntaxes with their q, best first; what has q 0 is not named at all.

    Raises:
        InvalidValue: not one of the ten, a q outside 0 to 1, or nothing left to name.
    """
    for syntax, q in q_by_syntax.items():
        if syntax not in LOSSLESS_FIRST:
            raise InvalidValue("transfer syntax", "one of the ten that boxes exchange (CS.83)")
        if not 0 <= q <= 1:
            raise InvalidValue("q", "from 0 to 1 (RFC 9110 12.4.2)")
    named = [(TransferSyntaxUid(syntax), q) for syntax, q in q_by_syntax.items() if q > 0]
    if not named:
        raise InvalidValue("transfer syntaxes", "at least one with a q above 0")
    return tuple(sorted(named, key=lambda one: -one[1]))
