"""What one process keeps of the DMP for those who consult it, and how all of it is forgotten."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from drimbox.flows.consumer.list_documents import KeptLists
from drimbox.flows.consumer.read_documents import RetrievedDocuments
from drimbox.flows.consumer.retrieved_studies import RetrievedStudies
from drimbox.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class ConsultationMemory:
    """Everything is kept under its context, which is one professional's (EX_AIR-085)."""

    lists: KeptLists
    studies: RetrievedStudies
    documents: RetrievedDocuments

    def forget(self, context_identifiers: Iterable[str]) -> None:
        """Forget contexts, at sign-out; unknown ones are no error.

        Other workers of the box forget when the context is over, at the latest.
        """
        for identifier in context_identifiers:
            self.lists.forget(identifier)
            self.studies.forget(identifier)
            self.documents.forget(identifier)


def make_consultation_memory(clock: Clock, list_lifetime: timedelta) -> ConsultationMemory:
    """Make an empty one; list_lifetime is how long an answer of the DMP serves again."""
    return ConsultationMemory(
        KeptLists(clock, list_lifetime), RetrievedStudies(clock), RetrievedDocuments(clock)
    )
