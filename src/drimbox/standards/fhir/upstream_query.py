"""Which of a search's filters the DMP can apply, and how they are asked for (ITI-18; spec 4.2).

Only what narrows safely: a filter that the registry compares more strictly than FHIR does (a code
without its system, an author, an accession number without its issuer) is applied here alone. The
answer is filtered again in any case.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic

from drimbox.errors import InvalidValue
from drimbox.model.document_entry import DocumentQuery, ReferenceId, ReferenceIdKind, SetQuery
from drimbox.model.document_list import DocumentList
from drimbox.model.imaging_codes import (
    ANATOMIC_REGIONS,
    MODALITIES,
    MODALITY_CODE_SYSTEM,
    REGION_CODE_SYSTEM,
)
from drimbox.model.imaging_record import ImagingRecord
from drimbox.model.patient import AssigningAuthority
from drimbox.model.practice import Code
from drimbox.model.uids import Oid
from drimbox.standards.fhir.code_systems import OID_PREFIX, URI, oid_of
from drimbox.standards.fhir.search import Search
from drimbox.standards.fhir.search_filters import Filter
from drimbox.standards.fhir.search_parameters import Record
from drimbox.standards.fhir.search_values import BEGINNING, END, Interval, Token

# rim:LongName less what surrounds one code in a slot.
_MAX_CODE_LENGTH = 240
_UUID_PREFIX = "urn:uuid:"
# Metadata speak UTC, a KOS its site's days: a day more on each side.
_SLACK = timedelta(days=1)
# What DTM writes with four digits.
_YEARS = range(1000, 9999)

_REGION_PARAMETERS = frozenset({"bodysite", "body-site", "anatomical-region"})
# Whose tokens are Study Instance UIDs whatever their system, or where it is that of UIDs.
_STUDY_UIDS = frozenset({"study-instance-uid"})
_MIXED_UIDS = frozenset({"related", "related.identifier"})


@dataclass(frozen=True, slots=True)
class _Found(Generic[Record]):
    """The filters of one search, by parameter."""

    filters: tuple[Filter[Record], ...]

    def choices(self, *names: str) -> Iterator[tuple[Code, ...]]:
        """Return each filter as a choice of codes, less those that no registry can apply."""
        for one in self.filters:
            if one.parameter.name in names:
                codes = tuple(_code(one.parameter.name, value) for value in one.wanted)
                known = tuple(code for code in codes if code is not None)
                if known and len(known) == len(codes):
                    yield known

    def choice(self, name: str) -> tuple[Code, ...]:
        """Return one choice; of several that all must hold, the first narrows enough."""
        return next(self.choices(name), ())

    def bounds(self, name: str) -> Interval | None:
        """Return what all date filters of a name overlap together."""
        spans = [o.bounds for o in self.filters if o.parameter.name == name and o.bounds]
        if not spans:
            return None
        return Interval(max(s.low for s in spans), min(s.high for s in spans))


def document_query(search: Search[ImagingRecord]) -> DocumentQuery:
    """Return the question for a search of DocumentReference, its patient and states left out."""
    found = _Found(search.filters)
    creation = [b for name in ("date", "creation") if (b := found.bounds(name)) is not None]
    created = _common(creation)
    period, begun, ended = (found.bounds(n) for n in ("period", "period-start", "period-end"))
    before = _common([span for span in (period, begun) if span is not None])
    uuids, uids = _identified(search.filters_of("identifier"))
    return DocumentQuery(
        patient_id="",
        entry_uuids=uuids,
        unique_ids=uids,
        class_codes=found.choice("category"),
        facility_types=found.choice("facility"),
        practice_settings=found.choice("setting"),
        event_codes=tuple(found.choices("event", "modality", "bodysite", "anatomical-region")),
        confidentiality_codes=tuple(found.choices("security-label")),
        reference_ids=_references(search.filters, _STUDY_UIDS, _MIXED_UIDS),
        creation_from=_moment(created.low) if created else None,
        creation_to=_moment(created.high) if created else None,
        # An act that has begun before the end of the period may overlap it; one without an end
        # goes on, so that the beginning of the period narrows nothing.
        service_start_from=_moment(begun.low) if begun else None,
        service_start_to=_moment(before.high) if before else None,
        service_stop_from=_moment(ended.low) if ended else None,
        service_stop_to=_moment(ended.high) if ended else None,
    )


def study_query(search: Search[ImagingRecord]) -> DocumentQuery:
    """Return the question for a search of ImagingStudy.

    The modalities of a study are those of its KOS too, which no registry compares.
    """
    found = _Found(search.filters)
    started = found.bounds("started")
    wide = started.widened(_SLACK) if started else None
    return DocumentQuery(
        patient_id="",
        event_codes=tuple(found.choices("bodysite", "body-site")),
        reference_ids=_references(search.filters, frozenset({"_id"}), frozenset({"identifier"})),
        service_start_from=_moment(wide.low) if wide else None,
        service_start_to=_moment(wide.high) if wide else None,
    )


def set_query(search: Search[DocumentList]) -> SetQuery:
    """Return the question for a search of List, its patient and states left out."""
    found = _Found(search.filters)
    submitted = found.bounds("date")
    return SetQuery(
        patient_id="",
        source_ids=_source_ids(search.filters_of("sourceId")),
        content_types=found.choice("designationType"),
        submitted_from=_moment(submitted.low) if submitted else None,
        submitted_to=_moment(submitted.high) if submitted else None,
    )


def _source_ids(filters: Iterable[Filter[DocumentList]]) -> tuple[str, ...]:
    """Return the OIDs that one filter names; each an XDS sourceId to the letter."""
    for one in filters:
        codes = tuple(value.code for value in one.wanted if isinstance(value, Token))
        if codes and all(0 < len(code) < _MAX_CODE_LENGTH for code in codes):
            return codes
    return ()


def _code(parameter: str, value: object) -> Code | None:
    """Return a token as a registry compares one; None where it cannot."""
    if not isinstance(value, Token) or not value.code:
        return None
    system = oid_of(value.system) if value.system else None
    if not value.system and parameter == "modality" and value.code in MODALITIES:
        system = MODALITY_CODE_SYSTEM
    if not value.system and parameter in _REGION_PARAMETERS and value.code in ANATOMIC_REGIONS:
        system = REGION_CODE_SYSTEM
    if system is None or len(value.code) + len(system) > _MAX_CODE_LENGTH:
        return None
    return Code(value.code, system)


def _references(
    filters: Iterable[Filter[ImagingRecord]],
    study_uids: frozenset[str],
    mixed_uids: frozenset[str],
) -> tuple[ReferenceId, ...]:
    """Return the reference ids of the first filter that names nothing else."""
    for one in filters:
        name = one.parameter.name
        references = []
        for value in one.wanted:
            if not isinstance(value, Token) or not 0 < len(value.code) < _MAX_CODE_LENGTH:
                break
            if name in study_uids or (name in mixed_uids and value.system == URI):
                references.append(ReferenceId(value.code, ReferenceIdKind.STUDY_INSTANCE_UID.value))
            elif name == "accession-number" and (issuer := _issuer(value.system)) is not None:
                references.append(ReferenceId(value.code, ReferenceIdKind.ACCESSION.value, issuer))
        if references and len(references) == len(one.wanted):
            return tuple(references)
    return ()


def _issuer(system: str) -> AssigningAuthority | None:
    try:
        return AssigningAuthority(universal_id=Oid(system.removeprefix(OID_PREFIX)))
    except InvalidValue:
        return None


def _identified(
    filters: Sequence[Filter[ImagingRecord]],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the entryUUIDs and the uniqueIds that one filter names."""
    for one in filters:
        codes = [value.code for value in one.wanted if isinstance(value, Token)]
        if any(not 0 < len(code) < _MAX_CODE_LENGTH for code in codes):
            continue
        uuids = tuple(code for code in codes if code.startswith(_UUID_PREFIX))
        if codes:
            return uuids, tuple(code for code in codes if code not in uuids)
    return (), ()


def _common(spans: Sequence[Interval]) -> Interval | None:
    if not spans:
        return None
    return Interval(max(s.low for s in spans), min(s.high for s in spans))


def _moment(moment: datetime) -> datetime | None:
    """Return a bound; none at either end of the calendar, which bounds nothing."""
    if moment in {BEGINNING, END} or moment.year not in _YEARS:
        return None
    return moment.astimezone(UTC)
