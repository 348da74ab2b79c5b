"""Manifests made up for tests."""

from datetime import UTC, date, datetime, time, timedelta, timezone

from drimbox.model.manifest import ImagingOrder, Manifest, ReferencedInstance, ReferencedSeries
from drimbox.model.patient import (
    BirthDate,
    District,
    Gender,
    Ins,
    InsAuthority,
    PatientTraits,
    ins_control_key,
)
from drimbox.model.study import AccessionNumber
from drimbox.model.uids import (
    Oid,
    SeriesInstanceUid,
    SopClassUid,
    SopInstanceUid,
    StudyInstanceUid,
)

CT = SopClassUid("1.2.840.10008.5.1.4.1.1.2")
SR = SopClassUid("1.2.840.10008.5.1.4.1.1.88.22")
STUDY = StudyInstanceUid("1.2.250.1.999.7.1")
_NUMBER = "2790351215189"


def made_up_ins(authority: InsAuthority = InsAuthority.NIR_TEST) -> Ins:
    return Ins(_NUMBER + ins_control_key(_NUMBER), authority)


def made_up_patient(**changes: object) -> PatientTraits:
    values: dict[str, object] = {
        "ins": made_up_ins(),
        "family_name": "PÂQUERETTE",
        "given_name": "ZOÉ",
        "gender": Gender.FEMALE,
        "birth_date": BirthDate("19790300"),
        "birth_place": District("2A004"),
        "birth_given_names": ("ZOÉ", "MARIE", "ANNE"),
        "used_family_name": "LAGRANGE",
        "used_given_name": "MARIE",
    }
    return PatientTraits(**(values | changes))  # type: ignore[arg-type]


def made_up_series(number: int, count: int, **changes: object) -> ReferencedSeries:
    uid = SeriesInstanceUid(f"{STUDY}.{number}")
    values: dict[str, object] = {
        "series_instance_uid": uid,
        "retrieve_url": f"https://db1.test/dicom-web/studies/{STUDY}/series/{uid}",
        "instances": tuple(
            ReferencedInstance(SopInstanceUid(f"{uid}.{i}"), CT, i) for i in range(1, count + 1)
        ),
        "modality": "CT",
        "series_number": number,
        "series_description": "Thorax sans injection : 1,25 mm",
    }
    return ReferencedSeries(**(values | changes))  # type: ignore[arg-type]


def made_up_manifest(**changes: object) -> Manifest:
    """Build the maximal manifest: two series, CT and SR, everything filled."""
    report = made_up_series(
        9,
        1,
        modality="SR",
        series_description="Dose",
        instances=(ReferencedInstance(SopInstanceUid(f"{STUDY}.9.1"), SR, 1),),
        retrieve_location_uid=Oid("1.2.250.1.999.3"),
    )
    values: dict[str, object] = {
        "sop_instance_uid": SopInstanceUid("2.25.1"),
        "series_instance_uid": SeriesInstanceUid("2.25.2"),
        "study_instance_uid": STUDY,
        "patient": made_up_patient(),
        "order": ImagingOrder(
            AccessionNumber("ACC0001", Oid("1.2.250.1.999.1")), "ORD-77", Oid("1.2.250.1.999.2")
        ),
        "series": (made_up_series(2, 3), report),
        "created_at": datetime(2026, 7, 14, 9, 30, 5, tzinfo=timezone(timedelta(hours=2))),
        "study_date": date(2026, 7, 13),
        "study_time": time(18, 1, 2, 500000),
        "study_description": "Scanner thoracique",
        "study_id": "S1",
        "referring_physician_name": "MÉDECIN^JEAN",
        "institution_name": "Clinique des Bleuets",
        "institution_identifier": "1330781360",
        "act_display": "TDM du thorax",
    }
    return Manifest(**(values | changes))  # type: ignore[arg-type]


NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
