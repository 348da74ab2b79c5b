"""The lot that brings a report itself to the DMP, as the site's PFI does it (TD2.1, PFI.01).

XDS metadata of the French profile for IMG-CR-IMG; the KOS of the same exam is the box's affair.
"""

from datetime import datetime

from drimbox.model.document_entry import (
    Author,
    Document,
    DocumentEntry,
    ReferenceId,
    ReferenceIdKind,
    SubmissionSet,
)
from drimbox.model.patient import AssigningAuthority
from drimbox.model.practice import Code
from drimbox.model.publication import AuthenticationMode, DmpIdentity
from drimbox.sandbox.ris.report import RisReport
from drimbox.sandbox.ris.report_document import encode_report_document

_CLASS = Code("10", "1.2.250.1.213.1.1.4.1", "Compte rendu")
_TYPE = Code("18748-4", "2.16.840.1.113883.6.1", "CR d'imagerie médicale")
_PDF = Code("urn:ihe:iti:xds-sd:pdf:2008", "1.3.6.1.4.1.19376.1.2.3", "Document PDF dans un CDA")
_SECTIONS = Code(
    "urn:ihe:rad:CDA:ImagingReportStructuredHeadings:2013",
    "1.3.6.1.4.1.19376.1.2.3",
    "CR d'imagerie structuré",
)
_NORMAL = Code("N", "2.16.840.1.113883.5.25", "Normal")
_OUTPATIENT = Code("07", "1.2.250.1.213.2.2", "Consultations, soins externes")


def report_entry(report: RisReport) -> DocumentEntry:
    """Return the metadata of the report."""
    return DocumentEntry(
        unique_id=report.document_id,
        patient_id=report.patient.ins.xds_patient_id,
        mime_type="text/xml",
        title=report.title,
        class_code=_CLASS,
        type_code=_TYPE,
        format_code=_SECTIONS if report.is_structured else _PDF,
        confidentiality_codes=(_NORMAL,),
        event_codes=tuple(
            dict.fromkeys(c for s in report.studies for c in (*s.modalities, *s.anatomic_regions))
        ),
        facility_type=report.facility_type,
        practice_setting=report.practice_setting,
        authors=(Author(report.author, (report.structure,), report.author_role.display),),
        creation_time=report.created_at,
        service_start_time=min(study.started_at for study in report.studies),
        service_stop_time=max(study.ended_at for study in report.studies),
        source_patient_id=report.local_patient_id,
        source_patient=report.patient,
        legal_authenticator=report.author,
        reference_ids=tuple(
            ReferenceId(
                order.accession_number.value,
                ReferenceIdKind.ACCESSION.value,
                AssigningAuthority(universal_id=order.accession_number.issuer),
            )
            for order in report.orders
            if order.accession_number is not None
        ),
    )


def report_lot(
    report: RisReport, *, unique_id: str, source_id: str, now: datetime
) -> tuple[SubmissionSet, Document]:
    """Return the submission set and the document in it."""
    submission_set = SubmissionSet(
        unique_id=unique_id,
        source_id=source_id,
        patient_id=report.patient.ins.xds_patient_id,
        content_type=_OUTPATIENT,
        authors=(Author(report.author, (report.structure,), report.author_role.display),),
        submission_time=now,
    )
    return submission_set, Document(report_entry(report), encode_report_document(report))


def sender_identity(report: RisReport, now: datetime) -> DmpIdentity:
    """Return in whose name the lot goes: who signed, in the structure."""
    return DmpIdentity(
        mode=AuthenticationMode.INDIRECTE,
        patient_id=report.patient.ins.xds_patient_id,
        user=report.author,
        structure_identifier=report.structure.identifier,
        sector=report.facility_type.value,
        roles=(
            Code("10", "1.2.250.1.71.1.2.7", "Médecin"),
            Code("SM44", "1.2.250.1.71.4.2.5", "Radio-diagnostic"),
        ),
        authenticated_at=now,
    )
