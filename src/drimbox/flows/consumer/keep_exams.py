"""An exam that a professional opens is kept for local systems, while its copy is here (CO.72).

Decision 19: only what was opened under a consent, for as long as the image cache keeps it.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from drimbox.flows.opened_study import ImageService, OpenedStudy
from drimbox.model.access import Caller
from drimbox.model.kept_exam import KeptExam
from drimbox.model.retrieval import DicomQuery, MatchPage, TargetResource
from drimbox.ports.clock import Clock
from drimbox.ports.kept_exams import KeptExams

_SAID_EVERY = timedelta(minutes=1)
_MAX_REMEMBERED = 1000


@dataclass(frozen=True)
class KeepExams:
    """Implements flows.opened_study.ImageService around another; lifetime is that of the cache."""

    images: ImageService
    kept: KeptExams
    clock: Clock
    lifetime: timedelta
    _said: dict[tuple[str, str], datetime] = field(default_factory=dict, init=False, repr=False)

    async def search(self, caller: Caller, query: DicomQuery) -> MatchPage:
        """See ImageService."""
        return await self.images.search(caller, query)

    async def open_study(
        self, caller: Caller, target: TargetResource, kos_sop_instance_uid: str | None
    ) -> OpenedStudy:
        """See ImageService; every right has been checked once the inner service returns."""
        opened = await self.images.open_study(caller, target, kos_sop_instance_uid)
        context = caller.context
        if context is not None and self._is_due(opened, context.local_patient_id.value):
            await self.kept.keep(
                KeptExam(
                    manifest=opened.manifest,
                    ins=context.patient.ins,
                    local_patient_id=context.local_patient_id,
                    kept_until=self.clock.now() + self.lifetime,
                )
            )
        return opened

    def _is_due(self, opened: OpenedStudy, local_patient_id: str) -> bool:
        """Tell whether it was not said a moment ago: a viewer opens a study for every frame."""
        key, now = (opened.manifest.study_instance_uid, local_patient_id), self.clock.now()
        said_at = self._said.get(key)
        if said_at is not None and now - said_at < _SAID_EVERY:
            return False
        if len(self._said) >= _MAX_REMEMBERED:
            self._said.clear()
        self._said[key] = now
        return True
