"""A received report becomes one KOS a study, or an alert: the journey up to the outbox."""

from dataclasses import replace
from datetime import date, time, timedelta

import pytest
from tests.fakes.fake_clock import START
from tests.fakes.fake_study_register import FakeStudyRegister
from tests.fakes.publishing_house import RULES, PublishingHouse
from tests.fakes.reports import (
    ISSUER,
    PACS_PATIENT,
    REPORT,
    SENDING,
    STRUCTURE,
    STUDY,
    message_of,
    study_in_pacs,
    without_ipp,
)

from drimbox.errors import Conflict, RejectedByPartner, Unavailable
from drimbox.model.manifest import ImagingOrder
from drimbox.model.patient import LocalPatientId
from drimbox.model.practice import Structure
from drimbox.model.publication import AlertKind, PublicationState
from drimbox.model.report import ReportEvent, Visibility
from drimbox.model.study import AccessionNumber
from drimbox.model.uids import Oid, StudyInstanceUid
from drimbox.standards.dicom.kos import parse_kos


@pytest.fixture
def house() -> PublishingHouse:
    house = PublishingHouse()
    house.pacs.hold(study_in_pacs())
    return house


@pytest.mark.anyio
@pytest.mark.requirement("SO.12")
@pytest.mark.requirement("SO.14")
@pytest.mark.requirement("SO.22")
async def test_a_study_of_the_report_becomes_a_kos_in_the_outbox(house: PublishingHouse) -> None:
    await house.publish(message_of())
    (publication,) = house.register.publications
    (lot,) = house.register.lots
    assert house.alert_kinds == []
    assert house.register.concluded == {1: START}
    assert publication.state is PublicationState.PENDING
    assert publication.report_ids == (REPORT.document_id,)
    assert publication.metadata == lot.metadata
    assert lot.document_unique_id == publication.kos_sop_instance_uid
    assert lot.replaces is None
    assert [document.mime_type for document in lot.documents] == ["application/dicom", "text/xml"]
    assert lot.documents[0].content == publication.kos
    manifest = parse_kos(publication.kos)
    assert manifest.study_instance_uid == STUDY.study_instance_uid
    assert manifest.patient == REPORT.patient
    assert manifest.order == REPORT.orders[0]
    assert manifest.created_at == START
    assert [series.modality for series in manifest.series] == ["CT", "SR"]
    assert manifest.instance_count == 4


@pytest.mark.anyio
async def test_each_series_says_where_it_is_retrieved(house: PublishingHouse) -> None:
    await house.publish(message_of())
    (publication,) = house.register.publications
    study = STUDY.study_instance_uid
    assert [series.retrieve_url for series in publication.manifest.series] == [
        f"https://db1.test.mesimagesmedicales.fr/dicom-web/studies/{study}/series/{study}.{n}"
        for n in (1, 2)
    ]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("day", "offset_hours"),
    [
        pytest.param(date(2026, 7, 13), 2, id="an exam of the summer"),
        pytest.param(date(2026, 1, 13), 1, id="an exam of the winter"),
        pytest.param(date(1900, 1, 1), 1, id="one of a day before there were zones"),
    ],
)
async def test_a_kos_has_the_offset_of_its_exam_whenever_it_is_made(
    house: PublishingHouse, day: date, offset_hours: int
) -> None:
    """One offset holds for all times of an object (PS3.3 C.12.1.1.8), Study Time among them."""
    house.pacs.hold(replace(study_in_pacs(), study_date=day, study_time=time(10, 15)))
    await house.publish(message_of())
    (publication,) = house.register.publications
    manifest = parse_kos(publication.kos)
    assert (manifest.study_date, manifest.study_time) == (day, time(10, 15))
    assert manifest.created_at == START
    assert manifest.created_at.utcoffset() == timedelta(hours=offset_hours)


@pytest.mark.anyio
async def test_three_acts_on_two_studies_make_two_kos(house: PublishingHouse) -> None:
    second = replace(STUDY, study_instance_uid=StudyInstanceUid("1.2.250.1.999.7.2"))
    house.pacs.hold(study_in_pacs(second.study_instance_uid))
    await house.publish(message_of(replace(REPORT, studies=(STUDY, second, STUDY))))
    assert [p.study_instance_uid for p in house.register.publications] == [
        STUDY.study_instance_uid,
        second.study_instance_uid,
    ]
    assert house.pacs.asked == [STUDY.study_instance_uid, second.study_instance_uid]
    uids = [lot.unique_id for lot in house.register.lots]
    assert len({*uids, *(lot.document_unique_id for lot in house.register.lots)}) == 4


