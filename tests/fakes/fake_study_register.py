"""The register of KOS and the alerts, in memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from drimbox.errors import Conflict, NotFound
from drimbox.model.manifest import Manifest
from drimbox.model.publication import (
    Alert,
    EncodedSubmission,
    Publication,
    PublicationState,
)
from drimbox.model.uids import SopInstanceUid, StudyInstanceUid
from drimbox.ports.study_register import (
    CurrentKos,
    CurrentPage,
    NewPublication,
    PlacedPublication,
    StudyWalk,
)

_CURRENT = (PublicationState.PENDING, PublicationState.PUBLISHED)


@dataclass
class FakeAlerts:
    """Keeps one open alert for the same kind, study and report."""

    alerts: list[Alert] = field(default_factory=list)

    async def raise_alert(self, alert: Alert) -> None:
        self.add(alert)

    def add(self, alert: Alert) -> None:
        if any(_subject(alert) == _subject(known) for known in self.alerts):
            return
        self.alerts.append(replace(alert, alert_id=len(self.alerts) + 1))

    async def find_open(self) -> tuple[Alert, ...]:
        return tuple(reversed(self.alerts))

    async def close(self, alert_id: int) -> None:
        remaining = [alert for alert in self.alerts if alert.alert_id != alert_id]
        if len(remaining) == len(self.alerts):
            raise NotFound("no such alert")
        self.alerts = remaining


@dataclass
class FakeStudyRegister:
    """concluded says when each message ended; lots is the outbox, in order."""

    alerts: FakeAlerts = field(default_factory=FakeAlerts)
    publications: list[Publication] = field(default_factory=list)
    lots: list[EncodedSubmission] = field(default_factory=list)
    concluded: dict[int, datetime] = field(default_factory=dict)

    async def find_current(self, study_instance_uid: StudyInstanceUid) -> Publication | None:
        return self._current(study_instance_uid)

    def _current(self, study_instance_uid: StudyInstanceUid) -> Publication | None:
        return next(
            (
                p
                for p in reversed(self.publications)
                if p.study_instance_uid == study_instance_uid and p.state in _CURRENT
            ),
            None,
        )

    async def find_by_kos(self, kos: SopInstanceUid) -> Publication | None:
        return next((p for p in self.publications if p.kos_sop_instance_uid == kos), None)

    async def conclude(
        self,
        message_id: int,
        publications: Sequence[NewPublication],
        alerts: Sequence[Alert],
        now: datetime,
    ) -> None:
        if message_id in self.concluded:
            raise Conflict(f"message {message_id} was concluded already")
        for new in publications:
            self._check_replaces_current(new)
        for new in publications:
            self._record(new)
        for alert in alerts:
            self.alerts.add(alert)
        self.concluded[message_id] = now

    async def find_published(
        self,
        patient_id: str | None = None,
        limit: int = 1000,
        *,
        studies: Collection[StudyInstanceUid] | None = None,
        states: Collection[PublicationState] = (PublicationState.PUBLISHED,),
    ) -> tuple[Publication, ...]:
        found = (
            p
            for p in reversed(self.publications)
            if p.state in states
            and patient_id in {None, p.patient_id}
            and (studies is None or p.study_instance_uid in studies)
        )
        return tuple(found)[:limit]

    async def walk_studies(
        self, *, start: int | None, limit: int, states: Collection[PublicationState]
    ) -> StudyWalk:
        places: dict[StudyInstanceUid, int] = {}
        for place, publication in enumerate(self.publications):
            places.setdefault(publication.study_instance_uid, place)
        left = sorted((p for p in places.values() if start is None or p <= start), reverse=True)
        walked = set(left[:limit])
        found = [
            PlacedPublication(places[one.study_instance_uid], one)
            for one in reversed(self.publications)
            if places[one.study_instance_uid] in walked and one.state in states
        ]
        found.sort(key=lambda one: one.place, reverse=True)
        return StudyWalk(tuple(found), left[limit] if len(left) > limit else None)

    async def list_current(
        self,
        *,
        studies: Collection[StudyInstanceUid] | None = None,
        patient_id: str | None = None,
        local_patient_id: str | None = None,
        offset: int = 0,
        limit: int = 1000,
    ) -> CurrentPage:
        current: dict[StudyInstanceUid, CurrentKos] = {}
        for p in reversed(self.publications):
            study = p.study_instance_uid
            is_wanted = studies is None or study in studies
            is_wanted = is_wanted and local_patient_id in {None, _local_patient(p.manifest)}
            if is_wanted and p.state in _CURRENT and patient_id in {None, p.patient_id}:
                current.setdefault(study, CurrentKos(study, p.kos_sop_instance_uid))
        entries = tuple(current.values())
        return CurrentPage(entries[offset : offset + limit], len(entries))

    async def find_manifests(
        self, kos: Collection[SopInstanceUid]
    ) -> Mapping[SopInstanceUid, Manifest]:
        known = self.publications
        return {p.kos_sop_instance_uid: p.manifest for p in known if p.kos_sop_instance_uid in kos}

    def mark_published(self) -> None:
        """Tell that the DMP has every lot so far, as the outbox worker would."""
        newest: dict[StudyInstanceUid, int] = {}
        for index, publication in enumerate(self.publications):
            newest[publication.study_instance_uid] = index
        for index, publication in enumerate(self.publications):
            is_newest = newest[publication.study_instance_uid] == index
            state = PublicationState.PUBLISHED if is_newest else PublicationState.REPLACED
            self.publications[index] = replace(publication, state=state)

    def _check_replaces_current(self, new: NewPublication) -> None:
        if new.submission is None:
            return
        current = self._current(new.publication.study_instance_uid)
        if new.submission.replaces != (current.kos_sop_instance_uid if current else None):
            raise Conflict("the study has another current KOS than the one this lot replaces")

    def _record(self, new: NewPublication) -> None:
        kos = new.publication.kos_sop_instance_uid
        for index, known in enumerate(self.publications):
            if known.kos_sop_instance_uid == kos:
                report_ids = tuple(dict.fromkeys(known.report_ids + new.publication.report_ids))
                self.publications[index] = replace(known, report_ids=report_ids)
                return
        self.publications.append(new.publication)
        if new.submission is not None:
            self.lots.append(new.submission)


def _subject(alert: Alert) -> tuple[object, ...]:
    return alert.kind, alert.study_instance_uid, alert.report_id


def _local_patient(manifest: Manifest) -> str:
    known = manifest.pacs_patient
    return known.patient_id.value if known is not None and known.patient_id is not None else ""
