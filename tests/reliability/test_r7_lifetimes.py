"""R7: what is remembered for a while is for that while, whatever the clock is set to meanwhile."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import cast

import pytest
from tests.fakes.contexts import made_up_caller, made_up_context
from tests.fakes.fake_audit_repository import FakeAuditRepository
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_dmp_consultation import kos_entry
from tests.fakes.manifests import STUDY, made_up_manifest

from drimbox.entrypoints.http.request_limit import RequestLimit, TooManyRequests
from drimbox.errors import NotAuthenticated, Unavailable
from drimbox.flows.consumer.list_documents import KeptLists
from drimbox.flows.consumer.retrieved_studies import RetrievedStudies
from drimbox.flows.opened_study import OpenedStudy
from drimbox.flows.recent_accesses import RecentAccesses
from drimbox.flows.record_refusal import MAX_OF_AN_ADDRESS, RecordRefusal, RefusedRequest
from drimbox.model.document_entry import DocumentQuery
from drimbox.model.prior_study import UnreadableStudy

CONTEXT = made_up_context()
CALLER = made_up_caller(CONTEXT)
HOUR = 3600.0


def _documents(clock: FakeClock) -> Callable[[], bool]:
    lists, query = KeptLists(clock), DocumentQuery(patient_id="1^^^&1.2&ISO^NH")
    lists.keep(CONTEXT, query, ())
    return lambda: lists.find(CONTEXT, query) is not None


def _replaced(clock: FakeClock) -> Callable[[], bool]:
    lists = KeptLists(clock)
    lists.keep_replaced(CONTEXT, {"urn:uuid:1": ()})
    return lambda: lists.find_replaced(CONTEXT, "urn:uuid:1") is not None


def _unreadable(clock: FakeClock) -> Callable[[], bool]:
    kept, document = RetrievedStudies(clock), kos_entry(made_up_manifest())
    kept.keep_unreadable(CONTEXT, UnreadableStudy(document, Unavailable("DMP")))
    return lambda: kept.find_unreadable(CONTEXT, document.unique_id) is not None


def _access(clock: FakeClock) -> Callable[[], bool]:
    accesses = RecentAccesses(clock)
    accesses.keep(CALLER, cast(OpenedStudy, SimpleNamespace(manifest=made_up_manifest())))
    return lambda: accesses.find(CALLER, STUDY) is not None


@pytest.mark.parametrize("set_back_seconds", [HOUR, -HOUR], ids=["set back", "set forward"])
@pytest.mark.parametrize(
    ("keep", "lifetime_seconds"),
    [
        pytest.param(_documents, 30, id="documents that the DMP listed"),
        pytest.param(_replaced, 30, id="what documents replaced"),
        pytest.param(_unreadable, 30, id="an exam that could not be read"),
        pytest.param(_access, 60, id="a study opened"),
    ],
)
def test_a_clock_that_is_set_moves_no_lifetime(
    keep: Callable[[FakeClock], Callable[[], bool]],
    lifetime_seconds: float,
    set_back_seconds: float,
) -> None:
    clock = FakeClock()
    is_kept = keep(clock)
    clock.advance(lifetime_seconds / 2)
    clock.set_back(set_back_seconds)
    clock.advance(lifetime_seconds / 2 - 1)
    # A context is over by the wall clock, as tokens are: an hour later none of it is left.
    assert is_kept() or (keep is _unreadable and set_back_seconds < 0)
    clock.advance(1)
    assert not is_kept()


@pytest.mark.parametrize("set_back_seconds", [HOUR, -HOUR], ids=["set back", "set forward"])
def test_a_clock_that_is_set_gives_and_takes_no_requests(set_back_seconds: float) -> None:
    clock = FakeClock()
    limit = RequestLimit(clock, a_minute=3)
    for _ in range(3):
        limit.take("caller")
    clock.set_back(set_back_seconds)
    with pytest.raises(TooManyRequests) as refused:
        limit.take("caller")
    assert refused.value.retry_after_seconds == 20
    clock.advance(20)
    limit.take("caller")


@pytest.mark.anyio
async def test_a_clock_set_back_keeps_no_refusal_out_of_the_trail() -> None:
    clock, audit = FakeClock(), FakeAuditRepository()
    refuse = partial(
        RecordRefusal(audit, clock),
        RefusedRequest("fhir", "192.0.2.1"),
        NotAuthenticated("no"),
    )
    for _ in range(MAX_OF_AN_ADDRESS + 1):
        await refuse()
    clock.set_back(HOUR)
    clock.advance(HOUR)
    await refuse()
    assert len(audit.events) == MAX_OF_AN_ADDRESS + 1