REFUSED = [
    pytest.param(
        {"instances": 0},
        AlertKind.STUDY_NOT_IN_PACS,
        id="a study without images",
        marks=pytest.mark.requirement("SO.15"),
    ),
    pytest.param(
        {"patient": replace(PACS_PATIENT, patient_id=LocalPatientId("OTHER"))},
        AlertKind.PATIENT_MISMATCH,
        id="another patient",
        marks=pytest.mark.requirement("SO.16"),
    ),
    pytest.param(
        {"accession": AccessionNumber("OTHER", ISSUER)},
        AlertKind.ACCESSION_MISMATCH,
        id="another accession number",
        marks=pytest.mark.requirement("SO.17"),
    ),
    pytest.param(
        {"accession": AccessionNumber("ACN103", Oid("1.2.3"))},
        AlertKind.ACCESSION_MISMATCH,
        id="another issuer",
        marks=pytest.mark.requirement("SO.17"),
    ),
    pytest.param(
        {"accession": None},
        AlertKind.ACCESSION_MISMATCH,
        id="no accession number",
        marks=pytest.mark.requirement("SO.17"),
    ),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("in_pacs", "kind"), REFUSED)
async def test_what_does_not_match_is_not_published_but_alerted(
    house: PublishingHouse, in_pacs: dict[str, object], kind: AlertKind
) -> None:
    house.pacs.hold(study_in_pacs(**in_pacs))  # type: ignore[arg-type]
    await house.publish(message_of())
    assert (house.register.publications, house.register.lots) == ([], [])
    (alert,) = house.register.alerts.alerts
    assert alert.kind is kind
    assert (alert.study_instance_uid, alert.report_id, alert.message_id) == (
        STUDY.study_instance_uid,
        REPORT.document_id,
        1,
    )
    for value in (REPORT.patient.family_name, REPORT.patient.ins.value, "IPP101", "ACN103"):
        assert value not in alert.text


@pytest.mark.anyio
@pytest.mark.requirement("SO.15")
async def test_a_study_the_pacs_does_not_know_stops_that_study_alone(
    house: PublishingHouse,
) -> None:
    missing = replace(STUDY, study_instance_uid=StudyInstanceUid("1.2.250.1.999.7.9"))
    await house.publish(message_of(replace(REPORT, studies=(missing, STUDY))))
    assert [p.study_instance_uid for p in house.register.publications] == [STUDY.study_instance_uid]
    assert house.alert_kinds == [AlertKind.STUDY_NOT_IN_PACS]


@pytest.mark.anyio
async def test_a_pacs_without_issuer_matches_the_only_order_with_that_number(
    house: PublishingHouse,
) -> None:
    house.pacs.hold(study_in_pacs(accession=AccessionNumber("ACN103")))
    elsewhere = ImagingOrder(AccessionNumber("ACN103", Oid("1.2.3")))
    await house.publish(message_of())
    assert house.register.publications[0].manifest.order == REPORT.orders[0]
    await house.publish(message_of(replace(REPORT, orders=(*REPORT.orders, elsewhere))))
    assert house.alert_kinds == [AlertKind.ACCESSION_MISMATCH]


@pytest.mark.anyio
async def test_a_message_without_ipp_is_matched_otherwise_unless_the_site_demands_it(
    house: PublishingHouse,
) -> None:
    content = message_of(without_ipp())
    await house.publish(content)
    assert len(house.register.publications) == 1
    house.rules = replace(RULES, is_local_patient_id_required=True)
    await house.publish(content)
    assert house.alert_kinds == [AlertKind.PATIENT_MISMATCH]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "failure", [Unavailable("PACS"), RejectedByPartner("PACS", "A700")], ids=["away", "busy"]
)
async def test_a_pacs_that_fails_concludes_nothing(
    house: PublishingHouse, failure: Unavailable | RejectedByPartner
) -> None:
    house.pacs.failure = failure
    with pytest.raises(Unavailable):
        await house.publish(message_of())
    assert (house.register.concluded, house.alert_kinds) == ({}, [])


