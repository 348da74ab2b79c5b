"""A search among the published studies (QIDO-RS): the register where it can tell, else the PACS.

studies named, or a patient by INS     the register: nobody else is asked
a patient of the PACS, by Patient ID   the register, where it knows images that carry it
nothing named                          the register, newest publication first, page by page
any other key, or an attribute that    the PACS, then one look into the register: what has no
a manifest does not tell               KOS here does not exist (threat O11)
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from drimbox.errors import InvalidValue, TooLarge
from drimbox.flows.source.published_manifests import PublishedManifests
from drimbox.model.manifest import Manifest
from drimbox.model.patient import Ins, InsAuthority
from drimbox.model.retrieval import DicomJson, DicomQuery, MatchPage, QueryLevel
from drimbox.model.uids import StudyInstanceUid
from drimbox.ports.pacs import Pacs
from drimbox.ports.study_register import CurrentKos, StudyRegister
from drimbox.standards.dicomweb.attribute_matching import COMBINED, matches
from drimbox.standards.dicomweb.manifest_matches import (
    INSTANCE_UID,
    SERIES_UID,
    STUDY_UID,
    find_in_manifests,
    page_of,
    tags_told,
)

MAX_CANDIDATES = 10_000
"""Matches of the PACS that are looked at; beyond, the search must be narrowed."""

_MAX_STUDIES = 1000
_PATIENT_ID = "00100020"
_WILDCARDS = frozenset("*?\\")


@dataclass(frozen=True, slots=True)
class SearchPublished:
    register: StudyRegister
    manifests: PublishedManifests
    pacs: Pacs

    async def __call__(self, query: DicomQuery) -> MatchPage:
        """Return the page of what matches.

        Raises:
            TooLarge: the PACS has more than MAX_CANDIDATES matches.
            Unavailable, RejectedByPartner: the PACS was needed and failed.
        """
        told = tags_told(query.level)
        must_ask_pacs = bool(set(query.asked) - told)
        named, query = await self._named(query)
        if named is None and not must_ask_pacs and _is_worklist(query):
            return await self._newest(query)
        if named is not None and (must_ask_pacs is False or not named):
            return find_in_manifests(await self.manifests.read(named), query)
        return await self._ask_pacs(query, named)

    async def _named(self, query: DicomQuery) -> tuple[Sequence[CurrentKos] | None, DicomQuery]:
        """Find the studies that the query names, by their UIDs or by the INS of their patient."""
        uids = query.matching.get(STUDY_UID)
        if uids:
            studies = [StudyInstanceUid(uid) for uid in uids.split("\\")]
            page = await self.register.list_current(studies=studies, limit=len(studies))
            return page.entries, query
        patient = query.matching.get(_PATIENT_ID, "")
        for ins in _possible_ins(patient):
            page = await self.register.list_current(
                patient_id=ins.xds_patient_id, limit=_MAX_STUDIES
            )
            if page.entries:
                matching = {t: v for t, v in query.matching.items() if t != _PATIENT_ID}
                return page.entries, replace(query, matching=matching)
        if patient and not _WILDCARDS.intersection(patient):
            page = await self.register.list_current(local_patient_id=patient, limit=_MAX_STUDIES)
            if page.entries:
                return page.entries, query
        return None, query

    async def _newest(self, query: DicomQuery) -> MatchPage:
        limit = _MAX_STUDIES if query.limit is None else query.limit
        page = await self.register.list_current(offset=query.offset, limit=limit)
        manifests = await self.manifests.read(page.entries)
        rows = find_in_manifests(manifests, replace(query, offset=0)).rows
        return MatchPage(rows, page.total)

    async def _ask_pacs(self, query: DicomQuery, named: Sequence[CurrentKos] | None) -> MatchPage:
        matching = dict(query.matching)
        if named is not None:
            matching[STUDY_UID] = "\\".join(entry.study_instance_uid for entry in named)
        asked = replace(query, matching=matching, limit=MAX_CANDIDATES + 1, offset=0)
        candidates = await self.pacs.find(asked)
        if len(candidates) > MAX_CANDIDATES:
            raise TooLarge(f"more than {MAX_CANDIDATES} matches: narrow the search")
        if named is None:
            named = await self._published(candidates)
        retrievable = await self._retrievable(query.level, named)
        keys = _after(query)
        rows = [
            row
            for row in candidates
            if _address(row, query.level) in retrievable and matches(row, keys)
        ]
        return page_of(rows, query)

    async def _published(self, candidates: Sequence[DicomJson]) -> Sequence[CurrentKos]:
        uids = dict.fromkeys(_first(row, STUDY_UID) for row in candidates)
        studies = [StudyInstanceUid(uid) for uid in uids if uid]
        return (await self.register.list_current(studies=studies, limit=len(studies))).entries

    async def _retrievable(
        self, level: QueryLevel, entries: Sequence[CurrentKos]
    ) -> frozenset[tuple[str, ...]]:
        """Return the addresses of all that may be retrieved: below a study, what its KOS names."""
        if level is QueryLevel.STUDY:
            return frozenset((entry.study_instance_uid,) for entry in entries)
        manifests = await self.manifests.read(entries)
        return frozenset(address for one in manifests for address in _addresses(one, level))


def _is_worklist(query: DicomQuery) -> bool:
    keys = [*query.matching.values(), *query.filters.values()]
    return query.level is QueryLevel.STUDY and not any(keys)


def _possible_ins(text: str) -> list[Ins]:
    """Return the INS that a Patient ID may be, under each authority; none for a local one."""
    try:
        return [Ins(text, authority) for authority in InsAuthority]
    except InvalidValue:
        return []


def _after(query: DicomQuery) -> dict[str, str]:
    """Return what the PACS was not asked to match; a range of times goes with its dates."""
    dates = {COMBINED[path] for path in query.filters if path in COMBINED}
    return {**query.filters, **{d: query.matching[d] for d in dates if d in query.matching}}


def _addresses(manifest: Manifest, level: QueryLevel) -> list[tuple[str, ...]]:
    study = manifest.study_instance_uid
    if level is QueryLevel.SERIES:
        return [(study, series.series_instance_uid) for series in manifest.series]
    return [
        (study, series.series_instance_uid, instance.sop_instance_uid)
        for series in manifest.series
        for instance in series.instances
    ]


def _address(row: DicomJson, level: QueryLevel) -> tuple[str, ...]:
    unique = (STUDY_UID, SERIES_UID, INSTANCE_UID)[: list(QueryLevel).index(level) + 1]
    return tuple(_first(row, tag) for tag in unique)


def _first(row: DicomJson, tag: str) -> str:
    values = row.get(tag, {}).get("Value")
    return str(values[0]) if isinstance(values, list) and values else ""
