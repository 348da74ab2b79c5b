"""Searches made as a client writes them, on made-up records, without HTTP."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import parse_qsl

from tests.fakes.imaging_records import made_up_record
from tests.fakes.manifests import made_up_manifest, made_up_series

from drimbox.model.imaging_record import ImagingRecord
from drimbox.model.manifest import ImagingOrder
from drimbox.model.practice import Code
from drimbox.model.study import AccessionNumber
from drimbox.model.uids import Oid, SopInstanceUid, StudyInstanceUid
from drimbox.standards.fhir.search import Search, SearchableResource, parse_search
from drimbox.standards.fhir.search_filters import SearchScene
from drimbox.standards.fhir.search_page import select
from drimbox.standards.fhir.search_parameters import Record
from drimbox.standards.fhir.search_values import Token

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
SCENE = SearchScene("https://box.test/fhir", NOW)
ISSUER = Oid("1.2.250.1.999.1")


def record(number: int, day: date | None, modality: str, region: str) -> ImagingRecord:
    """Return exam <number>: study 1.2.3.<number>, KOS 2.25.<number>, accession A<number>."""
    manifest = made_up_manifest(
        study_instance_uid=StudyInstanceUid(f"1.2.3.{number}"),
        sop_instance_uid=SopInstanceUid(f"2.25.{number}"),
        order=ImagingOrder(AccessionNumber(f"A{number}", ISSUER), f"P{number}", None),
        series=(made_up_series(number, 2, modality=modality),),
        study_date=day,
        study_time=time(8, 30) if day else None,
        created_at=datetime(2026, 7, number, 9, tzinfo=UTC),
        study_description=f"Examen {number}",
    )
    start = datetime.combine(day, time(7), UTC) if day else None
    made = made_up_record(
        manifest,
        entry_uuid=None,
        event_codes=(
            Code(modality, "1.2.840.10008.2.16.4"),
            Code(region, "2.16.840.1.113883.6.96", "Région"),
        ),
        reference_ids=(),
        service_start_time=start,
        service_stop_time=start + timedelta(minutes=30) if start else None,
    )
    return replace(made, updated_at=manifest.created_at)


RECORDS = (
    record(1, date(2024, 1, 13), "CT", "774007"),
    record(2, date(2024, 3, 31), "MR", "774007"),
    record(3, date(2025, 12, 31), "CT", "67734004"),
    record(4, None, "XC", "67734004"),
)


def parse(
    resource: SearchableResource[Record], query: str, *, is_strict: bool = False
) -> Search[Record]:
    pairs = parse_qsl(query, keep_blank_values=True)
    return parse_search(resource, pairs, SCENE, is_strict=is_strict)


def found(resource: SearchableResource[Record], query: str, records: Sequence[Record]) -> list[str]:
    """Return the logical ids found, in order."""
    page = select(parse(resource, query), records)
    identify = resource.parameters["_id"].values
    return [t.code for r in page.matches for t in identify(r) if isinstance(t, Token)]
