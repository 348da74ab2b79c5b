"""What ports.study_register.StudyRegister promises."""

from dataclasses import dataclass, replace

import anyio
import pytest
from sqlalchemy import update
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_intake import FakeIntake
from tests.fakes.fake_study_register import FakeAlerts, FakeStudyRegister
from tests.fakes.publications import NOON, PATIENT, kos_number, made_up_publication

from drimbox.adapters.storage_sql.alerts import SqlAlerts
from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.intake import SqlIntake
from drimbox.adapters.storage_sql.outbox import SqlOutbox
from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.adapters.storage_sql.study_register import SqlStudyRegister
from drimbox.adapters.storage_sql.tables import publications
from drimbox.errors import Conflict
from drimbox.model.patient import LocalPatientId
from drimbox.model.publication import Alert, AlertKind, PublicationState
from drimbox.model.study import StudyPatient
from drimbox.model.uids import SopInstanceUid, StudyInstanceUid
from drimbox.ports.study_register import (
    Alerts,
    Intake,
    NewPublication,
    PlacedPublication,
    StudyRegister,
)

LEASE = 120.0


@dataclass
class AnyRegister:
    """A register, and the messages it concludes."""

    intake: Intake
    register: StudyRegister
    alerts: Alerts

    async def receive(self, key: str = "key") -> int:
        await self.intake.keep(key, b"content", NOON)
        message = await self.intake.claim(NOON, LEASE)
        assert message is not None
        return message.message_id

    async def conclude(self, *publications: NewPublication, key: str = "key") -> None:
        await self.register.conclude(await self.receive(key), publications, (), NOON)


class Source(AnyRegister):
    """The ports of one Source over one database, with its outbox."""

    def __init__(self, database: Database, sealing: Sealing) -> None:
        self.sql_intake = SqlIntake(database, sealing)
        register, alerts = SqlStudyRegister(database, sealing), SqlAlerts(database, FakeClock())
        super().__init__(self.sql_intake, register, alerts)
        self.database, self.sql_register = database, register
        self.outbox = SqlOutbox(database, sealing)

    async def send_next(self) -> None:
        job = await self.outbox.claim(NOON, LEASE)
        assert job is not None
        await self.outbox.mark_done(job.job_id, NOON)


@pytest.fixture
def source(database: Database, sealing: Sealing) -> Source:
    return Source(database, sealing)


@pytest.fixture
def any_register(database_or_fake: Database | None, sealing: Sealing) -> AnyRegister:
    if database_or_fake is None:
        alerts = FakeAlerts()
        return AnyRegister(FakeIntake(), FakeStudyRegister(alerts), alerts)
    return Source(database_or_fake, sealing)


ALERT = Alert(AlertKind.STUDY_NOT_IN_PACS, "no such study", NOON, report_id="2.25.1")


@pytest.mark.anyio
@pytest.mark.requirement("SO.22")
async def test_a_publication_is_read_as_it_was_recorded(any_register: AnyRegister) -> None:
    new = made_up_publication()
    await any_register.conclude(new)
    assert (
        await any_register.register.find_current(new.publication.study_instance_uid)
        == new.publication
    )
    kos = new.publication.kos_sop_instance_uid
    assert await any_register.register.find_by_kos(kos) == new.publication


@pytest.mark.anyio
async def test_what_is_unknown_is_not_found(any_register: AnyRegister) -> None:
    assert await any_register.register.find_by_kos(SopInstanceUid("2.25.404")) is None
    study = made_up_publication().publication.study_instance_uid
    assert await any_register.register.find_current(study) is None


@pytest.mark.anyio
async def test_a_message_is_concluded_once_whoever_holds_it(any_register: AnyRegister) -> None:
    message_id = await any_register.receive()
    await any_register.register.conclude(message_id, (made_up_publication(),), (), NOON)
    with pytest.raises(Conflict):
        await any_register.register.conclude(
            message_id, (made_up_publication(kos=2),), (ALERT,), NOON
        )
    assert await any_register.register.find_by_kos(SopInstanceUid(kos_number(1, 2))) is None
    assert await any_register.alerts.find_open() == ()


@pytest.mark.anyio
async def test_a_lot_made_from_a_state_that_has_passed_is_refused(
    any_register: AnyRegister,
) -> None:
    await any_register.conclude(made_up_publication(kos=1), key="first")
    with pytest.raises(Conflict):  # as if the study had no KOS yet
        await any_register.conclude(made_up_publication(kos=2), key="second")
    await any_register.conclude(made_up_publication(kos=3, replaces=1), key="third")
    with pytest.raises(Conflict):  # as if the third were not there
        await any_register.conclude(made_up_publication(kos=4, replaces=1), key="fourth")


