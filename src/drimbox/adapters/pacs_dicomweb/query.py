"""A search of ours as QIDO-RS requests: at once where the PACS allows it, else level by level.

/studies/S/series            under the study that is named
/series?StudyInstanceUID=S   where attributes of the study are asked for too (PS3.18 8.3.3.1)
/studies, then /studies/S/series, then /studies/S/series/R/instances
where the PACS refuses to search through all of them
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from drimbox.adapters.pacs_dicomweb.search import Search
from drimbox.adapters.pacs_dicomweb.search_client import SearchClient
from drimbox.errors import TooLarge
from drimbox.model.retrieval import DicomJson, DicomQuery, QueryLevel
from drimbox.standards.dicom.query_keys import LEVELS, UNIQUE_KEYS, level_of

MAX_UPPER_MATCHES = 500
"""Studies or series that a search below them may walk through."""

_WILDCARDS = frozenset("*?\\,")
_STUDY_UID, _SERIES_UID, _INSTANCE_UID = (f"{UNIQUE_KEYS[level]:08X}" for level in LEVELS)
_UNIQUE = {
    QueryLevel.STUDY: _STUDY_UID,
    QueryLevel.SERIES: _SERIES_UID,
    QueryLevel.IMAGE: _INSTANCE_UID,
}


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """A query with its keys sorted by level; empty keys are attributes to return."""

    query: DicomQuery

    def at_once(self) -> Search:
        """Return the one request that answers all of it."""
        keys = {tag: text for tag, text in self.query.matching.items() if text}
        study, series = self.named(_STUDY_UID), self.named(_SERIES_UID)
        if self.query.level is QueryLevel.STUDY or self._asks_above():
            study = series = None
        elif study is None or self.query.level is QueryLevel.SERIES:
            series = None
        for tag, uid in ((_STUDY_UID, study), (_SERIES_UID, series)):
            if uid is not None:
                keys.pop(tag)
        return self._search(self.query.level, keys, study, series)

    def of_level(self, level: QueryLevel, study: str | None, series: str | None) -> Search:
        """Return the request for one level below a study and a series that are known."""
        keys = {
            tag: text for tag, text in self.query.matching.items() if text and self._at(tag, level)
        }
        if level is not self.query.level:
            return replace(self._search(level, keys, study, series), limit=MAX_UPPER_MATCHES + 1)
        return self._search(level, keys, study, series)

    def trimmed(self, row: DicomJson) -> DicomJson:
        """Leave only what was asked for, as C-FIND does: services add attributes of their own."""
        wanted = {*self._returned(), *self.query.matching, *_UNIQUE.values()}
        return {tag: value for tag, value in row.items() if tag in wanted}

    def named(self, tag: str) -> str | None:
        """Return the one UID that the query gives, None for none or several."""
        text = self.query.matching.get(tag, "")
        return text if text and not set(text) & _WILDCARDS else None

    def _asks_above(self) -> bool:
        asked = {*self._returned(), *self.query.matching} - set(_UNIQUE.values())
        return any(not self._at(tag, self.query.level) for tag in asked)

    def _search(
        self, level: QueryLevel, keys: Mapping[str, str], study: str | None, series: str | None
    ) -> Search:
        upper = LEVELS[: LEVELS.index(level) + 1]
        fields = {
            tag for tag in self._returned() if level_of(int(tag, 16), self.query.level) in upper
        }
        fields |= {_UNIQUE[one] for one in upper}
        values = {tag: text.replace("\\", ",") for tag, text in keys.items()}
        return Search(level, values, sorted(fields), study, series, self.query.limit)

    def _returned(self) -> set[str]:
        return {*self.query.returned, *(t for t, text in self.query.matching.items() if not text)}

    def _at(self, tag: str, level: QueryLevel) -> bool:
        return level_of(int(tag, 16), self.query.level) is level


async def walk(client: SearchClient, plan: QueryPlan) -> list[DicomJson]:
    """Search level by level, carrying down what was found above.

    Raises:
        TooLarge: more than MAX_UPPER_MATCHES studies or series to look into.
    """
    query = plan.query
    rows: list[DicomJson] = [{}]
    for level in LEVELS[: LEVELS.index(query.level) + 1]:
        below: list[DicomJson] = []
        for row in rows:
            search = plan.of_level(level, uid_in(row, _STUDY_UID), uid_in(row, _SERIES_UID))
            below += [{**row, **found} for found in await client.search(search)]
            if level is query.level and query.limit is not None and len(below) >= query.limit:
                return below[: query.limit]
        if level is not query.level and len(below) > MAX_UPPER_MATCHES:
            raise TooLarge(f"more than {MAX_UPPER_MATCHES} matches at level {level.value}")
        rows = below
    return rows


def uid_in(row: DicomJson, tag: str) -> str | None:
    """Return a UID of a row of answers."""
    values = row.get(tag, {}).get("Value")
    return str(values[0]) if isinstance(values, list) and values else None
