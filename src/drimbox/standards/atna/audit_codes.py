"""How each of our actions is told in the codes of PS3.15 A.5 and of the IHE transactions."""

from dataclasses import dataclass
from enum import Enum

from drimbox.model.audit import AuditAction

IHE_TRANSACTIONS = "IHE Transactions"


@dataclass(frozen=True, slots=True)
class AuditCode:
    """CodedValueType: csd-code, codeSystemName, originalText."""

    code: str
    system: str
    text: str


class DataRole(Enum):
    """RoleIDCode of an active participant (PS3.16 CID 402)."""

    APPLICATION = AuditCode("110150", "DCM", "Application")
    DESTINATION = AuditCode("110152", "DCM", "Destination Role ID")
    SOURCE = AuditCode("110153", "DCM", "Source Role ID")


EXPORT = AuditCode("110106", "DCM", "Export")
IMPORT = AuditCode("110107", "DCM", "Import")
QUERY = AuditCode("110112", "DCM", "Query")
USER_AUTHENTICATION = AuditCode("110114", "DCM", "User Authentication")
BEGIN_TRANSFERRING = AuditCode("110102", "DCM", "Begin Transferring DICOM Instances")
INSTANCES_TRANSFERRED = AuditCode("110104", "DCM", "DICOM Instances Transferred")
PATIENT_RECORD = AuditCode("110110", "DCM", "Patient Record")
AUDIT_LOG_USED = AuditCode("110101", "DCM", "Audit Log Used")
SECURITY_ALERT = AuditCode("110113", "DCM", "Security Alert")

PATIENT_NUMBER = AuditCode("2", "RFC-3881", "Patient Number")
REPORT_NUMBER = AuditCode("9", "RFC-3881", "Report Number")
STUDY_INSTANCE_UID = AuditCode("110180", "DCM", "Study Instance UID")

_LOGIN = AuditCode("110122", "DCM", "Login")
_RESTRICTED_FUNCTION = AuditCode("110132", "DCM", "Use of Restricted Function")
_WADO_RS = AuditCode("RAD-107", IHE_TRANSACTIONS, "WADO-RS Retrieve")
_RETRIEVE_DOCUMENT_SET = AuditCode("ITI-43", IHE_TRANSACTIONS, "Retrieve Document Set")


@dataclass(frozen=True, slots=True)
class EventProfile:
    """One row: EventID, EventActionCode, EventTypeCodes, and who stands where.

    box and partner are the roles of this box and of the other end; is_user_the_source says that
    the user is the other end (the RIS that sends a report).
    """

    event_id: AuditCode
    action_code: str
    types: tuple[AuditCode, ...]
    box: DataRole
    partner: DataRole
    is_user_the_source: bool = False


def _exported(*types: AuditCode) -> EventProfile:
    return EventProfile(EXPORT, "R", types, DataRole.SOURCE, DataRole.DESTINATION)


def _imported(*types: AuditCode) -> EventProfile:
    return EventProfile(IMPORT, "C", types, DataRole.DESTINATION, DataRole.SOURCE)


def _queried(*types: AuditCode) -> EventProfile:
    return EventProfile(QUERY, "E", types, DataRole.SOURCE, DataRole.DESTINATION)


def _local(event_id: AuditCode, action_code: str, *types: AuditCode) -> EventProfile:
    return EventProfile(event_id, action_code, types, DataRole.APPLICATION, DataRole.DESTINATION)


PROFILES: dict[AuditAction, EventProfile] = {
    # Like RAD-128, seen by its receiver (SO.43).
    AuditAction.REPORT_RECEIVED: EventProfile(
        IMPORT,
        "C",
        (AuditCode("RAD-128", IHE_TRANSACTIONS, "Send Imaging Result"),),
        DataRole.DESTINATION,
        DataRole.SOURCE,
        is_user_the_source=True,
    ),
    # Like the Document Source of ITI-41 (SO.44).
    AuditAction.KOS_PUBLISHED: _exported(
        AuditCode("ITI-41", IHE_TRANSACTIONS, "Provide and Register Document Set-b")
    ),
    # Like the Document Repository of ITI-43 (SO.46).
    AuditAction.IMAGES_SERVED: _exported(_RETRIEVE_DOCUMENT_SET, _WADO_RS),
    # PS3.15 A.5.3.12 (CO.80).
    AuditAction.USER_AUTHENTICATED: _local(USER_AUTHENTICATION, "E", _LOGIN),
    AuditAction.CONTEXTUAL_CALL: _local(
        PATIENT_RECORD, "R", AuditCode("TRA.04", "DRIMbox", "Appel contextuel")
    ),
    AuditAction.DMP_ACCESS_CHECKED: _queried(
        AuditCode("TD0.2", "DMP", "Test d'existence et vérification de l'autorisation")
    ),
    AuditAction.DMP_QUERIED: _queried(
        AuditCode("ITI-18", IHE_TRANSACTIONS, "Registry Stored Query")
    ),
    # Like the Document Consumer of ITI-43 (CO.81, CO.82).
    AuditAction.DMP_DOCUMENT_RETRIEVED: _imported(_RETRIEVE_DOCUMENT_SET),
    AuditAction.IMAGES_REQUESTED: _imported(_RETRIEVE_DOCUMENT_SET, _WADO_RS),
    # PS3.15 A.5.3.3: told before the first octet leaves, so that a crash leaves a trace.
    AuditAction.IMAGES_EXPORT_BEGUN: EventProfile(
        BEGIN_TRANSFERRING, "E", (), DataRole.SOURCE, DataRole.DESTINATION
    ),
    # PS3.15 A.5.3.7: the receiver held no copy before.
    AuditAction.IMAGES_EXPORTED: EventProfile(
        INSTANCES_TRANSFERRED, "C", (), DataRole.SOURCE, DataRole.DESTINATION
    ),
    # PS3.15 A.5.3.10: a local system queries, this box answers.
    AuditAction.LOCAL_EXAMS_QUERIED: EventProfile(
        QUERY, "E", (), DataRole.SOURCE, DataRole.DESTINATION
    ),
    AuditAction.FHIR_READ: _local(
        PATIENT_RECORD,
        "R",
        AuditCode(
            "rest", "http://terminology.hl7.org/CodeSystem/audit-event-type", "RESTful Operation"
        ),
    ),
    AuditAction.TOKEN_ISSUED: _local(
        USER_AUTHENTICATION, "E", AuditCode("ITI-71", IHE_TRANSACTIONS, "Get Access Token")
    ),
    # PS3.15 A.5.3.11.
    AuditAction.ACCESS_REFUSED: _local(SECURITY_ALERT, "E", _RESTRICTED_FUNCTION),
    # PS3.15 A.5.3.2.
    AuditAction.AUDIT_SEARCHED: _local(AUDIT_LOG_USED, "R"),
}
