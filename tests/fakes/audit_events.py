"""One event of each action, with everything that such an event tells."""

from datetime import UTC, datetime

from tests.fakes.manifests import made_up_ins

from drimbox.model.audit import AuditAction, AuditEvent, AuditOutcome

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PATIENT = made_up_ins().xds_patient_id
STUDY = "1.2.250.1.999.7.1"
KOS = "1.2.250.1.999.8.1"
LEA = "899900000001"
QUERY = (
    b'<query:AdhocQueryRequest xmlns:query="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0" '
    b'xmlns="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0">'
    b'<AdhocQuery id="urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"/></query:AdhocQueryRequest>'
)


def made_up_event(action: AuditAction, **changes: object) -> AuditEvent:
    values: dict[str, object] = {
        "action": action,
        "outcome": AuditOutcome.SUCCESS,
        "occurred_at": NOON,
        "user": LEA,
        "user_name": "RADIO Léa",
        "user_role": "10",
        "source_address": "192.0.2.7",
        "patient_id": PATIENT,
    }
    return AuditEvent(**(values | _PARTICULARS[action] | changes))  # type: ignore[arg-type]


_PARTICULARS: dict[AuditAction, dict[str, object]] = {
    AuditAction.REPORT_RECEIVED: {
        "user": "RIS^SITE",
        "user_name": "",
        "user_role": "",
        "document_unique_id": "2.25.41",
    },
    AuditAction.KOS_PUBLISHED: {
        "destination": "https://dmp.test/repository",
        "study_instance_uid": STUDY,
        "document_unique_id": KOS,
        "outcome": AuditOutcome.SERIOUS_FAILURE,
        "description": "DMP refused: XDSPatientIdDoesNotMatch",
    },
    AuditAction.IMAGES_SERVED: {
        "destination": "db2.test.mesimagesmedicales.fr",
        "study_instance_uid": STUDY,
        "document_unique_id": KOS,
    },
    AuditAction.USER_AUTHENTICATED: {"patient_id": None},
    AuditAction.CONTEXTUAL_CALL: {"consent": "InforméEtNonOpposé"},
    AuditAction.DMP_ACCESS_CHECKED: {"destination": "https://dmp.test/patients"},
    AuditAction.DMP_QUERIED: {"destination": "https://dmp.test/registry", "query": QUERY},
    AuditAction.DMP_DOCUMENT_RETRIEVED: {
        "destination": "https://dmp.test/repository",
        "document_unique_id": KOS,
    },
    AuditAction.IMAGES_REQUESTED: {
        "destination": "db1.test.mesimagesmedicales.fr",
        "study_instance_uid": STUDY,
        "document_unique_id": KOS,
        "consent": "InforméEtNonOpposé",
    },
    AuditAction.IMAGES_EXPORT_BEGUN: {"destination": "PACS", "study_instance_uid": STUDY},
    AuditAction.IMAGES_EXPORTED: {"destination": "PACS", "study_instance_uid": STUDY},
    AuditAction.LOCAL_EXAMS_QUERIED: {
        "user": "CONSOLE1",
        "user_name": "",
        "user_role": "",
        "source_address": "192.0.2.7",
        "patient_id": None,
    },
    AuditAction.FHIR_READ: {"user": "client-1", "user_name": "", "user_role": ""},
    AuditAction.TOKEN_ISSUED: {"user": "client-1", "patient_id": None},
    AuditAction.ACCESS_REFUSED: {
        "outcome": AuditOutcome.MINOR_FAILURE,
        "description": "the patient is opposed to the consultation",
        "consent": "InforméEtOpposé",
    },
    AuditAction.AUDIT_SEARCHED: {
        "user": "operator",
        "user_name": "",
        "user_role": "",
        "patient_id": None,
    },
}
