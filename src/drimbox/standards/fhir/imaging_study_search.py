"""What an ImagingStudy is searched by (FHIR R4, SMART Imaging Access, hl7-eu; spec 4.3)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC

from drimbox.model.document_entry import AvailabilityStatus
from drimbox.model.imaging_codes import REGION_CODE_SYSTEM
from drimbox.model.imaging_record import ImagingRecord
from drimbox.model.imaging_search import RecordQuery
from drimbox.model.manifest import Manifest
from drimbox.standards.fhir.code_systems import DCM, uri_of
from drimbox.standards.fhir.endpoint import WadoEndpoint, viewer_id
from drimbox.standards.fhir.imaging_study import UNKNOWN_MODALITY, acts, person_name, status_of
from drimbox.standards.fhir.record_search import (
    LAST_UPDATED,
    PATIENT_PARAMETER,
    SUBJECT_PARAMETER,
    accession_tokens,
    query_of,
)
from drimbox.standards.fhir.search import Search, SearchableResource
from drimbox.standards.fhir.search_parameters import Kind, SearchParameter, alias, table
from drimbox.standards.fhir.search_values import (
    Interval,
    Reference,
    Token,
    code_token,
    identifier_token,
    instant_interval,
    local_interval,
    uid_token,
)
from drimbox.standards.fhir.upstream_query import study_query

_STATUSES = {
    "available": AvailabilityStatus.APPROVED,
    "cancelled": AvailabilityStatus.DEPRECATED,
}


def _manifest(record: ImagingRecord) -> Manifest:
    assert record.study is not None  # noqa: S101  # searched among records with a KOS
    return record.study.manifest


def _uid(record: ImagingRecord) -> Iterator[Token]:
    yield uid_token(_manifest(record).study_instance_uid)


def _identifiers(record: ImagingRecord) -> Iterator[Token]:
    yield from _uid(record)
    yield from accession_tokens(record)


def _orders(record: ImagingRecord) -> Iterator[Reference]:
    tokens = [*accession_tokens(record)]
    order = _manifest(record).order
    if order is not None and order.placer_order_number:
        issuer = uri_of(order.placer_issuer) if order.placer_issuer else ""
        tokens.append(identifier_token(issuer, order.placer_order_number))
    if tokens:
        yield Reference("ServiceRequest", "", tuple(tokens))


def _order_tokens(record: ImagingRecord) -> Iterator[Token]:
    for reference in _orders(record):
        yield from reference.tokens


def _status(record: ImagingRecord) -> Iterator[Token]:
    yield Token("", status_of(record))


def _started(record: ImagingRecord) -> Iterator[Interval]:
    """The same interval as the written `started` stands for."""
    manifest = _manifest(record)
    if manifest.study_date is None:
        start = record.document.service_start_time
        if start is not None:
            yield instant_interval(start)
    elif manifest.study_time is None or not manifest.created_at.utcoffset():
        yield local_interval(manifest.study_date, manifest.study_time)
    else:
        zone = manifest.created_at.tzinfo or UTC
        yield local_interval(manifest.study_date, manifest.study_time, zone)


def _modalities(record: ImagingRecord) -> Iterator[Token]:
    manifest = _manifest(record)
    codes = {series.modality or UNKNOWN_MODALITY for series in manifest.series}
    if record.study is not None:
        codes.update(record.study.modalities)
    for code in sorted(codes):
        yield code_token(DCM, code)


def _regions(record: ImagingRecord) -> Iterator[Token]:
    if record.study is not None:
        for code in record.study.anatomic_regions:
            yield code_token(uri_of(REGION_CODE_SYSTEM), code.value, code.display)


def _series(record: ImagingRecord) -> Iterator[Token]:
    for series in _manifest(record).series:
        yield uid_token(series.series_instance_uid)


def _instances(record: ImagingRecord) -> Iterator[Token]:
    for series in _manifest(record).series:
        for instance in series.instances:
            yield uid_token(instance.sop_instance_uid)


def _classes(record: ImagingRecord) -> Iterator[Token]:
    for series in _manifest(record).series:
        for uid in {instance.sop_class_uid for instance in series.instances}:
            yield uid_token(uid)


def _endpoints(record: ImagingRecord) -> Iterator[Reference]:
    for source in record.image_sources:
        yield Reference("Endpoint", WadoEndpoint("", source).identifier)
    if record.study is not None and record.is_viewed:
        yield Reference("Endpoint", viewer_id(record.study.study_instance_uid))


def _procedures(record: ImagingRecord) -> Iterator[Token]:
    if record.study is not None:
        for act in acts(record.study):
            yield code_token(uri_of(str(act.system)), act.value, act.display)


def _referrers(record: ImagingRecord) -> Iterator[Reference]:
    """A name is no reference that anything equals; it is not missing either."""
    if person_name(_manifest(record)):
        yield Reference("", "")


_BASED_ON = SearchParameter(
    "basedon",
    Kind.REFERENCE,
    _orders,
    "The order, by :identifier or chained identifier: accession number or placer's number",
    target="ServiceRequest",
    chained={
        "identifier": SearchParameter(
            "basedon.identifier", Kind.TOKEN, _order_tokens, is_identifier=True
        )
    },
)
_BODY_SITE = SearchParameter(
    "bodysite", Kind.TOKEN, _regions, "Anatomic region (JDV 1.2.250.1.213.1.1.5.695)"
)

IMAGING_STUDY: SearchableResource[ImagingRecord] = SearchableResource(
    name="ImagingStudy",
    parameters=table(
        SearchParameter("_id", Kind.TOKEN, lambda r: (Token("", _manifest(r).study_instance_uid),)),
        LAST_UPDATED,
        PATIENT_PARAMETER,
        SUBJECT_PARAMETER,
        SearchParameter(
            "identifier",
            Kind.TOKEN,
            _identifiers,
            "Study Instance UID in any spelling, or accession number",
            is_identifier=True,
        ),
        SearchParameter("started", Kind.DATE, _started, "When the exam began"),
        SearchParameter("status", Kind.TOKEN, _status, "available or cancelled"),
        SearchParameter("modality", Kind.TOKEN, _modalities, "Modality of a series (DCM)"),
        _BODY_SITE,
        alias("body-site", _BODY_SITE),
        _BASED_ON,
        alias("based-on", _BASED_ON),
        SearchParameter(
            "accession-number",
            Kind.TOKEN,
            accession_tokens,
            "Accession number, with or without its issuer as system",
            is_identifier=True,
        ),
        SearchParameter("series", Kind.TOKEN, _series, "Series Instance UID", is_identifier=True),
        SearchParameter("instance", Kind.TOKEN, _instances, "SOP Instance UID", is_identifier=True),
        SearchParameter("dicom-class", Kind.TOKEN, _classes, "SOP Class UID", is_identifier=True),
        SearchParameter("endpoint", Kind.REFERENCE, _endpoints, target="Endpoint"),
        SearchParameter("reason", Kind.TOKEN, lambda _: (), "Never told by a KOS"),
        SearchParameter("performer", Kind.REFERENCE, lambda _: (), "Never told by a KOS"),
        SearchParameter("procedure", Kind.TOKEN, _procedures, "Act: CCAM or LOINC"),
        SearchParameter("referrer", Kind.REFERENCE, _referrers, "Told by name only: :missing"),
    ),
    sorts=frozenset({"_id", "_lastUpdated", "started", "modality"}),
    default_sort="-started",
    includes={
        "ImagingStudy:endpoint": "Endpoint",
        "ImagingStudy:patient": "Patient",
        "ImagingStudy:subject": "Patient",
        "ImagingStudy:basedon": "",
    },
    revincludes=frozenset({"Provenance:target"}),
)


def imaging_study_query(search: Search[ImagingRecord]) -> RecordQuery:
    """Return what to ask for."""
    asked = query_of(search, ("_id", "identifier"), _STATUSES)
    return replace(asked, narrowed_by=study_query(search))
