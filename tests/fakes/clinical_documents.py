"""CDA documents as others write them, small: any body, any patient; and their DMP metadata."""

import base64
from datetime import UTC, datetime

from tests.fakes.manifests import made_up_ins

from drimbox.model.clinical_document import DocumentKind
from drimbox.model.document_entry import DocumentEntry, ReferenceId
from drimbox.model.patient import Ins
from drimbox.model.practice import Code

STARTED_AT = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)


def cda(
    body: str,
    *,
    title: str = "CR d'imagerie",
    author: str = "DEMO",
    ins: Ins | None = None,
    studies: tuple[str, ...] = ("1.2.250.1.999.7.1",),
) -> bytes:
    """Return a CDA; body is what component holds, title and author are escaped by the caller."""
    patient = made_up_ins() if ins is None else ins
    events = "".join(
        f'<documentationOf><serviceEvent><id root="{uid}"/></serviceEvent></documentationOf>'
        for uid in studies
    )
    return f"""<ClinicalDocument xmlns="urn:hl7-org:v3">
      <id root="1.2.3"/><title>{title}</title><effectiveTime value="20260701093000+0200"/>
      <recordTarget><patientRole>
        <id root="{patient.authority.value}" extension="{patient.value}"/>
      </patientRole></recordTarget>
      <author><assignedAuthor><assignedPerson><name><given>Ines</given>
        <family>{author}</family></name></assignedPerson>
        <representedOrganization><name>CLINIQUE</name></representedOrganization>
      </assignedAuthor></author>{events}
      <component>{body}</component></ClinicalDocument>""".encode()


def sections(text: str, title: str = "Conclusion") -> str:
    return (
        "<structuredBody><component><section>"
        f"<title>{title}</title><text>{text}</text></section></component></structuredBody>"
    )


def pdf_body(pdf: bytes = b"%PDF-1.4\nUn\fDeux", media_type: str = "application/pdf") -> str:
    text = base64.b64encode(pdf).decode()
    return (
        f'<nonXMLBody><text mediaType="{media_type}" representation="B64">{text}</text>'
        "</nonXMLBody>"
    )


def report_entry(
    unique_id: str = "1.2.3",
    *,
    kind: DocumentKind = DocumentKind.IMAGING_REPORT,
    references: tuple[ReferenceId, ...] = (),
    started_at: datetime | None = STARTED_AT,
    event_codes: tuple[Code, ...] = (),
    title: str = "CR",
    mime_type: str = "text/xml",
) -> DocumentEntry:
    """Return the metadata of a document of the made-up patient."""
    return DocumentEntry(
        unique_id=unique_id,
        patient_id=made_up_ins().xds_patient_id,
        mime_type=mime_type,
        title=title,
        class_code=Code("10", "1.2.250.1.213.1.1.4.1"),
        type_code=kind.value,
        format_code=Code("urn:ihe:iti:xds-sd:pdf:2008", "1.3.6.1.4.1.19376.1.2.3"),
        confidentiality_codes=(Code("N", "2.16.840.1.113883.5.25"),),
        event_codes=event_codes,
        facility_type=None,
        practice_setting=None,
        authors=(),
        creation_time=datetime(2026, 7, 1, 9, 30, tzinfo=UTC),
        service_start_time=started_at,
        reference_ids=references,
    )
