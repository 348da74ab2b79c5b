"""A certificate and its key at one place, replaced there as an operator's script does it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drimbox.sandbox.trusted_space.pki import Issued
from drimbox.settings.partners import TlsFiles


@dataclass(frozen=True)
class ReplacedFiles:
    """Where the settings say that they are."""

    files: TlsFiles

    @classmethod
    def in_folder(cls, folder: Path, first: Issued, authorities: Path) -> "ReplacedFiles":
        """Put the first ones there."""
        folder.mkdir()
        place = cls(
            TlsFiles(
                certificate_file=folder / "certificate.pem",
                key_file=folder / "key.pem",
                ca_file=folder / "authorities.pem",
            )
        )
        place.replace(first)
        _put(place.files.ca_file, authorities.read_bytes())
        return place

    def replace(self, issued: Issued, *, between: Callable[[], None] = lambda: None) -> None:
        """Replace the certificate, then the key; between is what happens meanwhile."""
        _put(self.files.certificate_file, issued.certificate_file.read_bytes())
        between()
        _put(self.files.key_file, issued.key_file.read_bytes())


def _put(path: Path, content: bytes) -> None:
    beside = path.with_suffix(".new")
    beside.write_bytes(content)
    beside.replace(path)
