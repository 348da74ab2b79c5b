"""What a List is searched by (MHD ITI-66, PDSm)."""

from collections.abc import Iterable, Iterator

from drimbox.model.document_entry import Author, AvailabilityStatus
from drimbox.model.document_list import DocumentList, ListQuery
from drimbox.model.imaging_record import Subject
from drimbox.standards.fhir.code_systems import URI, uri_of
from drimbox.standards.fhir.document_list import LIST_TYPE, LIST_TYPES
from drimbox.standards.fhir.patient_search import patient_keys, patient_parameter
from drimbox.standards.fhir.people_search import author_parameter, person_tokens
from drimbox.standards.fhir.record_search import PATIENT_FILTERS
from drimbox.standards.fhir.search import Search, SearchableResource
from drimbox.standards.fhir.search_parameters import Kind, SearchParameter, table
from drimbox.standards.fhir.search_values import (
    Interval,
    Reference,
    Token,
    code_token,
    identifier_token,
    instant_interval,
)
from drimbox.standards.fhir.upstream_query import set_query

# R4's own words, and what MHD calls a replaced one (3.66.4.1.2.1).
_WORDS_OF = {
    AvailabilityStatus.APPROVED: ("current",),
    AvailabilityStatus.DEPRECATED: ("retired", "superseded"),
}


def _subject_of(found: DocumentList) -> Subject:
    return found.subject


def _states(found: DocumentList) -> Iterator[Token]:
    for word in _WORDS_OF[found.status]:
        yield Token("", word)


def _identifiers(found: DocumentList) -> Iterator[Token]:
    yield identifier_token(URI, found.submission_set.unique_id)
    if found.entry_uuid is not None:
        yield identifier_token(URI, found.entry_uuid)


def _submitted(found: DocumentList) -> Iterator[Interval]:
    yield instant_interval(found.submission_set.submission_time)


def _designations(found: DocumentList) -> Iterator[Token]:
    code = found.submission_set.content_type
    if code.value:
        yield code_token(uri_of(str(code.system)), code.value, code.display)


def _source_ids(found: DocumentList) -> Iterator[Token]:
    if found.submission_set.source_id:
        yield identifier_token(URI, found.submission_set.source_id)


def _authors(found: DocumentList) -> Iterable[Author]:
    return found.submission_set.authors


def _source_tokens(found: DocumentList) -> Iterator[Token]:
    return person_tokens(_authors(found))


def _sources(found: DocumentList) -> Iterator[Reference]:
    tokens = tuple(_source_tokens(found))
    if tokens:
        yield Reference("", "", tokens)


def _items(found: DocumentList) -> Iterator[Reference]:
    for one in found.documents:
        yield Reference("DocumentReference", one.document_id)


def _titles(found: DocumentList) -> Iterator[str]:
    if found.submission_set.title:
        yield found.submission_set.title


DOCUMENT_LIST: SearchableResource[DocumentList] = SearchableResource(
    name="List",
    parameters=table(
        SearchParameter("_id", Kind.TOKEN, lambda one: (Token("", one.identifier),)),
        SearchParameter("_lastUpdated", Kind.DATE, _submitted, "When it was submitted"),
        patient_parameter("patient", _subject_of),
        patient_parameter("subject", _subject_of),
        SearchParameter(
            "code",
            Kind.TOKEN,
            lambda _: (code_token(LIST_TYPES, LIST_TYPE, "SubmissionSet as a FHIR List"),),
            "submissionset; there are no folders in the DMP",
        ),
        SearchParameter(
            "status", Kind.TOKEN, _states, "current (the default), or superseded, as MHD says"
        ),
        SearchParameter("date", Kind.DATE, _submitted, "When it was submitted"),
        SearchParameter(
            "identifier", Kind.TOKEN, _identifiers, "uniqueId or entryUUID", is_identifier=True
        ),
        SearchParameter(
            "designationType", Kind.TOKEN, _designations, "contentTypeCode of the submission (MHD)"
        ),
        SearchParameter(
            "sourceId",
            Kind.TOKEN,
            _source_ids,
            "OID of the system that submitted (MHD)",
            is_identifier=True,
        ),
        author_parameter(
            "source",
            "Who submitted, by :identifier, or chained given, family, identifier",
            _authors,
            _sources,
            _source_tokens,
        ),
        SearchParameter(
            "item", Kind.REFERENCE, _items, "A document in it", target="DocumentReference"
        ),
        SearchParameter("title", Kind.STRING, _titles),
    ),
    sorts=frozenset({"_id", "_lastUpdated", "date", "title"}),
    default_sort="-date",
    includes={
        "List:patient": "Patient",
        "List:subject": "Patient",
        "List:item": "DocumentReference",
        # It is contained: it comes along in any case.
        "List:source": "",
    },
)


def document_list_query(search: Search[DocumentList]) -> ListQuery:
    """Return what to ask for: the sets in the states asked for, of whom the search names."""
    filters = [one for name in PATIENT_FILTERS for one in search.filters_of(name)]
    return ListQuery(
        patients=patient_keys(filters),
        statuses=_statuses(search),
        narrowed_by=set_query(search),
    )


def _statuses(search: Search[DocumentList]) -> frozenset[AvailabilityStatus]:
    filters = search.filters_of("status")
    if not filters:
        return frozenset({AvailabilityStatus.APPROVED})
    return frozenset(
        status
        for status, words in _WORDS_OF.items()
        if all(one.test([Token("", word) for word in words]) for one in filters)
    )