@pytest.mark.anyio
async def test_of_racing_messages_about_one_study_one_publishes(source: Source) -> None:
    messages = [await source.receive(f"key {number}") for number in range(20)]
    refused: list[int] = []

    async def race(number: int, message_id: int) -> None:
        try:
            new = made_up_publication(kos=number)
            await source.register.conclude(message_id, (new,), (), NOON)
        except Conflict:
            refused.append(message_id)

    async with anyio.create_task_group() as group:
        for number, message_id in enumerate(messages, 1):
            group.start_soon(race, number, message_id)
    assert len(refused) == 19
    assert len(await source.outbox.find_jobs()) == 1


@pytest.mark.anyio
async def test_alerts_without_publication_stop_the_message_until_it_is_tried_again(
    source: Source,
) -> None:
    message_id = await source.receive()
    await source.register.conclude(message_id, (), (ALERT,), NOON)
    assert await source.intake.claim(NOON, LEASE) is None
    assert [alert.text for alert in await source.alerts.find_open()] == ["no such study"]
    await source.sql_intake.retry_message(message_id, NOON)
    await source.register.conclude(message_id, (made_up_publication(),), (), NOON)
    with pytest.raises(Conflict):
        await source.sql_intake.retry_message(message_id, NOON)


@pytest.mark.anyio
@pytest.mark.requirement("SO.22")
async def test_a_kos_that_stays_gathers_the_reports_that_named_it(
    any_register: AnyRegister,
) -> None:
    new = made_up_publication()
    await any_register.conclude(new, key="first")
    again = replace(new.publication, report_ids=("2.25.77",))
    await any_register.conclude(NewPublication(again, None), key="second")
    kept = await any_register.register.find_by_kos(again.kos_sop_instance_uid)
    assert kept is not None
    assert kept.report_ids == (*new.publication.report_ids, "2.25.77")


@pytest.mark.anyio
async def test_a_late_reader_does_not_turn_a_published_kos_back(source: Source) -> None:
    new = made_up_publication()
    await source.conclude(new, key="first")
    await source.send_next()
    await source.conclude(NewPublication(new.publication, None), key="second")
    kept = await source.register.find_by_kos(new.publication.kos_sop_instance_uid)
    assert kept is not None
    assert kept.state is PublicationState.PUBLISHED


@pytest.mark.anyio
async def test_a_withdrawn_kos_is_no_longer_the_current_one(source: Source) -> None:
    new = made_up_publication()
    await source.conclude(new, key="first")
    await source.send_next()
    withdrawn = replace(new.publication, state=PublicationState.WITHDRAWN)
    await source.conclude(NewPublication(withdrawn, None), key="second")
    assert await source.register.find_current(withdrawn.study_instance_uid) is None
    assert await source.register.find_published() == ()


@pytest.mark.anyio
async def test_published_ones_are_listed_newest_first_of_one_patient_or_all(
    source: Source,
) -> None:
    other = "1^^^&1.2&ISO^NH"
    await source.conclude(
        made_up_publication(study=1),
        made_up_publication(study=2, patient_id=other),
        made_up_publication(study=3),
    )
    assert await source.register.find_published() == ()
    for _ in range(3):
        await source.send_next()
    every = await source.register.find_published()
    assert [p.study_instance_uid[-1] for p in every] == ["3", "2", "1"]
    mine = await source.register.find_published(PATIENT)
    assert [p.study_instance_uid[-1] for p in mine] == ["3", "1"]
    assert [p.patient_id for p in await source.register.find_published(other)] == [other]
    assert len(await source.register.find_published(limit=2)) == 2
    first, second = every[1:]
    some = {first.study_instance_uid, second.study_instance_uid}
    assert await source.register.find_published(studies=some) == (first, second)
    assert await source.register.find_published(other, studies=some) == (first,)
    assert await source.register.find_published(states=[PublicationState.REPLACED]) == ()


@pytest.mark.anyio
async def test_a_walk_goes_through_the_studies_whatever_comes_meanwhile(source: Source) -> None:
    """A study keeps its place when its KOS is replaced; a new one is before all that is to come."""
    await source.conclude(*(made_up_publication(study=n) for n in (1, 2, 3, 4)), key="first")
    for _ in range(4):
        await source.send_next()
    register, published = source.register, (PublicationState.PUBLISHED,)
    page = await register.walk_studies(start=None, limit=2, states=published)
    assert [_kos_of(one) for one in page.publications] == ["4.1", "3.1"]
    replaced = made_up_publication(study=1, kos=2, replaces=1)
    await source.conclude(replaced, made_up_publication(study=5), key="second")
    for _ in range(2):
        await source.send_next()
    rest = await register.walk_studies(start=page.next, limit=2, states=published)
    assert ([_kos_of(one) for one in rest.publications], rest.next) == (["2.1", "1.2"], None)
    every = (*published, PublicationState.REPLACED)
    anew = await register.walk_studies(start=None, limit=9, states=every)
    assert [_kos_of(one) for one in anew.publications] == ["5.1", "4.1", "3.1", "2.1", "1.2", "1.1"]
    assert len({one.place for one in anew.publications}) == 5


