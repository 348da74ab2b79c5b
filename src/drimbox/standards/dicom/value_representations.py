"""The VR of an attribute where the octets do not carry it (PS3.5 annex A.1, PS3.6)."""

from drimbox.standards.dicom.dictionary import find_private_vr, find_vr

# VRs whose length field has four octets (PS3.5 table 7.1-1).
LONG_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})

# Octets of one number, for those VRs whose order of octets depends on the transfer syntax.
WORD_SIZES = {
    "AT": 2, "OW": 2, "SS": 2, "US": 2,
    "FL": 4, "OF": 4, "OL": 4, "SL": 4, "UL": 4,
    "FD": 8, "OD": 8, "OV": 8, "SV": 8, "UV": 8,
}  # fmt: skip

SHORT_VRS = (
    WORD_SIZES.keys()
    | {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UI"}
) - LONG_VRS

# As they stand in a header.
LONG_VR_LETTERS = frozenset(vr.encode("ascii") for vr in LONG_VRS)
SHORT_VR_LETTERS = frozenset(vr.encode("ascii") for vr in SHORT_VRS)

PIXEL_REPRESENTATION = 0x00280103
BITS_ALLOCATED = 0x00280100
LUT_DESCRIPTOR = 0x00283002
_LUT_DATA = 0x00283006
_PIXEL_DATA = 0x7FE00010


def word_size(tag: int, vr: str, bits_allocated: int) -> int:
    """Return how many octets big endian reverses at a time.

    Pixels of 32 bits are reversed whole, as they are written in the field, though OW names words
    of 16 (PS3.5 6.2, 8.1.2).
    """
    is_wide = tag == _PIXEL_DATA and vr == "OW" and bits_allocated == 32
    return 4 if is_wide else WORD_SIZES.get(vr, 1)


def vr_of(tag: int, private_creator: str | None = None) -> str:
    """Return the dictionary's VR; may be one of `US or SS`, `OB or OW`, `US or OW`; else UN."""
    group, element = tag >> 16, tag & 0xFFFF
    if element == 0:
        return "UL"
    if not group & 1:
        return find_vr(tag) or "UN"
    if 0x10 <= element <= 0xFF:
        return "LO"
    if private_creator is None:
        return "UN"
    return find_private_vr(tag, private_creator) or "UN"


def settle_vr(tag: int, vr: str, *, is_signed: bool, lut_entries: int | None) -> str:
    """Choose among the VRs of an ambiguous attribute that comes from Implicit VR.

    is_signed is Pixel Representation of the data set or of the one around it; lut_entries the first
    value of LUT Descriptor beside the attribute.
    """
    if " or " not in vr:
        return vr
    # PS3.3 C.11.1.1.1: a table of one entry is US, any other OW.
    if tag == _LUT_DATA:
        return "US" if lut_entries == 1 else "OW"
    if vr.startswith("US or SS"):
        return "SS" if is_signed else "US"
    # PS3.5 A.1: Pixel, Overlay and Waveform Data are OW in Implicit VR.
    return "OW"


def swap_words(value: bytes, size: int) -> bytes:
    """Reverse the octets of each number; a rest shorter than a number stays as it is."""
    if size == 1:
        return value
    whole = len(value) // size * size
    swapped = bytearray(value)
    for index in range(size):
        swapped[index:whole:size] = value[size - 1 - index : whole : size]
    return bytes(swapped)
