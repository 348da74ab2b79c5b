"""The exams read for one context, while it lives: in memory, bounded, never shared (EX_AIR-085).

A context belongs to one professional, so what is kept under it is that professional's alone. The
least recently used context goes first; a context that is over is forgotten at the next use.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

from drimbox.model.access import ConsultationContext
from drimbox.model.prior_study import PriorStudy
from drimbox.model.uids import StudyInstanceUid
from drimbox.ports.clock import Clock

MAX_CONTEXTS = 500
MAX_OCTETS = 256 * 1024 * 1024


@dataclass(slots=True)
class _Kept:
    expires_at: datetime
    by_document: dict[str, PriorStudy] = field(default_factory=dict)
    octets: int = 0


class RetrievedStudies:
    """Exams by context, then by the uniqueId of their KOS."""

    def __init__(
        self, clock: Clock, *, max_contexts: int = MAX_CONTEXTS, max_octets: int = MAX_OCTETS
    ) -> None:
        self._clock = clock
        self._max_contexts = max_contexts
        self._max_octets = max_octets
        self._octets = 0
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def keep(self, context: ConsultationContext, study: PriorStudy) -> None:
        """Keep one exam; a KOS too large to be kept alone is read again each time."""
        if len(study.kos) > self._max_octets:
            return
        kept = self._kept.setdefault(context.identifier, _Kept(context.expires_at))
        self._kept.move_to_end(context.identifier)
        former = kept.by_document.pop(study.document.unique_id, None)
        grown = len(study.kos) - (len(former.kos) if former else 0)
        kept.by_document[study.document.unique_id] = study
        kept.octets += grown
        self._octets += grown
        self._shrink()

    def find(self, context: ConsultationContext, document_unique_id: str) -> PriorStudy | None:
        kept = self._use(context)
        return kept.by_document.get(document_unique_id) if kept else None

    def find_study(
        self, context: ConsultationContext, study_instance_uid: StudyInstanceUid
    ) -> PriorStudy | None:
        """Find the exam's newest KOS."""
        kept = self._use(context)
        if kept is None:
            return None
        found = (s for s in kept.by_document.values() if s.study_instance_uid == study_instance_uid)
        return max(found, key=lambda study: study.document.creation_time, default=None)

    def forget(self, context_identifier: str) -> None:
        """Forget a context, at sign-out; unknown is no error."""
        kept = self._kept.pop(context_identifier, None)
        if kept is not None:
            self._octets -= kept.octets

    def _use(self, context: ConsultationContext) -> _Kept | None:
        now = self._clock.now()
        for identifier in [i for i, kept in self._kept.items() if kept.expires_at <= now]:
            self.forget(identifier)
        if context.identifier in self._kept:
            self._kept.move_to_end(context.identifier)
        return self._kept.get(context.identifier)

    def _shrink(self) -> None:
        while len(self._kept) > self._max_contexts or self._octets > self._max_octets:
            self.forget(next(iter(self._kept)))