@pytest.mark.anyio
async def test_a_walk_passes_studies_of_which_nothing_is_told(any_register: AnyRegister) -> None:
    await any_register.conclude(*(made_up_publication(study=n) for n in (1, 2, 3)))
    register = any_register.register
    page = await register.walk_studies(start=None, limit=2, states=(PublicationState.PUBLISHED,))
    assert page.publications == ()
    assert page.next is not None
    waiting = await register.walk_studies(
        start=page.next, limit=2, states=(PublicationState.PENDING,)
    )
    assert [_kos_of(one) for one in waiting.publications] == ["1.1"]
    assert waiting.next is None


def _kos_of(placed: PlacedPublication) -> str:
    return placed.publication.kos_sop_instance_uid[-3:]


@pytest.mark.anyio
async def test_current_ones_are_listed_by_study_by_patient_and_by_page(source: Source) -> None:
    other = "1^^^&1.2&ISO^NH"
    await source.conclude(
        made_up_publication(study=1),
        made_up_publication(study=2, patient_id=other),
        made_up_publication(study=3),
        key="first",
    )
    for _ in range(3):
        await source.send_next()
    replaced = made_up_publication(study=1, kos=2, replaces=1)
    await source.conclude(replaced, key="second")
    register = source.register
    every = await register.list_current()
    assert [e.kos_sop_instance_uid[-3:] for e in every.entries] == ["1.2", "3.1", "2.1"]
    assert every.total == 3
    page = await register.list_current(offset=1, limit=1)
    assert [e.study_instance_uid[-1] for e in page.entries] == ["3"]
    assert page.total == 3
    mine = await register.list_current(patient_id=other)
    assert [e.study_instance_uid[-1] for e in mine.entries] == ["2"]
    studies = [StudyInstanceUid(f"1.2.250.1.999.7.{n}") for n in (3, 9)]
    named = await register.list_current(studies=studies)
    assert [e.study_instance_uid[-1] for e in named.entries] == ["3"]
    assert (await register.list_current(studies=())).total == 0


@pytest.mark.anyio
async def test_current_ones_are_listed_by_the_patient_number_of_the_pacs(
    any_register: AnyRegister,
) -> None:
    known = made_up_publication(study=1)
    unknown = made_up_publication(study=2)
    patient = StudyPatient(LocalPatientId("IPP7"), "PAQUERETTE^ZOE", "19790312", "F")
    manifest = replace(known.publication.manifest, pacs_patient=patient)
    await any_register.conclude(
        replace(known, publication=replace(known.publication, manifest=manifest)),
        unknown,
        key="first",
    )
    found = await any_register.register.list_current(local_patient_id="IPP7")
    assert [e.study_instance_uid[-1] for e in found.entries] == ["1"]
    both = await any_register.register.list_current()
    assert both.total == 2
    assert (await any_register.register.list_current(local_patient_id="IPP8")).total == 0


@pytest.mark.anyio
async def test_rows_of_before_are_indexed_when_a_box_starts(source: Source) -> None:
    patient = StudyPatient(LocalPatientId("IPP7"))
    for study in range(1, 4):
        new = made_up_publication(study=study)
        manifest = replace(new.publication.manifest, pacs_patient=patient)
        publication = replace(new.publication, manifest=manifest)
        await source.conclude(replace(new, publication=publication), key=f"{study}")
    forget = update(publications).values(local_patient_index=None)
    await source.database.write(lambda c: c.execute(forget).rowcount)
    assert (await source.register.list_current(local_patient_id="IPP7")).total == 0
    await source.sql_register.index_local_patients()
    assert (await source.register.list_current(local_patient_id="IPP7")).total == 3


@pytest.mark.anyio
async def test_manifests_are_read_by_their_kos(any_register: AnyRegister) -> None:
    new = made_up_publication()
    await any_register.conclude(new, key="first")
    kos = new.publication.kos_sop_instance_uid
    found = await any_register.register.find_manifests((kos, SopInstanceUid("2.25.404")))
    assert found == {kos: new.publication.manifest}