@pytest.mark.anyio
async def test_a_report_that_is_not_for_the_dmp_ends_without_a_kos(house: PublishingHouse) -> None:
    await house.publish(message_of(sending=replace(SENDING, is_for_dmp=False)))
    assert (house.register.publications, house.alert_kinds) == ([], [])
    assert house.register.concluded == {1: START}
    assert house.pacs.asked == []


@pytest.mark.anyio
@pytest.mark.requirement("SO.13")
async def test_the_same_again_sends_nothing_and_notes_the_report(house: PublishingHouse) -> None:
    await house.publish(message_of())
    house.clock.advance(3600)
    again = replace(REPORT, document_id="1.2.250.1.999.45.2", version_number=2)
    await house.publish(message_of(again, replace(SENDING, event=ReportEvent.REPLACEMENT)))
    (publication,) = house.register.publications
    assert len(house.register.lots) == 1
    assert publication.report_ids == (REPORT.document_id, "1.2.250.1.999.45.2")
    assert publication.created_at == START


CHANGES = [
    pytest.param({"visibility": frozenset({Visibility.INVISIBLE_TO_PATIENT})}, {}, id="visibility"),
    pytest.param({}, {"instances": 3}, id="an image more"),
    pytest.param({}, {"modalities": ("CT",)}, id="a series less"),
]


@pytest.mark.anyio
@pytest.mark.requirement("SO.13")
@pytest.mark.parametrize(("sending", "in_pacs"), CHANGES)
@pytest.mark.requirement("DMP-1")
async def test_a_change_replaces_the_kos_by_one_of_a_new_uid(
    house: PublishingHouse, sending: dict[str, object], in_pacs: dict[str, object]
) -> None:
    await house.publish(message_of())
    house.register.mark_published()
    house.pacs.hold(study_in_pacs(**in_pacs))  # type: ignore[arg-type]
    await house.publish(message_of(sending=replace(SENDING, **sending)))  # type: ignore[arg-type]
    first, second = house.register.publications
    assert house.register.lots[1].replaces == first.kos_sop_instance_uid
    assert second.kos_sop_instance_uid != first.kos_sop_instance_uid
    assert second.state is PublicationState.PENDING


class StaleRegister(FakeStudyRegister):
    """Another worker publishes right after this one has read that nothing is published."""

    async def find_current(self, study_instance_uid: StudyInstanceUid) -> None:
        del study_instance_uid


@pytest.mark.anyio
async def test_a_study_changed_meanwhile_is_a_conflict_and_stores_nothing(
    house: PublishingHouse,
) -> None:
    await house.publish(message_of())
    house.register = StaleRegister(
        publications=house.register.publications, lots=house.register.lots
    )
    house.pacs.hold(study_in_pacs(instances=3))
    with pytest.raises(Conflict):
        await house.publish(message_of())
    assert (len(house.register.publications), len(house.register.lots)) == (1, 1)


@pytest.mark.anyio
async def test_a_deleted_report_tells_the_operator_of_its_kos(house: PublishingHouse) -> None:
    deletion = message_of(sending=replace(SENDING, event=ReportEvent.DELETION))
    await house.publish(deletion)
    assert (house.alert_kinds, house.pacs.asked) == ([], [])
    await house.publish(message_of())
    await house.publish(deletion)
    assert house.alert_kinds == [AlertKind.EVENT_NOT_HANDLED]
    assert house.register.alerts.alerts[0].study_instance_uid == STUDY.study_instance_uid


@pytest.mark.anyio
@pytest.mark.requirement("SO.89")
async def test_the_structure_of_the_report_chooses_the_certificates(house: PublishingHouse) -> None:
    other = Structure("1330000009", "Autre centre")
    house.rules = replace(RULES, establishments=(other, STRUCTURE))
    house.signer.installed = (other.identifier, STRUCTURE.identifier)
    await house.publish(message_of())
    assert house.signer.signed_for == [STRUCTURE.identifier]
    assert house.register.lots[0].identity.structure_identifier == STRUCTURE.identifier


@pytest.mark.anyio
async def test_a_structure_that_is_not_installed_is_alerted(house: PublishingHouse) -> None:
    others = (Structure("1330000009", "Un"), Structure("1330000017", "Deux"))
    house.rules = replace(RULES, establishments=others)
    await house.publish(message_of())
    house.rules = RULES
    house.signer.installed = ()
    await house.publish(message_of())
    assert set(house.alert_kinds) == {AlertKind.STRUCTURE_NOT_INSTALLED}
    assert house.register.publications == []
