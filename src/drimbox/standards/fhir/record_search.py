"""What ImagingStudy and DocumentReference are both searched by: the patient, and the question."""

from collections.abc import Iterator, Mapping

from drimbox.errors import InvalidValue
from drimbox.model.document_entry import AvailabilityStatus
from drimbox.model.imaging_record import ImagingRecord, Subject
from drimbox.model.imaging_search import RecordQuery
from drimbox.model.uids import StudyInstanceUid
from drimbox.standards.fhir.code_systems import OID_PREFIX, URI
from drimbox.standards.fhir.patient_search import patient_keys, patient_parameter
from drimbox.standards.fhir.search import Search
from drimbox.standards.fhir.search_filters import Filter
from drimbox.standards.fhir.search_parameters import Kind, SearchParameter
from drimbox.standards.fhir.search_values import (
    Interval,
    Token,
    identifier_token,
    instant_interval,
)

PATIENT_FILTERS = tuple(
    f"{name}{chain}" for chain in ("", ".identifier", "._id") for name in ("patient", "subject")
)


def subject_of(record: ImagingRecord) -> Subject:
    return record.subject


def updated(record: ImagingRecord) -> Iterator[Interval]:
    yield instant_interval(record.updated_at)


PATIENT_PARAMETER = patient_parameter("patient", subject_of)
SUBJECT_PARAMETER = patient_parameter("subject", subject_of)
LAST_UPDATED: SearchParameter[ImagingRecord] = SearchParameter(
    "_lastUpdated", Kind.DATE, updated, "When the DMP came to hold this version of the KOS"
)


def accession_tokens(record: ImagingRecord) -> Iterator[Token]:
    """Numbers of the KOS and of the metadata, with their issuers where told."""
    for reference in record.document.reference_ids:
        if reference.kind.endswith(":accession") and reference.value:
            issuer = reference.issuer.universal_id if reference.issuer else None
            yield identifier_token(OID_PREFIX + issuer if issuer else "", reference.value)
    order = record.study.manifest.order if record.study is not None else None
    if order is not None and order.accession_number is not None:
        number = order.accession_number
        yield identifier_token(OID_PREFIX + number.issuer if number.issuer else "", number.value)


def query_of(
    search: Search[ImagingRecord],
    study_filters: tuple[str, ...],
    statuses: Mapping[str, AvailabilityStatus],
) -> RecordQuery:
    """Return the widest question that answers a search.

    study_filters name the parameters whose tokens are Study Instance UIDs and nothing else.
    """
    filters = [one for name in PATIENT_FILTERS for one in search.filters_of(name)]
    return RecordQuery(
        patients=patient_keys(filters),
        studies=_studies(search.filters_of(*study_filters)),
        statuses=_statuses(search.filters_of("status"), statuses),
    )


def _studies(filters: tuple[Filter[ImagingRecord], ...]) -> tuple[StudyInstanceUid, ...] | None:
    for one in filters:
        tokens = [value for value in one.wanted if isinstance(value, Token)]
        # `identifier` without a system may be an accession number: it narrows nothing.
        if tokens and (one.parameter.name == "_id" or all(t.system == URI for t in tokens)):
            return tuple(uid for token in tokens for uid in _uid(token.code))
    return None


def _uid(text: str) -> Iterator[StudyInstanceUid]:
    """Read a UID; what is none names no study, so that nothing is found."""
    try:
        yield StudyInstanceUid(text)
    except InvalidValue:
        return


def _statuses(
    filters: tuple[Filter[ImagingRecord], ...], statuses: Mapping[str, AvailabilityStatus]
) -> frozenset[AvailabilityStatus]:
    """Return the states that any filter on the status may accept; the approved ones by default."""
    if not filters:
        return frozenset({AvailabilityStatus.APPROVED})
    return frozenset(
        status
        for word, status in statuses.items()
        if all(one.test((Token("", word),)) for one in filters)
    )
