"""What a DocumentReference is searched by (MHD ITI-67, PDSm flow 05-b, MADO; spec 4.2)."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from drimbox.model.document_entry import KOS_TYPE, Author, AvailabilityStatus, ReferenceIdKind
from drimbox.model.imaging_record import ImagingRecord, kos_id_of
from drimbox.model.imaging_search import IMAGING_REPORT_TYPE, RecordQuery, Studies
from drimbox.model.practice import Code
from drimbox.standards.fhir.code_systems import OID_PREFIX, URI, uri_of
from drimbox.standards.fhir.document_reference import (
    MANIFEST_TYPE,
    MEDICAL_IMAGING,
    REPORT_TYPE,
    modalities_of,
    regions_of,
    relations_of,
    status_of,
    types_of,
)
from drimbox.standards.fhir.people_search import author_parameter, person_tokens
from drimbox.standards.fhir.record_search import (
    LAST_UPDATED,
    PATIENT_PARAMETER,
    SUBJECT_PARAMETER,
    accession_tokens,
    query_of,
)
from drimbox.standards.fhir.search import Search, SearchableResource
from drimbox.standards.fhir.search_filters import Filter
from drimbox.standards.fhir.search_parameters import Kind, SearchParameter, alias, table
from drimbox.standards.fhir.search_values import (
    END,
    Interval,
    Reference,
    Token,
    code_token,
    identifier_token,
    instant_interval,
    uid_token,
)
from drimbox.standards.fhir.upstream_query import document_query

_STATUSES = {
    "current": AvailabilityStatus.APPROVED,
    "superseded": AvailabilityStatus.DEPRECATED,
}


def _token(code: Code | None) -> Iterator[Token]:
    if code is not None:
        yield code_token(uri_of(str(code.system)), code.value, code.display)


def _identifiers(record: ImagingRecord) -> Iterator[Token]:
    yield identifier_token(URI, record.document.unique_id)
    if record.document.entry_uuid is not None and not record.is_derived:
        yield identifier_token(URI, record.document.entry_uuid)


def _types(record: ImagingRecord) -> Iterator[Token]:
    for one in types_of(record):
        yield code_token(str(one["system"]), str(one["code"]), str(one.get("display", "")))


def _categories(record: ImagingRecord) -> Iterator[Token]:
    yield from _token(record.document.class_code)
    yield code_token(MEDICAL_IMAGING["system"], MEDICAL_IMAGING["code"])


def _related_documents(record: ImagingRecord) -> Iterator[Reference]:
    for _, target in relations_of(record):
        yield Reference("DocumentReference", target)


def _relations(record: ImagingRecord) -> Iterator[Token]:
    for code, _ in relations_of(record):
        yield code_token("http://hl7.org/fhir/document-relationship-type", code)


def _events(record: ImagingRecord) -> Iterator[Token]:
    for code in record.document.event_codes:
        yield from _token(code)


def _modalities(record: ImagingRecord) -> Iterator[Token]:
    for code in modalities_of(record.document):
        yield from _token(code)


def _regions(record: ImagingRecord) -> Iterator[Token]:
    for code in regions_of(record.document):
        yield from _token(code)


def _labels(record: ImagingRecord) -> Iterator[Token]:
    for code in record.document.confidentiality_codes:
        yield from _token(code)


def _studies(record: ImagingRecord) -> Iterator[Token]:
    for reference in record.document.reference_ids:
        if reference.kind == ReferenceIdKind.STUDY_INSTANCE_UID.value and reference.value:
            yield uid_token(reference.value.removeprefix(OID_PREFIX))
    if record.study is not None:
        yield uid_token(record.study.study_instance_uid)


def _related_tokens(record: ImagingRecord) -> Iterator[Token]:
    yield from _studies(record)
    for reference in record.document.reference_ids:
        if reference.kind != ReferenceIdKind.STUDY_INSTANCE_UID.value and reference.value:
            issuer = reference.issuer.universal_id if reference.issuer else None
            yield identifier_token(uri_of(issuer) if issuer else "", reference.value)


def _related(record: ImagingRecord) -> Iterator[Reference]:
    tokens = tuple(_related_tokens(record))
    if tokens:
        yield Reference("", "", tokens)


def _creation(record: ImagingRecord) -> Iterator[Interval]:
    yield instant_interval(record.document.creation_time)


def _period(record: ImagingRecord) -> Iterator[Interval]:
    """The act; without an end it goes on, as a Period without `end` does (R4 2.24.0.11)."""
    start, stop = record.document.service_start_time, record.document.service_stop_time
    if start is not None:
        low = instant_interval(start).low
        has_end = stop is not None and stop >= start
        yield Interval(low, instant_interval(stop).high if stop and has_end else END)


def _period_start(record: ImagingRecord) -> Iterator[Interval]:
    if record.document.service_start_time is not None:
        yield instant_interval(record.document.service_start_time)


def _period_end(record: ImagingRecord) -> Iterator[Interval]:
    if record.document.service_stop_time is not None:
        yield instant_interval(record.document.service_stop_time)


def _authors(record: ImagingRecord) -> Iterable[Author]:
    return record.document.authors


def _author_tokens(record: ImagingRecord) -> Iterator[Token]:
    yield from person_tokens(record.document.authors)
    for author in record.document.authors:
        for structure in author.structures:
            if structure.identifier:
                yield identifier_token(uri_of(structure.authority), structure.identifier)


def _author_references(record: ImagingRecord) -> Iterator[Reference]:
    tokens = tuple(_author_tokens(record))
    if record.document.authors:
        yield Reference("", "", tokens)


def _archived(record: ImagingRecord) -> Iterator[Token]:
    is_archived = record.document.status is AvailabilityStatus.ARCHIVED
    yield Token("", "true" if is_archived else "false")


def _language(record: ImagingRecord) -> Iterator[Token]:
    if record.document.language_code:
        yield code_token("urn:ietf:bcp:47", record.document.language_code)


def _description(record: ImagingRecord) -> Iterator[str]:
    if record.document.comments:
        yield record.document.comments


def _custodians(record: ImagingRecord) -> Iterator[Reference]:
    tokens = tuple(
        identifier_token(uri_of(structure.authority), structure.identifier)
        for author in record.document.authors
        for structure in author.structures
        if structure.identifier
    )
    if tokens:
        yield Reference("", "", tokens[:1])


_RELATED_IDENTIFIER = SearchParameter(
    "related.identifier", Kind.TOKEN, _related_tokens, is_identifier=True
)
_AUTHOR = author_parameter(
    "author",
    "Who made the document, by :identifier, or chained given, family, identifier",
    _authors,
    _author_references,
    _author_tokens,
)
_REGION = SearchParameter(
    "bodysite", Kind.TOKEN, _regions, "Anatomic region (JDV 1.2.250.1.213.1.1.5.695)"
)

DOCUMENT_REFERENCE: SearchableResource[ImagingRecord] = SearchableResource(
    name="DocumentReference",
    parameters=table(
        SearchParameter("_id", Kind.TOKEN, lambda r: (Token("", r.document_id),)),
        LAST_UPDATED,
        PATIENT_PARAMETER,
        SUBJECT_PARAMETER,
        SearchParameter(
            "identifier", Kind.TOKEN, _identifiers, "uniqueId or entryUUID", is_identifier=True
        ),
        SearchParameter(
            "status",
            Kind.TOKEN,
            lambda r: (Token("", status_of(r.document)),),
            "current (the default) or superseded",
        ),
        SearchParameter("isArchived", Kind.TOKEN, _archived, "PDSm: archived in the DMP"),
        SearchParameter(
            "type",
            Kind.TOKEN,
            _types,
            "IMG-KOS (a KOS), LOINC 85430-7 (a report), LOINC 18748-4 (either)",
        ),
        SearchParameter("category", Kind.TOKEN, _categories, "Class, or Medical-Imaging"),
        SearchParameter("event", Kind.TOKEN, _events, "Modality, anatomic region or act"),
        SearchParameter("modality", Kind.TOKEN, _modalities, "Modality (MADO)"),
        _REGION,
        alias("anatomical-region", _REGION, is_listed=True),
        SearchParameter(
            "study-instance-uid", Kind.TOKEN, _studies, "Of the study (MADO)", is_identifier=True
        ),
        SearchParameter(
            "accession-number",
            Kind.TOKEN,
            accession_tokens,
            "Accession number, with or without its issuer as system (MADO)",
            is_identifier=True,
        ),
        SearchParameter(
            "related",
            Kind.REFERENCE,
            _related,
            "By :identifier: study UID, accession number, order number",
            chained={"identifier": _RELATED_IDENTIFIER},
        ),
        SearchParameter("date", Kind.DATE, _creation, "When the document was made"),
        SearchParameter("creation", Kind.DATE, _creation, "When the document was made (MHD)"),
        SearchParameter("period", Kind.DATE, _period, "When the act took place"),
        SearchParameter("period-start", Kind.DATE, _period_start, "When the act began (PDSm)"),
        SearchParameter("period-end", Kind.DATE, _period_end, "When the act ended (PDSm)"),
        SearchParameter("facility", Kind.TOKEN, lambda r: _token(r.document.facility_type)),
        SearchParameter("setting", Kind.TOKEN, lambda r: _token(r.document.practice_setting)),
        SearchParameter("format", Kind.TOKEN, lambda r: _token(r.document.format_code)),
        SearchParameter("security-label", Kind.TOKEN, _labels),
        _AUTHOR,
        SearchParameter(
            "contenttype",
            Kind.TOKEN,
            lambda r: (code_token("urn:ietf:bcp:13", r.document.mime_type),),
        ),
        SearchParameter("language", Kind.TOKEN, _language),
        SearchParameter("description", Kind.STRING, _description),
        SearchParameter("custodian", Kind.REFERENCE, _custodians, target="Organization"),
        SearchParameter(
            "relatesto",
            Kind.REFERENCE,
            _related_documents,
            "The KOS that a FHIR manifest is made of, or that another replaced",
            target="DocumentReference",
        ),
        SearchParameter(
            "relation", Kind.TOKEN, _relations, "transforms (FHIR manifests), replaces"
        ),
    ),
    sorts=frozenset({"_id", "_lastUpdated", "date", "creation", "period", "period-start"}),
    default_sort="-date",
    includes={
        "DocumentReference:patient": "Patient",
        "DocumentReference:subject": "Patient",
        # These are contained: they come along in any case.
        "DocumentReference:author": "",
        "DocumentReference:authenticator": "",
        "DocumentReference:custodian": "",
        "DocumentReference:relatesto": "DocumentReference",
    },
    revincludes=frozenset({"Provenance:target", "DocumentReference:relatesto"}),
    # PDSm makes status mandatory, MHD does not (D14).
    default_filter=("status", "current"),
)


# A FHIR manifest is made on demand: it is found by who asks for that form, not beside each KOS.
_MANIFEST_PARAMETERS = ("format", "contenttype", "relatesto", "relation")


def wants_manifests(search: Search[ImagingRecord]) -> bool:
    """Tell whether FHIR manifests may be among what is looked for."""
    named = (v.code for f in search.filters_of("_id") for v in f.wanted if isinstance(v, Token))
    return bool(search.filters_of(*_MANIFEST_PARAMETERS)) or any(map(kos_id_of, named))


_CODES_OF_TYPE = {
    KOS_TYPE: frozenset({KOS_TYPE.value, MANIFEST_TYPE["code"]}),
    IMAGING_REPORT_TYPE: frozenset({IMAGING_REPORT_TYPE.value, REPORT_TYPE["code"]}),
}


def _wanted_types(filters: Iterable[Filter[ImagingRecord]]) -> tuple[Code, ...]:
    """Return the types that filters on `type` leave; a modifier leaves them all."""
    left = dict(_CODES_OF_TYPE)
    for one in filters:
        wanted = {value.code for value in one.wanted if isinstance(value, Token)}
        if wanted and "" not in wanted:
            left = {code: known for code, known in left.items() if wanted & known}
    # With none left nothing can match, and nothing needs to be asked but the least.
    return tuple(left) or (KOS_TYPE,)


def document_reference_query(search: Search[ImagingRecord]) -> RecordQuery:
    """Return what to ask for: the metadata, unless a Provenance is to go along."""
    has_manifests = wants_manifests(search)
    brings_relations = "DocumentReference:relatesto" in search.includes
    needs_kos = has_manifests and "Provenance:target" in search.revincludes
    archived = search.filters_of("isArchived")
    asked = query_of(search, ("study-instance-uid",), _STATUSES)
    states = asked.statuses | ({AvailabilityStatus.ARCHIVED} if archived else frozenset())
    return replace(
        asked,
        statuses=states,
        reads=Studies.IF_READABLE if needs_kos else Studies.NOT_NEEDED,
        has_manifests=has_manifests,
        types=_wanted_types(search.filters_of("type")),
        has_relations=brings_relations or bool(search.filters_of("relatesto", "relation")),
        brings_relations=brings_relations,
        narrowed_by=document_query(search),
    )
