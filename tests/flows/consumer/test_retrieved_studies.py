"""What was read stays with its context, within bounds, and not after it."""

from datetime import UTC, datetime, timedelta

from tests.fakes.contexts import made_up_context
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_dmp_consultation import kos_entry
from tests.fakes.manifests import made_up_manifest

from drimbox.flows.consumer.retrieved_studies import RetrievedStudies
from drimbox.model.access import ConsultationContext
from drimbox.model.prior_study import PriorStudy
from drimbox.model.uids import SopInstanceUid


def _study(number: int = 1, octets: int = 10, year: int = 2026) -> PriorStudy:
    manifest = made_up_manifest(
        sop_instance_uid=SopInstanceUid(f"2.25.{number}"),
        created_at=datetime(year, 1, 1, tzinfo=UTC),
    )
    return PriorStudy(manifest, kos_entry(manifest), bytes(octets))


def _context(name: str) -> ConsultationContext:
    return made_up_context(identifier=name)


def test_is_found_by_document_and_by_study_in_its_own_context() -> None:
    kept, study = RetrievedStudies(FakeClock()), _study()
    kept.keep(_context("a"), study)
    assert kept.find(_context("a"), "2.25.1") is study
    assert kept.find_study(_context("a"), study.study_instance_uid) is study
    assert kept.find(_context("b"), "2.25.1") is None
    assert kept.find_study(_context("b"), study.study_instance_uid) is None


def test_the_newest_kos_of_a_study_is_found() -> None:
    kept = RetrievedStudies(FakeClock())
    old, new = _study(1, year=2025), _study(2, year=2026)
    kept.keep(_context("a"), new)
    kept.keep(_context("a"), old)
    assert kept.find_study(_context("a"), new.study_instance_uid) is new


def test_a_context_that_is_over_is_forgotten() -> None:
    clock = FakeClock()
    kept = RetrievedStudies(clock)
    kept.keep(_context("a"), _study())
    clock.advance(timedelta(minutes=20).total_seconds())
    assert kept.find(_context("a"), "2.25.1") is None


def test_the_least_recently_used_context_goes_first() -> None:
    kept = RetrievedStudies(FakeClock(), max_contexts=2)
    for name in ("a", "b"):
        kept.keep(_context(name), _study())
    kept.find(_context("a"), "2.25.1")
    kept.keep(_context("c"), _study())
    assert [kept.find(_context(n), "2.25.1") is None for n in "abc"] == [False, True, False]


def test_octets_are_bounded() -> None:
    kept = RetrievedStudies(FakeClock(), max_octets=100)
    kept.keep(_context("a"), _study(octets=60))
    kept.keep(_context("b"), _study(octets=60))
    assert kept.find(_context("a"), "2.25.1") is None
    kept.keep(_context("c"), _study(octets=101))
    assert kept.find(_context("c"), "2.25.1") is None
    assert kept.find(_context("b"), "2.25.1") is not None


def test_a_document_kept_again_counts_once() -> None:
    kept = RetrievedStudies(FakeClock(), max_octets=100)
    for _ in range(5):
        kept.keep(_context("a"), _study(octets=60))
    assert kept.find(_context("a"), "2.25.1") is not None


def test_forgets_on_demand() -> None:
    kept = RetrievedStudies(FakeClock())
    kept.keep(_context("a"), _study())
    kept.forget("a")
    kept.forget("unknown")
    assert kept.find(_context("a"), "2.25.1") is None
