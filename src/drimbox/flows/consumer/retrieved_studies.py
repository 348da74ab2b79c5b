"""The exams read for one context, found by their KOS or by their study (EX_AIR-085)."""

from drimbox.flows.consumer.kept_by_context import KeptByContext
from drimbox.model.access import ConsultationContext
from drimbox.model.prior_study import PriorStudy, UnreadableStudy
from drimbox.model.uids import StudyInstanceUid
from drimbox.ports.clock import Clock

MAX_CONTEXTS = 500
MAX_OCTETS = 256 * 1024 * 1024
UNREADABLE_SECONDS = 30.0


class RetrievedStudies:
    """Exams by context, then by the uniqueId of their KOS."""

    def __init__(
        self, clock: Clock, *, max_contexts: int = MAX_CONTEXTS, max_octets: int = MAX_OCTETS
    ) -> None:
        self._kept: KeptByContext[PriorStudy] = KeptByContext(
            clock, max_contexts=max_contexts, max_octets=max_octets
        )
        self._unreadable: KeptByContext[tuple[float, UnreadableStudy]] = KeptByContext(
            clock, max_contexts=max_contexts, max_octets=max_octets
        )
        self._clock = clock

    def keep(self, context: ConsultationContext, study: PriorStudy) -> None:
        self._kept.keep(context, study.document.unique_id, study, len(study.kos))

    def find(self, context: ConsultationContext, document_unique_id: str) -> PriorStudy | None:
        return self._kept.find(context, document_unique_id)

    def keep_unreadable(self, context: ConsultationContext, study: UnreadableStudy) -> None:
        """Remember for a moment what could not be read, so that each search need not try."""
        until = self._clock.monotonic() + UNREADABLE_SECONDS
        self._unreadable.keep(context, study.document.unique_id, (until, study), 1)

    def find_unreadable(
        self, context: ConsultationContext, document_unique_id: str
    ) -> UnreadableStudy | None:
        until, study = self._unreadable.find(context, document_unique_id) or (None, None)
        return study if until is not None and self._clock.monotonic() < until else None

    def find_all(self, context: ConsultationContext) -> tuple[PriorStudy, ...]:
        return tuple(self._kept.items(context))

    def find_study(
        self, context: ConsultationContext, study_instance_uid: StudyInstanceUid
    ) -> PriorStudy | None:
        """Find the exam's newest KOS."""
        found = (
            study
            for study in self._kept.items(context)
            if study.study_instance_uid == study_instance_uid
        )
        return max(found, key=lambda study: study.document.creation_time, default=None)

    def forget(self, context_identifier: str) -> None:
        """Forget a context; unknown is no error."""
        self._kept.forget(context_identifier)
        self._unreadable.forget(context_identifier)
