"""Exams kept for local systems: what was opened, as far and as long as it is here."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.consultation_site import ConsultationSite
from tests.fakes.contexts import made_up_caller, made_up_context
from tests.fakes.fake_kept_exams import FakeKeptExams
from tests.fakes.kept_here import KeptHere
from tests.fakes.manifests import STUDY, made_up_manifest

from drimbox.errors import NotFound, Unavailable
from drimbox.flows.consumer.keep_exams import KeepExams
from drimbox.flows.consumer.serve_kept_exams import LocalCaller
from drimbox.model.audit import AuditAction
from drimbox.model.retrieval import DicomQuery, QueryLevel, TargetResource
from drimbox.ports.image_cache import Fidelity

pytestmark = pytest.mark.anyio
CONSOLE = LocalCaller("CONSOLE1", "192.0.2.7")
EVERYTHING = DicomQuery(QueryLevel.STUDY, {})


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[KeptHere]:
    made = KeptHere(tmp_path / "cache")
    yield made
    await made.stop()


@pytest.mark.requirement("CO.72")
async def test_an_exam_that_is_opened_is_kept_under_the_local_ipp(tmp_path: Path) -> None:
    site, kept = ConsultationSite(tmp_path), FakeKeptExams()
    site.dmp.hold(made_up_manifest())
    images = KeepExams(site.images, kept, site.clock, timedelta(hours=1))
    for _ in range(3):
        await images.open_study(made_up_caller(made_up_context()), TargetResource(STUDY), None)
    (exam,) = kept.exams.values()
    assert exam.local_patient_id == made_up_context().local_patient_id
    assert exam.kept_until == site.clock.now() + timedelta(hours=1)
    assert kept.kept == 1, "a viewer opens a study for every frame"


async def test_what_may_not_be_opened_is_not_kept(tmp_path: Path) -> None:
    site, kept = ConsultationSite(tmp_path), FakeKeptExams()
    images = KeepExams(site.images, kept, site.clock, timedelta(hours=1))
    with pytest.raises(NotFound):
        await images.open_study(made_up_caller(made_up_context()), TargetResource(STUDY), None)
    assert not kept.exams


@pytest.mark.requirement("CO.72")
async def test_local_systems_find_what_is_here_and_no_more(here: KeptHere) -> None:
    await here.fill()
    (study,) = await here.exams.find(CONSOLE, EVERYTHING)
    assert study["00100020"]["Value"] == ["C001-2026"]
    assert study["00201208"]["Value"] == [3], "the report is not here"
    series = await here.exams.find(CONSOLE, DicomQuery(QueryLevel.SERIES, {"0020000D": STUDY}))
    assert [row["00080060"]["Value"] for row in series] == [["CT"]]
    nobody = DicomQuery(QueryLevel.STUDY, {"00100020": "C002-2026"})
    assert await here.exams.find(CONSOLE, nobody) == ()


@pytest.mark.requirement("CO.77")
async def test_images_leave_under_the_local_ipp(here: KeptHere) -> None:
    await here.fill()
    second = here.manifest.series[0].instances[1].sop_instance_uid
    query = DicomQuery(QueryLevel.IMAGE, {"00080018": second})
    given = await here.exams.retrieve(CONSOLE, query, "CONSOLE1")
    octets = [
        (one.sop_instance_uid, b"".join([chunk async for chunk in one.chunks]))
        async for one in given.instances
    ]
    assert given.uids == {second}
    assert [uid for uid, _ in octets] == [second]
    assert b"C001-2026" in octets[0][1]


async def test_a_copy_for_viewing_serves_where_nothing_was_lost(here: KeptHere) -> None:
    await here.fill(Fidelity.VIEWING)
    assert len(await here.exams.find(CONSOLE, EVERYTHING)) == 1


async def test_nothing_is_found_of_an_exam_whose_images_are_gone_or_whose_time_is_over(
    here: KeptHere,
) -> None:
    await here.fill()
    here.clock.advance(3600)
    assert await here.exams.find(CONSOLE, EVERYTHING) == ()
    with pytest.raises(NotFound):
        await here.exams.retrieve(CONSOLE, DicomQuery(QueryLevel.IMAGE, {}), "CONSOLE1")


async def test_each_access_is_traced_under_who_asked(here: KeptHere) -> None:
    await here.fill()
    await here.exams.find(CONSOLE, EVERYTHING)
    await here.exams.retrieve(CONSOLE, DicomQuery(QueryLevel.IMAGE, {}), "CONSOLE2")
    queried, exported = here.audit.events
    assert (queried.action, queried.user) == (AuditAction.LOCAL_EXAMS_QUERIED, "CONSOLE1")
    assert (exported.action, exported.destination) == (AuditAction.IMAGES_EXPORTED, "CONSOLE2")
    assert exported.study_instance_uid == STUDY
    here.audit.is_away = True
    with pytest.raises(Unavailable):
        await here.exams.find(CONSOLE, EVERYTHING)
