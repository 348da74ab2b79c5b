"""Put a message and the report inside it together."""

from datetime import tzinfo

from drimbox.errors import Mismatch
from drimbox.model.patient import Ins
from drimbox.model.report import ImagingReport, ReportMessage
from drimbox.standards.cda.imaging_report import parse_imaging_report
from drimbox.standards.hl7v2.report_envelope import ReportEnvelope


def read_report_message(envelope: ReportEnvelope, local_zone: tzinfo) -> ReportMessage:
    """Read the report that a message carries.

    Raises:
        MalformedMessage: the document is no report (UnsupportedMessage: another document).
        TooLarge: more than a report may be.
        InvalidValue: an identity or an identifier that its type does not allow.
        Mismatch: the message and the report speak of different patients.
    """
    report = parse_imaging_report(envelope.document, local_zone=local_zone)
    check_same_ins(envelope.ins, report.patient.ins)
    return compose_report_message(envelope, report)


def compose_report_message(envelope: ReportEnvelope, report: ImagingReport) -> ReportMessage:
    """Put both together; the local ids are those of PID-3, else those of the report."""
    return ReportMessage(
        control_id=envelope.control_id,
        sender=envelope.sender,
        event=envelope.event,
        report=report,
        local_patient_ids=envelope.local_patient_ids or report.local_patient_ids,
        has_qualified_identity=envelope.has_qualified_identity,
        visibility=envelope.visibility,
        changes_confidentiality=envelope.changes_confidentiality,
        is_for_dmp=envelope.is_for_dmp,
        sent_by=envelope.sent_by,
        sent_by_structure=envelope.sent_by_structure,
        is_secret_connection=envelope.is_secret_connection,
        patient_class=envelope.patient_class,
    )


def check_same_ins(of_message: Ins, of_report: Ins) -> None:
    """Check that envelope and report name one patient.

    Raises:
        Mismatch: they do not; publishing either would show a patient's exam to another's.
    """
    if of_message != of_report:
        raise Mismatch("the INS of PID-3 is not the INS of the report")
