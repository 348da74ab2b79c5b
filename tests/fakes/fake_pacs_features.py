"""What PACS lack, in memory."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from drimbox.ports.clock import Clock
from drimbox.ports.pacs_features import PacsFeature


@dataclass
class FakePacsFeatures:
    """Implements ports.pacs_features.PacsFeatures."""

    clock: Clock
    lacks: dict[tuple[str, PacsFeature], datetime] = field(default_factory=dict)

    async def find_lacks(self, pacs: str) -> frozenset[PacsFeature]:
        since = self.clock.now() - timedelta(days=7)
        return frozenset(f for (of, f), at in self.lacks.items() if of == pacs and at > since)

    async def note_lack(self, pacs: str, feature: PacsFeature) -> None:
        self.lacks[pacs, feature] = self.clock.now()
