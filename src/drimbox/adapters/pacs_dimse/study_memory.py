"""What a PACS has lately said of its studies, so that a retrieval need not ask again."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from drimbox.model.study import Study
from drimbox.model.uids import SeriesInstanceUid, SopClassUid, StudyInstanceUid
from drimbox.recently_used import RecentlyUsed

LIFETIME_SECONDS = 300.0
MAX_STUDIES = 500


@dataclass(frozen=True, slots=True)
class _Remembered:
    until: float
    sop_classes: tuple[SopClassUid, ...]
    series: frozenset[SeriesInstanceUid]


class StudyMemory:
    """SOP classes by study; a series that is not remembered makes its study unknown.

    Args:
        now: seconds, monotonic.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._studies = RecentlyUsed[StudyInstanceUid, _Remembered](MAX_STUDIES)

    def remember_study(self, study: Study) -> None:
        self.remember(
            study.study_instance_uid,
            (i.sop_class_uid for series in study.series for i in series.instances),
            (series.series_instance_uid for series in study.series),
        )

    def remember(
        self,
        study: StudyInstanceUid,
        sop_classes: Iterable[SopClassUid],
        series: Iterable[SeriesInstanceUid],
    ) -> None:
        classes = tuple(dict.fromkeys(sop_classes))
        until = self._now() + LIFETIME_SECONDS
        self._studies.keep(study, _Remembered(until, classes, frozenset(series)))

    def forget(self, study: StudyInstanceUid) -> None:
        self._studies.forget(study)

    def sop_classes(
        self, study: StudyInstanceUid, series: Iterable[SeriesInstanceUid]
    ) -> tuple[SopClassUid, ...]:
        """Return the study's SOP classes where all these series are remembered, else none."""
        remembered = self._studies.find(study)
        if remembered is None or remembered.until < self._now():
            return ()
        return remembered.sop_classes if remembered.series.issuperset(series) else ()
