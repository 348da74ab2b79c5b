"""Several PACS as one: who holds a study is asked for it; one that fails is not passed over."""

import pytest
from tests.fakes.fake_pacs import FakePacs

from drimbox.errors import NotFound, Unavailable
from drimbox.flows.several_pacs import SeveralPacs
from drimbox.model.patient import AssigningAuthority, LocalPatientId
from drimbox.model.retrieval import DicomQuery, QueryLevel, TargetResource
from drimbox.model.study import Instance, Series, Study, StudyPatient
from drimbox.model.uids import SeriesInstanceUid, SopClassUid, SopInstanceUid, StudyInstanceUid

pytestmark = pytest.mark.anyio
CT = SopClassUid("1.2.840.10008.5.1.4.1.1.2")
LEFT, RIGHT, NOWHERE = (StudyInstanceUid(f"1.2.3.{number}") for number in (1, 2, 404))


def study(uid: StudyInstanceUid, issuer: str) -> Study:
    """Build a study of the patient 7 of that issuer: another person in each domain."""
    instance = Instance(SopInstanceUid(f"{uid}.1.1"), CT)
    series = Series(SeriesInstanceUid(f"{uid}.1"), "CT", (instance,))
    patient = StudyPatient(LocalPatientId("7", AssigningAuthority(issuer)))
    return Study(uid, patient, None, (series,))


@pytest.fixture
def left() -> FakePacs:
    pacs = FakePacs(matches=({"0020000D": {"vr": "UI", "Value": [LEFT]}},))
    pacs.hold(study(LEFT, "NORD"))
    return pacs


@pytest.fixture
def right() -> FakePacs:
    pacs = FakePacs()
    pacs.hold(study(RIGHT, "SUD"))
    return pacs


@pytest.fixture
def pacs(left: FakePacs, right: FakePacs) -> SeveralPacs:
    return SeveralPacs((left, right))


async def instances_of(pacs: SeveralPacs, uid: StudyInstanceUid) -> list[str]:
    return [one.sop_instance_uid async for one in pacs.retrieve(TargetResource(uid))]


@pytest.mark.requirement("SO.04")
async def test_a_study_keeps_the_patient_id_domain_of_who_holds_it(pacs: SeveralPacs) -> None:
    found = [(await pacs.find_study(uid)).patient.patient_id for uid in (LEFT, RIGHT)]
    assert [one and one.issuer and one.issuer.namespace_id for one in found] == ["NORD", "SUD"]


async def test_only_the_holder_is_asked_once_it_is_known(
    pacs: SeveralPacs, left: FakePacs, right: FakePacs
) -> None:
    await pacs.find_study(RIGHT)
    left.failure = Unavailable("PACS")
    left.asked.clear()
    assert await instances_of(pacs, RIGHT) == [f"{RIGHT}.1.1"]
    await pacs.find(DicomQuery(QueryLevel.SERIES, {"0020000D": RIGHT}))
    assert not left.asked
    assert len(right.asked) == 3


async def test_a_holder_is_looked_for_before_a_retrieval(pacs: SeveralPacs) -> None:
    assert await instances_of(pacs, LEFT) == [f"{LEFT}.1.1"]


async def test_what_none_holds_is_not_found(pacs: SeveralPacs, left: FakePacs) -> None:
    left.matches = ()
    with pytest.raises(NotFound):
        await pacs.find_study(NOWHERE)
    with pytest.raises(NotFound):
        await instances_of(pacs, NOWHERE)


async def test_not_found_is_not_said_for_one_that_does_not_answer(
    pacs: SeveralPacs, right: FakePacs
) -> None:
    right.failure = Unavailable("PACS")
    with pytest.raises(Unavailable):
        await pacs.find_study(NOWHERE)
    with pytest.raises(Unavailable):
        await pacs.find(DicomQuery(QueryLevel.STUDY, {}))
    with pytest.raises(Unavailable):
        await pacs.echo()
    assert (await pacs.find_study(LEFT)).study_instance_uid == LEFT


async def test_matches_of_all_are_put_together(
    pacs: SeveralPacs, left: FakePacs, right: FakePacs
) -> None:
    right.matches = ({"0020000D": {"vr": "UI", "Value": [RIGHT]}},)
    query = DicomQuery(QueryLevel.STUDY, {})
    assert await pacs.find(query) == (*left.matches, *right.matches)
    assert await pacs.find(DicomQuery(QueryLevel.STUDY, {}, limit=1)) == left.matches
