"""In which transfer syntax an export leaves: chosen, else by modality, else by destination."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from drimbox.model.uids import TransferSyntaxUid


class ExportSyntax(Enum):
    """What a professional or an operator may choose (CO.74, CO.75); the value is their word.

    None is lossy: a lossy copy is another object, which needs another SOP Instance UID when it is
    stored (PS3.3 C.7.6.1.1.5). What comes lossy stays so.
    """

    AS_RECEIVED = "as-received"
    UNCOMPRESSED = "uncompressed"
    JPEG_LOSSLESS = "jpeg-lossless"
    JPEG_LS = "jpeg-ls"
    JPEG_2000_LOSSLESS = "jpeg-2000-lossless"
    HTJ2K_LOSSLESS = "htj2k-lossless"

    @property
    def transfer_syntax_uid(self) -> TransferSyntaxUid | None:
        """The transfer syntax, None where the images stay as they are."""
        suffix = _SUFFIXES.get(self.value)
        return TransferSyntaxUid(f"1.2.840.10008.1.2{suffix}") if suffix else None


_SUFFIXES = {
    "uncompressed": ".1",
    "jpeg-lossless": ".4.70",
    "jpeg-ls": ".4.80",
    "jpeg-2000-lossless": ".4.90",
    "htj2k-lossless": ".4.201",
}


@dataclass(frozen=True, slots=True)
class SyntaxRule:
    """What a destination gets where nobody chose: by modality (0008,0060), else default."""

    default: ExportSyntax = ExportSyntax.AS_RECEIVED
    by_modality: Mapping[str, ExportSyntax] = field(default_factory=dict)

    def syntax_for(self, modality: str, chosen: ExportSyntax | None) -> ExportSyntax:
        """Return the syntax of the images of one series."""
        return chosen or self.by_modality.get(modality, self.default)
