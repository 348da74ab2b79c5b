"""What a PACS was found to lack, remembered so that a box that starts need not try again."""

from enum import Enum
from typing import Protocol


class PacsFeature(Enum):
    """The value is kept in the database."""

    C_GET = "c-get"


class PacsFeatures(Protocol):
    """Shared by the workers of a box; forgotten after a week, for a PACS may learn."""

    async def find_lacks(self, pacs: str) -> frozenset[PacsFeature]:
        """Return what this PACS lacks, as far as is known; pacs names its AE and its address."""

    async def note_lack(self, pacs: str, feature: PacsFeature) -> None:
        """Remember it from now on."""
