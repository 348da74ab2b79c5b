"""All that was read in a context is forgotten with it, and nothing else."""

from datetime import timedelta

from tests.fakes.contexts import made_up_context
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_dmp_consultation import kos_entry
from tests.fakes.manifests import made_up_manifest
from tests.fakes.submissions import SUBMISSION_SET

from drimbox.flows.consumer.consultation_memory import (
    ConsultationMemory,
    make_consultation_memory,
)
from drimbox.model.access import ConsultationContext
from drimbox.model.document_entry import DocumentQuery, RegisteredSet, SetQuery
from drimbox.model.prior_study import PriorStudy

QUERY = DocumentQuery("patient")
SETS = SetQuery("patient")
MANIFEST = made_up_manifest()
ENTRY = kos_entry(MANIFEST)


def _fill(memory: ConsultationMemory, context: ConsultationContext) -> None:
    memory.lists.keep(context, QUERY, (ENTRY,))
    memory.lists.keep_replaced(context, {"urn:uuid:1": ()})
    memory.lists.keep_sets(context, SETS, (RegisteredSet(SUBMISSION_SET, "urn:uuid:2"),))
    memory.studies.keep(context, PriorStudy(MANIFEST, ENTRY, b"kos"))
    memory.documents.lists.keep(context, "list", (ENTRY,), 1)


def _kept(memory: ConsultationMemory, context: ConsultationContext) -> list[object]:
    return [
        memory.lists.find(context, QUERY),
        memory.lists.find_replaced(context, "urn:uuid:1"),
        memory.lists.find_sets(context, SETS),
        memory.studies.find(context, ENTRY.unique_id),
        memory.documents.lists.find(context, "list"),
    ]


def test_a_context_is_forgotten_whole_and_alone() -> None:
    memory = make_consultation_memory(FakeClock(), timedelta(seconds=30))
    ended, other = made_up_context(identifier="ended"), made_up_context(identifier="other")
    _fill(memory, ended)
    _fill(memory, other)
    memory.forget(["ended", "unknown"])
    assert _kept(memory, ended) == [None] * 5
    assert None not in _kept(memory, other)
