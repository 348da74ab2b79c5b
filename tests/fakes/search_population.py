"""A thousand studies, each another: what a search oracle and our own search are both given."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from tests.fakes.imaging_records import made_up_record
from tests.fakes.manifests import made_up_manifest, made_up_series

from drimbox.model.document_entry import AvailabilityStatus, ReferenceId, ReferenceIdKind
from drimbox.model.imaging_record import ImagingRecord
from drimbox.model.manifest import ImagingOrder, Manifest
from drimbox.model.patient import AssigningAuthority
from drimbox.model.practice import Code
from drimbox.model.study import AccessionNumber
from drimbox.model.uids import Oid, SopInstanceUid, StudyInstanceUid

MODALITIES = ("CT", "MR", "US", "PT", "NM", "DX")
REGIONS = ("774007", "67734004", "69536005")
ISSUERS = (Oid("1.2.250.1.999.1"), Oid("1.2.250.1.999.2"), None)
FIRST_DAY = date(2023, 11, 2)
_DCM = "1.2.840.10008.2.16.4"
_CCAM = "1.2.250.1.213.2.5"
_SNOMED = "2.16.840.1.113883.6.96"


def made_up_population(count: int, seed: int = 7) -> tuple[ImagingRecord, ...]:
    """Return the same records each time: study 1.2.3.<n>, KOS 2.25.<n>, accession A<n, 5 digits>.

    Times stay clear of midnight in any zone.
    """
    return tuple(_records(count, Random(seed)))  # no secret: the same each time


def _records(count: int, random: Random) -> Iterator[ImagingRecord]:
    for number in range(1, count + 1):
        yield _record(number, random)


def _record(number: int, random: Random) -> ImagingRecord:
    manifest = _manifest(number, random)
    regions = random.sample(REGIONS, random.choice((0, 1, 1, 2)))
    start = datetime.combine(manifest.study_date, time(8), UTC) if manifest.study_date else None
    deprecated = random.random() < 0.1
    made = made_up_record(
        manifest,
        entry_uuid=None,
        status=AvailabilityStatus.DEPRECATED if deprecated else AvailabilityStatus.APPROVED,
        creation_time=datetime(2026, 1, 1, 9, tzinfo=UTC) + timedelta(days=number % 90),
        event_codes=tuple(
            [Code(one, _DCM) for one in manifest.modalities]
            + [Code(one, _SNOMED, "Région") for one in regions]
            + [Code("ZBQK002", _CCAM, "Radiographie")] * random.choice((0, 1))
        ),
        comments=random.choice((None, "Images du thorax", "Images de l'abdomen")),
        reference_ids=_references(manifest),
        service_start_time=start,
        service_stop_time=start + timedelta(minutes=random.choice((10, 40))) if start else None,
    )
    updated = datetime(2026, 7, 1, 9, tzinfo=UTC) + timedelta(days=number % 30)
    return replace(made, updated_at=updated)


def _manifest(number: int, random: Random) -> Manifest:
    modalities = random.sample(MODALITIES, random.choice((1, 1, 2)))
    day = FIRST_DAY + timedelta(days=random.randrange(900)) if random.random() < 0.9 else None
    issuer = random.choice(ISSUERS)
    return made_up_manifest(
        study_instance_uid=StudyInstanceUid(f"1.2.3.{number}"),
        sop_instance_uid=SopInstanceUid(f"2.25.{number}"),
        order=ImagingOrder(AccessionNumber(f"A{number:05}", issuer), None, None),
        series=tuple(
            made_up_series(number * 10 + i, 2, modality=one) for i, one in enumerate(modalities)
        ),
        study_date=day,
        study_time=time(8 + number % 9, 30) if day else None,
        created_at=datetime(2026, 7, 1, 9, tzinfo=UTC) + timedelta(minutes=number),
        study_description=random.choice(("Scanner thoracique", "IRM cérébrale", "Échographie")),
    )


def _references(manifest: Manifest) -> tuple[ReferenceId, ...]:
    order = manifest.order
    assert order is not None
    assert order.accession_number is not None
    issuer = order.accession_number.issuer
    return (
        ReferenceId(
            order.accession_number.value,
            ReferenceIdKind.ACCESSION.value,
            AssigningAuthority(universal_id=issuer) if issuer else None,
        ),
        ReferenceId(str(manifest.study_instance_uid), ReferenceIdKind.STUDY_INSTANCE_UID.value),
    )
