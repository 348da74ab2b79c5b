"""Transfer syntaxes by what they mean to us (PS3.5 annex A, PS3.6 table A-1)."""

from drimbox.model.uids import TransferSyntaxUid
from drimbox.standards.dicom.data_set import Encoding

IMPLICIT_VR_LITTLE_ENDIAN = TransferSyntaxUid("1.2.840.10008.1.2")
EXPLICIT_VR_LITTLE_ENDIAN = TransferSyntaxUid("1.2.840.10008.1.2.1")
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN = TransferSyntaxUid("1.2.840.10008.1.2.1.99")
EXPLICIT_VR_BIG_ENDIAN = TransferSyntaxUid("1.2.840.10008.1.2.2")
JPEG_BASELINE = TransferSyntaxUid("1.2.840.10008.1.2.4.50")
JPEG_EXTENDED = TransferSyntaxUid("1.2.840.10008.1.2.4.51")
JPEG_LOSSLESS = TransferSyntaxUid("1.2.840.10008.1.2.4.57")
JPEG_LOSSLESS_SV1 = TransferSyntaxUid("1.2.840.10008.1.2.4.70")
JPEG_LS_LOSSLESS = TransferSyntaxUid("1.2.840.10008.1.2.4.80")
JPEG_LS_NEAR_LOSSLESS = TransferSyntaxUid("1.2.840.10008.1.2.4.81")
JPEG_2000_LOSSLESS = TransferSyntaxUid("1.2.840.10008.1.2.4.90")
JPEG_2000 = TransferSyntaxUid("1.2.840.10008.1.2.4.91")
MPEG2_MAIN_LEVEL = TransferSyntaxUid("1.2.840.10008.1.2.4.100")
MPEG2_HIGH_LEVEL = TransferSyntaxUid("1.2.840.10008.1.2.4.101")
MPEG4_HIGH_PROFILE = TransferSyntaxUid("1.2.840.10008.1.2.4.102")
MPEG4_BD_COMPATIBLE = TransferSyntaxUid("1.2.840.10008.1.2.4.103")
HTJ2K_LOSSLESS = TransferSyntaxUid("1.2.840.10008.1.2.4.201")
HTJ2K_LOSSLESS_RPCL = TransferSyntaxUid("1.2.840.10008.1.2.4.202")
HTJ2K = TransferSyntaxUid("1.2.840.10008.1.2.4.203")
RLE_LOSSLESS = TransferSyntaxUid("1.2.840.10008.1.2.5")

CONVERTED_TO_EXPLICIT = frozenset(
    {IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN}
)
"""Syntaxes that leave this box as Explicit VR Little Endian (SO.41); the pixels stay the same."""

STORED_SYNTAXES = (
    JPEG_LS_LOSSLESS,
    JPEG_LOSSLESS_SV1,
    JPEG_2000_LOSSLESS,
    JPEG_BASELINE,
    JPEG_2000,
    RLE_LOSSLESS,
    JPEG_EXTENDED,
    JPEG_LS_NEAR_LOSSLESS,
    HTJ2K_LOSSLESS,
    MPEG4_HIGH_PROFILE,
    MPEG4_BD_COMPATIBLE,
    MPEG2_MAIN_LEVEL,
    MPEG2_HIGH_LEVEL,
    JPEG_LOSSLESS,
    HTJ2K_LOSSLESS_RPCL,
    HTJ2K,
)
"""Compressed syntaxes a PACS may store, those of CT and MR archives first."""

UNCOMPRESSED_SYNTAXES = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)


def encoding_of(transfer_syntax_uid: str) -> Encoding:
    """Return how the elements are laid out; every other syntax is Explicit VR Little Endian."""
    if transfer_syntax_uid == IMPLICIT_VR_LITTLE_ENDIAN:
        return Encoding.IMPLICIT_LITTLE
    if transfer_syntax_uid == EXPLICIT_VR_BIG_ENDIAN:
        return Encoding.EXPLICIT_BIG
    return Encoding.EXPLICIT_LITTLE


def name_of(transfer_syntax_uid: TransferSyntaxUid) -> str:
    """Return the name of PS3.6 table A-1, or the UID of one that it does not have."""
    from pydicom.uid import UID  # for people only: not worth what it loads in a box

    return str(UID(transfer_syntax_uid).name)
