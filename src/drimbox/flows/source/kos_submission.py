"""The lot that carries a KOS to the DMP: its metadata, its submission set, in whose name.

XDS metadata of the French profile (CI-SIS "Partage de documents de santé", IMG-KOS); VIHF of the
indirect mode.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType

from drimbox.errors import InvalidValue
from drimbox.flows.source.imaging_metadata import displayed, event_codes, reference_ids
from drimbox.flows.source.kos_manifest import StudyToPublish
from drimbox.flows.source.publication_rules import PublicationRules
from drimbox.model.document_entry import (
    Author,
    Document,
    DocumentEntry,
    Submission,
    SubmissionSet,
)
from drimbox.model.manifest import Manifest
from drimbox.model.practice import Code, Practitioner
from drimbox.model.publication import AuthenticationMode, DmpIdentity
from drimbox.model.report import ImagingReport, PatientClass, ReportMessage, Visibility
from drimbox.standards.dicom.kos import content_key
from drimbox.standards.xds.iti41_provide_and_register import encode_submit_objects

TITLE = "Référence d'objets d'un examen d'imagerie"
_CLASS = Code("31", "1.2.250.1.213.1.1.4.1", "Imagerie médicale")
_TYPE = Code("IMG-KOS", "1.2.250.1.213.1.1.4.12", "Référence d'objets d'un examen d'imagerie")
_FORMAT = Code(
    "1.2.840.10008.5.1.4.1.1.88.59",
    "1.2.840.10008.2.6.1",
    "Document de Références d'objets d'imagerie selon profil IHE RAD XDS-I",
)
_NORMAL = Code("N", "2.16.840.1.113883.5.25", "Normal")
_VISIBILITY_SYSTEM = "1.2.250.1.213.1.1.4.13"
_VISIBILITY_DISPLAYS = MappingProxyType(
    {
        Visibility.MASKED_TO_PROFESSIONALS: "Masqué aux professionnels de santé",
        Visibility.INVISIBLE_TO_PATIENT: "Non visible par le patient",
        Visibility.INVISIBLE_TO_LEGAL_REPRESENTATIVES: (
            "Non visible par les représentants légaux du patient"
        ),
    }
)
# CI-SIS HL7v2, mapping of PV1-2 to contentTypeCode (JDV_J59).
_CONTENT_TYPES = MappingProxyType(
    {
        PatientClass.INPATIENT: ("03", "Hospitalisation complète"),
        PatientClass.OUTPATIENT: ("07", "Consultations, soins externes"),
        PatientClass.RECURRING: ("19", "Venues itératives"),
        PatientClass.NOT_APPLICABLE: ("97", "Autre"),
        PatientClass.EMERGENCY: ("07", "Consultations, soins externes"),
    }
)
_CONTENT_TYPE_SYSTEM = "1.2.250.1.213.2.2"
_PROFESSIONS = "1.2.250.1.71.1.2.7"
_SPECIALITIES = MappingProxyType({"10": "1.2.250.1.71.4.2.5", "21": "1.2.250.1.71.4.2.6"})
_NO_TIME = datetime.fromtimestamp(0, UTC)


def build_entry(
    subject: StudyToPublish, manifest: Manifest, rules: PublicationRules
) -> DocumentEntry:
    """Build the metadata of a KOS.

    Raises:
        InvalidValue: nobody signed the report, so that legalAuthenticator cannot be said.
    """
    report = subject.message.report
    start, stop = _service_times(subject, rules)
    return DocumentEntry(
        unique_id=manifest.sop_instance_uid,
        patient_id=report.patient.ins.xds_patient_id,
        mime_type="application/dicom",
        title=TITLE,
        class_code=_CLASS,
        type_code=_TYPE,
        format_code=_FORMAT,
        confidentiality_codes=_confidentiality(subject.message),
        event_codes=_event_codes(subject, rules),
        facility_type=displayed(report.facility_type or rules.facility_type),
        practice_setting=displayed(_practice_setting(subject) or rules.practice_setting),
        authors=(Author(rules.device, (subject.establishment,), is_device=True),),
        creation_time=manifest.created_at,
        comments="KOS",
        service_start_time=start,
        service_stop_time=stop,
        source_patient_id=next(iter(subject.message.local_patient_ids), None),
        source_patient=report.patient,
        legal_authenticator=find_signatory(report),
        reference_ids=reference_ids((subject.order,), (manifest.study_instance_uid,)),
    )


def build_submission_set(
    subject: StudyToPublish, rules: PublicationRules, *, unique_id: str, now: datetime
) -> SubmissionSet:
    """Build the submission set; its author is who sent the report (PRT, Send By)."""
    patient_class = subject.message.patient_class or PatientClass.OUTPATIENT
    code, display = _CONTENT_TYPES[patient_class]
    return SubmissionSet(
        unique_id=unique_id,
        source_id=rules.source_id,
        patient_id=subject.message.report.patient.ins.xds_patient_id,
        content_type=Code(code, _CONTENT_TYPE_SYSTEM, display),
        authors=(Author(find_sender(subject.message), (subject.establishment,)),),
        submission_time=now,
    )


def build_identity(
    subject: StudyToPublish, rules: PublicationRules, received_at: datetime
) -> DmpIdentity:
    """Say in whose name the lot goes: who sent the report, in the structure that publishes."""
    report = subject.message.report
    sender = find_sender(subject.message)
    return DmpIdentity(
        mode=AuthenticationMode.INDIRECTE,
        patient_id=report.patient.ins.xds_patient_id,
        user=sender,
        structure_identifier=subject.establishment.identifier,
        sector=(report.facility_type or rules.facility_type).value,
        roles=_roles(sender, report) or rules.default_roles,
        authenticated_at=received_at,
        is_secret_connection=subject.message.is_secret_connection,
    )


def find_sender(message: ReportMessage) -> Practitioner:
    """Return who answers for the submission: the sender of the message, else who signed."""
    return message.sent_by or find_signatory(message.report)


def find_signatory(report: ImagingReport) -> Practitioner:
    """Return who answers for the report.

    Raises:
        InvalidValue: nobody is named, and the DMP wants a legalAuthenticator.
    """
    signatory = report.legal_authenticator or report.author
    if signatory is None:
        raise InvalidValue("CDA legalAuthenticator", "a person with an identifier")
    return signatory


def publication_key(manifest: Manifest, entry: DocumentEntry) -> str:
    """Return a digest of everything published but the KOS's own UIDs and times (SO.13).

    Equal keys mean that neither content nor metadata have changed (EX_GEN-1060).
    """
    said = replace(entry, unique_id="0.0", creation_time=_NO_TIME)
    empty = SubmissionSet("0.0", "0.0", entry.patient_id, entry.type_code, (), _NO_TIME)
    metadata = encode_submit_objects(Submission(empty, (Document(said, b""),)))
    return hashlib.sha256(content_key(manifest).encode() + metadata).hexdigest()


def _confidentiality(message: ReportMessage) -> tuple[Code, ...]:
    asked = (v for v in Visibility if v in message.visibility)
    hidden = (Code(v.value, _VISIBILITY_SYSTEM, _VISIBILITY_DISPLAYS[v]) for v in asked)
    return (_NORMAL, *hidden)


def _event_codes(subject: StudyToPublish, rules: PublicationRules) -> tuple[Code, ...]:
    """Return acts, modalities and regions; what the report does not say, the PACS does."""
    return event_codes(
        subject.acts,
        subject.study.modalities,
        modality_system=rules.modality_code_system,
        region_system=rules.region_code_system,
    )


def _practice_setting(subject: StudyToPublish) -> Code | None:
    settings = (act.practice_setting for act in subject.acts)
    return next((s for s in settings if s), None) or subject.message.report.practice_setting


def _service_times(
    subject: StudyToPublish, rules: PublicationRules
) -> tuple[datetime | None, datetime | None]:
    """Return when the acts began and ended; else the study's own beginning, in the PACS."""
    study = subject.study
    starts = [act.start for act in subject.acts if act.start is not None]
    stops = [act.stop for act in subject.acts if act.stop is not None]
    if not starts and study.study_date is not None:
        at = study.study_time or datetime.min.time()
        starts = [datetime.combine(study.study_date, at, tzinfo=rules.local_zone)]
    if not starts:
        starts = [subject.message.report.created_at]
    start = min(starts)
    stop = max(stops, default=None)
    return start, stop if stop is not None and stop >= start else None


def _roles(sender: Practitioner, report: ImagingReport) -> tuple[Code, ...]:
    """Return the profession and the speciality of the sender, where the report tells them."""
    candidates = (
        (report.legal_authenticator, report.legal_authenticator_role),
        (report.author, report.author_role),
    )
    for person, role in candidates:
        if person is not None and role is not None and person.identifier == sender.identifier:
            return read_roles(role)
    return ()


def read_roles(role: Code) -> tuple[Code, ...]:
    """Cut an author's speciality like G15_10/SM44 into profession and savoir-faire.

    Its display is "profession - savoir-faire". Nothing comes of another form.
    """
    profession, _, speciality = role.value.removeprefix("G15_").partition("/")
    system = _SPECIALITIES.get(profession)
    if not role.value.startswith("G15_") or (speciality and system is None):
        return ()
    names = _split_display(role.display)
    first = Code(profession, _PROFESSIONS, names[0] or profession)
    if system is None:
        return (first,)
    return (first, Code(speciality, system, names[1] or speciality)) if speciality else ()


def _split_display(display: str) -> Sequence[str]:
    first, _, second = display.partition(" - ")
    return first.strip(), second.strip()
