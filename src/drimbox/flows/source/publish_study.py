"""A received report becomes one KOS for each of its studies, ready to go to the DMP.

    message -> report -> each study: PACS -> same patient -> same order -> KOS -> signed lot
            -> register, outbox, alerts and message done, in one transaction

What stops a study raises an alert and stops that study alone; a PACS that is away stops the whole
message, and the worker tries again.
"""

from dataclasses import dataclass, replace

from drimbox.errors import (
    InvalidValue,
    NotFound,
    RejectedByPartner,
    SettingsError,
    Unavailable,
)
from drimbox.flows.source.kos_manifest import StudyToPublish, build_manifest
from drimbox.flows.source.kos_submission import (
    build_entry,
    build_identity,
    build_submission_set,
    publication_key,
)
from drimbox.flows.source.matching_order import find_order
from drimbox.flows.source.publication_rules import PublicationRules
from drimbox.flows.source.report_message import read_report_message
from drimbox.flows.source.same_patient import find_disagreement
from drimbox.model.document_entry import Document, Submission
from drimbox.model.publication import (
    Alert,
    AlertKind,
    EncodedSubmission,
    Publication,
    PublicationState,
    ReceivedMessage,
)
from drimbox.model.report import ImagingAct, ReportEvent, ReportMessage
from drimbox.model.study import Study
from drimbox.model.uids import SeriesInstanceUid, SopInstanceUid, StudyInstanceUid
from drimbox.ports.clock import Clock, Identifiers
from drimbox.ports.lot_signer import LotSigner
from drimbox.ports.pacs import Pacs
from drimbox.ports.study_register import NewPublication, StudyRegister
from drimbox.standards.dicom.kos import encode_kos
from drimbox.standards.hl7v2.report_message import parse_report_message
from drimbox.standards.xds.iti41_provide_and_register import encode_submission


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a message comes to."""

    publications: tuple[NewPublication, ...] = ()
    alerts: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True)
class PublishReport:
    """Publishes the studies of one received message; called by the worker that claimed it."""

    pacs: Pacs
    register: StudyRegister
    signer: LotSigner
    identifiers: Identifiers
    clock: Clock
    rules: PublicationRules

    async def __call__(self, received: ReceivedMessage) -> None:
        """Conclude the message: publications, alerts, or nothing to do.

        Raises:
            Unavailable: the PACS, or our own storage; the message must be tried again later.
            Conflict: another message has changed a study meanwhile; it must be tried again at once.
            MalformedMessage, InvalidValue, TooLarge, Mismatch: unreadable, though it was readable
                when it was accepted: another version of the software accepted it.
        """
        envelope = parse_report_message(received.content)
        message = read_report_message(envelope, self.rules.local_zone)
        if message.event is ReportEvent.DELETION:
            outcome = await self._refuse_deletion(message, received)
        elif message.is_for_dmp:
            outcome = await self._publish(message, received)
        else:
            outcome = _Outcome()
        await self.register.conclude(
            received.message_id, outcome.publications, outcome.alerts, self.clock.now()
        )

    async def _publish(self, message: ReportMessage, received: ReceivedMessage) -> _Outcome:
        # Every study is asked for before anything is made: a PACS that goes away in between
        # leaves nothing half done.
        acts = acts_by_study(message)
        studies = {uid: await self._find_study(uid) for uid in acts}
        results = [
            await self._publish_study(uid, studies[uid], acts[uid], message, received)
            for uid in acts
        ]
        return _Outcome(
            tuple(r for r in results if isinstance(r, NewPublication)),
            tuple(r for r in results if isinstance(r, Alert)),
        )

    async def _find_study(self, study_instance_uid: StudyInstanceUid) -> Study | None:
        """Ask the PACS; a study without any instance is as good as none (SO.15).

        A PACS that refuses a search (out of resources, busy) may accept it later.
        """
        try:
            study = await self.pacs.find_study(study_instance_uid)
        except NotFound:
            return None
        except RejectedByPartner as error:
            raise Unavailable("PACS", f"refuses to search ({error.code})") from error
        return study if study.instance_count else None

    async def _publish_study(
        self,
        study_instance_uid: StudyInstanceUid,
        study: Study | None,
        acts: tuple[ImagingAct, ...],
        message: ReportMessage,
        received: ReceivedMessage,
    ) -> NewPublication | Alert:
        subject = self._check(study, acts, message)
        try:
            if isinstance(subject, StudyToPublish):
                return await self._make_publication(subject, received)
            kind, reason = subject
        except InvalidValue as error:
            kind, reason = AlertKind.REPORT_NOT_PUBLISHABLE, str(error)
        except SettingsError as error:
            kind, reason = AlertKind.STRUCTURE_NOT_INSTALLED, str(error)
        alert = self._alert(kind, reason, received)
        return replace(
            alert, study_instance_uid=study_instance_uid, report_id=message.report.document_id
        )

    def _check(
        self, study: Study | None, acts: tuple[ImagingAct, ...], message: ReportMessage
    ) -> StudyToPublish | tuple[AlertKind, str]:
        """Return what to publish, or why nothing may be."""
        if study is None:
            return AlertKind.STUDY_NOT_IN_PACS, "the PACS holds no image of this study"
        disagreement = find_disagreement(
            message.report.patient,
            message.local_patient_ids,
            study.patient,
            is_local_patient_id_required=self.rules.is_local_patient_id_required,
        )
        if disagreement is not None:
            return AlertKind.PATIENT_MISMATCH, disagreement
        order = find_order(message.report.orders, study.accession_number)
        if order is None:
            return (
                AlertKind.ACCESSION_MISMATCH,
                "no order of the report has the accession number and issuer of the PACS",
            )
        report = message.report
        named = (
            *(act.structure for act in acts),
            report.structure,
            report.author_structure,
            message.sent_by_structure,
        )
        establishment = self.rules.find_establishment(named)
        if establishment is None:
            return (
                AlertKind.STRUCTURE_NOT_INSTALLED,
                "no structure of the report has its certificates installed",
            )
        return StudyToPublish(study, acts, order, message, establishment)

    async def _make_publication(
        self, subject: StudyToPublish, received: ReceivedMessage
    ) -> NewPublication:
        """Make the KOS and its lot; unchanged, only note that this report speaks of it too."""
        study_instance_uid = subject.study.study_instance_uid
        current = await self.register.find_current(study_instance_uid)
        now = self.clock.now()
        manifest = build_manifest(
            subject,
            self.rules,
            sop_instance_uid=SopInstanceUid(self.identifiers.new_uid()),
            series_instance_uid=SeriesInstanceUid(self.identifiers.new_uid()),
            created_at=now,
        )
        entry = build_entry(subject, manifest, self.rules)
        content_key = publication_key(manifest, entry)
        report_id = subject.message.report.document_id
        if current is not None and current.content_key == content_key:
            report_ids = tuple(dict.fromkeys((*current.report_ids, report_id)))
            return NewPublication(replace(current, report_ids=report_ids), None)
        kos = encode_kos(manifest)
        submission = self._encode_lot(
            subject,
            Document(entry, kos),
            replaces=current.kos_sop_instance_uid if current else None,
            received=received,
        )
        publication = Publication(
            study_instance_uid=study_instance_uid,
            kos_sop_instance_uid=manifest.sop_instance_uid,
            patient_id=entry.patient_id,
            manifest=manifest,
            kos=kos,
            metadata=submission.metadata,
            report_ids=(report_id,),
            content_key=content_key,
            state=PublicationState.PENDING,
            created_at=now,
        )
        return NewPublication(publication, submission)

    def _encode_lot(
        self,
        subject: StudyToPublish,
        document: Document,
        *,
        replaces: str | None,
        received: ReceivedMessage,
    ) -> EncodedSubmission:
        now = self.clock.now()
        submission_set = build_submission_set(
            subject, self.rules, unique_id=self.identifiers.new_uid(), now=now
        )
        signature = self.signer.sign(
            submission_set,
            (document,),
            structure_identifier=subject.establishment.identifier,
            document_unique_id=self.identifiers.new_uid(),
            signed_at=now,
        )
        submission = Submission(submission_set, (document,), signature, replaces)
        identity = build_identity(subject, self.rules, received.received_at)
        return encode_submission(submission, identity)

    async def _refuse_deletion(self, message: ReportMessage, received: ReceivedMessage) -> _Outcome:
        """Tell the operator of each KOS that stays in the DMP though its report was deleted."""
        alerts = []
        for study_instance_uid in acts_by_study(message):
            if await self.register.find_current(study_instance_uid) is None:
                continue
            alert = self._alert(
                AlertKind.EVENT_NOT_HANDLED,
                "the report was deleted: its KOS must be withdrawn from the DMP",
                received,
            )
            report_id = message.report.document_id
            alerts.append(
                replace(alert, study_instance_uid=study_instance_uid, report_id=report_id)
            )
        return _Outcome(alerts=tuple(alerts))

    def _alert(self, kind: AlertKind, text: str, received: ReceivedMessage) -> Alert:
        return Alert(kind, text, self.clock.now(), message_id=received.message_id)


def acts_by_study(message: ReportMessage) -> dict[StudyInstanceUid, tuple[ImagingAct, ...]]:
    """Gather the acts of each study, in the order of the report: one KOS a study (SO.12)."""
    found: dict[StudyInstanceUid, tuple[ImagingAct, ...]] = {}
    for act in message.report.acts:
        found[act.study_instance_uid] = (*found.get(act.study_instance_uid, ()), act)
    return found
