"""One QIDO-RS request to a PACS, in tags (PS3.18 8.3.4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drimbox.model.retrieval import QueryLevel


@dataclass(frozen=True, slots=True)
class Search:
    """One QIDO-RS request: keys and fields are tags; study and series are path segments."""

    level: QueryLevel
    keys: Mapping[str, str]
    fields: Sequence[str]
    study: str | None = None
    series: str | None = None
    limit: int | None = None

    @property
    def is_relational(self) -> bool:
        """Whether it looks into studies, or series, that its path does not name."""
        above = {QueryLevel.SERIES: (self.study,), QueryLevel.IMAGE: (self.study, self.series)}
        return None in above.get(self.level, ())
