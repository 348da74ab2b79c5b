"""The submission set of a report itself, so that a PFI can feed it to the DMP (SC.DB/PFI.01).

XDS metadata of the French profile for an imaging report (IMG-CR-IMG). Who feeds the report is the
RIS or the PFI, never the box: the box says what it has to say, with the imaging metadata by which
the report and the KOS of its exams are found together.
"""

from dataclasses import dataclass
from datetime import datetime

from drimbox.errors import InvalidValue
from drimbox.flows.source.imaging_metadata import displayed, event_codes, reference_ids
from drimbox.model.document_entry import Author, Document, DocumentEntry, SubmissionSet
from drimbox.model.practice import Code, Practitioner, Structure
from drimbox.model.report import ImagingReport

_CLASS = Code("10", "1.2.250.1.213.1.1.4.1", "Compte rendu")
_TYPE = Code("18748-4", "2.16.840.1.113883.6.1", "CR d'imagerie médicale")
_IHE_FORMATS = "1.3.6.1.4.1.19376.1.2.3"
_PDF = Code(
    "urn:ihe:iti:xds-sd:pdf:2008", _IHE_FORMATS, "Document à corps non structuré en Pdf/A-1"
)
_STRUCTURED = Code(
    "urn:ihe:rad:CDA:ImagingReportStructuredHeadings:2013", _IHE_FORMATS, "CR d'imagerie structuré"
)
_NORMAL = Code("N", "2.16.840.1.113883.5.25", "Normal")
_OUTPATIENT = Code("07", "1.2.250.1.213.2.2", "Consultations, soins externes")


@dataclass(frozen=True, slots=True)
class ReportRules:
    """What the site says of reports that say nothing themselves; source_id is the submitter's."""

    source_id: str
    facility_type: Code
    practice_setting: Code
    modality_code_system: str
    region_code_system: str


@dataclass(frozen=True, slots=True)
class ReportDocument:
    """A report, and what only its octets tell: uniqueId (root^extension) and kind of body.

    structure is in whose name it is fed.
    """

    report: ImagingReport
    structure: Structure
    content: bytes
    unique_id: str
    is_structured: bool
    language_code: str


def build_report_entry(document: ReportDocument, rules: ReportRules) -> DocumentEntry:
    """Build the metadata of the report.

    Raises:
        InvalidValue: nobody signed it, which the DMP wants.
    """
    report = document.report
    starts = [act.start for act in report.acts if act.start is not None]
    stops = [act.stop for act in report.acts if act.stop is not None]
    start, stop = min(starts, default=report.created_at), max(stops, default=None)
    settings = (act.practice_setting for act in report.acts)
    setting = report.practice_setting or next((s for s in settings if s), None)
    return DocumentEntry(
        unique_id=document.unique_id,
        patient_id=report.patient.ins.xds_patient_id,
        mime_type="text/xml",
        title=report.title or _TYPE.display,
        class_code=_CLASS,
        type_code=_TYPE,
        format_code=_STRUCTURED if document.is_structured else _PDF,
        confidentiality_codes=(_NORMAL,),
        event_codes=event_codes(
            report.acts,
            (),
            modality_system=rules.modality_code_system,
            region_system=rules.region_code_system,
        ),
        facility_type=displayed(report.facility_type or rules.facility_type),
        practice_setting=displayed(setting or rules.practice_setting),
        authors=(_author(document),),
        creation_time=report.created_at,
        language_code=document.language_code,
        service_start_time=start,
        service_stop_time=stop if stop is not None and stop >= start else None,
        source_patient_id=next(iter(report.local_patient_ids), None),
        source_patient=report.patient,
        legal_authenticator=_signatory(report),
        reference_ids=reference_ids(
            report.orders, dict.fromkeys(act.study_instance_uid for act in report.acts)
        ),
    )


def build_report_submission_set(
    document: ReportDocument, rules: ReportRules, *, unique_id: str, now: datetime
) -> SubmissionSet:
    """Build the submission set.

    contentTypeCode is that of an outpatient; a PFI may know better from the stay (PV1-2).
    """
    report = document.report
    return SubmissionSet(
        unique_id=unique_id,
        source_id=rules.source_id,
        patient_id=report.patient.ins.xds_patient_id,
        content_type=_OUTPATIENT,
        authors=(_author(document),),
        submission_time=now,
        title=report.title,
    )


def build_report_document(document: ReportDocument, rules: ReportRules) -> Document:
    """Return the report as one document of a lot."""
    return Document(build_report_entry(document, rules), document.content)


def structures_named(report: ImagingReport) -> tuple[Structure, ...]:
    """List the structures of a report, best candidate first."""
    named = (report.author_structure, report.structure, *(act.structure for act in report.acts))
    return tuple(structure for structure in named if structure is not None)


def _author(document: ReportDocument) -> Author:
    report = document.report
    author = report.author or _signatory(report)
    role = report.author_role if report.author else report.legal_authenticator_role
    return Author(author, (document.structure,), speciality=displayed(role) if role else None)


def _signatory(report: ImagingReport) -> Practitioner:
    signatory = report.legal_authenticator or report.author
    if signatory is None:
        raise InvalidValue("CDA legalAuthenticator", "a person with an identifier")
    return signatory
