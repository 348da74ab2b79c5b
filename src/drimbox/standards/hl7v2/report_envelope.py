"""What an MDM or ORU message says around the CDA report that it carries: one mapping for both.

CI-SIS "Transmission d'un document CDA en HL7v2" 2.1: PID, PV1, ORC, OBX and PRT.
"""

from dataclasses import dataclass
from types import MappingProxyType

from drimbox.errors import InvalidValue
from drimbox.model.patient import Ins, InsAuthority, LocalPatientId
from drimbox.model.practice import (
    NATIONAL_PERSON_AUTHORITY,
    NATIONAL_STRUCTURE_AUTHORITY,
    Practitioner,
    Structure,
)
from drimbox.model.report import PatientClass, ReportEvent, Visibility
from drimbox.standards.hl7v2.data_types import Cx, Xcn, Xon, decode_encapsulated
from drimbox.standards.hl7v2.faults import (
    ApplicationError,
    ErrorCondition,
    MessageFault,
    missing,
    unknown_value,
)
from drimbox.standards.hl7v2.header import ProcessingId
from drimbox.standards.hl7v2.message import Message, Segment

# OBX-11 and ORC-1 of each event, and how older versions of the profile left ORC-1 out or at SC.
EVENT_OF_RESULT_STATUS = MappingProxyType(
    {"F": ReportEvent.FIRST, "C": ReportEvent.REPLACEMENT, "D": ReportEvent.DELETION}
)
_EVENT_OF_ORDER_CONTROL = MappingProxyType(
    {"NW": ReportEvent.FIRST, "RO": ReportEvent.REPLACEMENT, "CA": ReportEvent.DELETION}
)
_SILENT_ORDER_CONTROL = frozenset({"", "SC"})

# OBX-3 of coding system MetaDMPMSS, with the spellings of older versions.
_VISIBILITIES = MappingProxyType(
    {
        "MASQUE_PS": Visibility.MASKED_TO_PROFESSIONALS,
        "INVISIBLE_PATIENT": Visibility.INVISIBLE_TO_PATIENT,
        "INVISIBLE_REP_LEGAUX": Visibility.INVISIBLE_TO_LEGAL_REPRESENTATIVES,
        "INVISIBLE_REPRESENTANTS_LEGAUX": Visibility.INVISIBLE_TO_LEGAL_REPRESENTATIVES,
        "INVISIBLE_REPRENSANTS_LEGAUX": Visibility.INVISIBLE_TO_LEGAL_REPRESENTATIVES,
    }
)
_CHANGES_CONFIDENTIALITY = frozenset({"MODIF_CONF_CODE", "MODIF_CONFIDENTIALITYCODE"})
_SECRET_CONNECTION = "CONNEXION_SECRETE"  # noqa: S105  # the wire word of a wish, not a secret
_FOR_DMP = "DESTDMP"
_METADATA_SYSTEM = "MetaDMPMSS"
_ANSWERS = MappingProxyType({"Y": True, "N": False})
_QUALIFIED = "VALI"


@dataclass(frozen=True, slots=True)
class ReportEnvelope:
    """Everything but the report itself; document is the CDA's octets.

    local_patient_ids are those of PID-3 with type PI; patient_class is None where PV1-2 is silent.
    """

    control_id: str
    sender: str
    processing_id: ProcessingId
    event: ReportEvent
    document: bytes
    ins: Ins
    local_patient_ids: tuple[LocalPatientId, ...]
    has_qualified_identity: bool
    visibility: frozenset[Visibility]
    changes_confidentiality: bool
    is_for_dmp: bool
    is_secret_connection: bool
    patient_class: PatientClass | None
    sent_by: Practitioner | None
    sent_by_structure: Structure | None


def read_report_envelope(
    message: Message, *, sender: str, processing_id: ProcessingId, event: ReportEvent | None
) -> ReportEnvelope:
    """Map a message to its envelope; event is what MSH-9 says, None where it says nothing.

    Raises:
        MessageFault: a required part is missing, wrong, or contradicts another.
    """
    patient = message.get("PID")
    document = _find_document(message)
    wishes = _read_wishes(message)
    sent_by = _find_sender(message)
    changes_confidentiality = any(wishes.get(code, False) for code in _CHANGES_CONFIDENTIALITY)
    return ReportEnvelope(
        control_id=message.header.text(10),
        sender=sender,
        processing_id=processing_id,
        event=_agreed_event(message, document, event, is_lenient=changes_confidentiality),
        document=decode_encapsulated(document.field(5)),
        ins=_read_ins(patient),
        local_patient_ids=_read_local_patient_ids(patient),
        has_qualified_identity=any(f.text() == _QUALIFIED for f in patient.repetitions(32)),
        visibility=frozenset(v for code, v in _VISIBILITIES.items() if wishes.get(code, False)),
        changes_confidentiality=changes_confidentiality,
        is_for_dmp=wishes.get(_FOR_DMP, True),
        is_secret_connection=wishes.get(_SECRET_CONNECTION, False),
        patient_class=_read_patient_class(message),
        sent_by=_read_practitioner(sent_by) if sent_by else None,
        sent_by_structure=_read_structure(sent_by) if sent_by else None,
    )


def _find_document(message: Message) -> Segment:
    """Return the first OBX that encapsulates a document (not the body of a mail)."""
    for observation in message.find_all("OBX"):
        if observation.text(2) == "ED" and observation.text(3, 3) != _METADATA_SYSTEM:
            return observation
    raise missing("OBX-5")


def _agreed_event(
    message: Message, document: Segment, event: ReportEvent | None, *, is_lenient: bool
) -> ReportEvent:
    """Return the event that MSH-9, OBX-11 and ORC-1 agree upon.

    A message that only changes the visibility may mix first and replacement: the guide's own
    homologation sample says F with MODIF_CONF_CODE.
    """
    status = EVENT_OF_RESULT_STATUS.get(document.text(11))
    if status is None:
        raise unknown_value("F, C or D", "OBX-11")
    order = message.find("ORC")
    control = order.text(1) if order else ""
    said = {status}
    if event is not None:
        said.add(event)
    if control not in _SILENT_ORDER_CONTROL:
        if control not in _EVENT_OF_ORDER_CONTROL:
            raise unknown_value("NW, RO or CA", "ORC-1")
        said.add(_EVENT_OF_ORDER_CONTROL[control])
    if len(said) == 1:
        return status
    if is_lenient and ReportEvent.DELETION not in said:
        return ReportEvent.REPLACEMENT
    raise unknown_value("MSH-9, ORC-1 and OBX-11 contradict each other", "OBX-11")


def _read_wishes(message: Message) -> dict[str, bool]:
    """Read the OBX of MetaDMPMSS that answer yes or no.

    Raises:
        MessageFault: neither Y nor N. A wish to hide must not be lost for a typing error.
    """
    wishes = {}
    for observation in message.find_all("OBX"):
        if observation.text(3, 3) != _METADATA_SYSTEM or observation.text(2) == "ED":
            continue
        answer = _ANSWERS.get(observation.text(5).upper())
        if answer is None:
            raise unknown_value("Y or N", "OBX-5")
        wishes[observation.text(3)] = answer
    return wishes


def _read_ins(patient: Segment) -> Ins:
    for identifier in (Cx.read(field) for field in patient.repetitions(3)):
        authority = _ins_authority(identifier)
        if authority is None:
            continue
        try:
            return Ins(identifier.value, authority)
        except InvalidValue as error:
            raise _ins_fault(error.rule, ApplicationError.INS_INCOMPLETE) from None
    raise _ins_fault("no INS", ApplicationError.NO_INS)


def _ins_authority(identifier: Cx) -> InsAuthority | None:
    if identifier.authority is None or identifier.authority.universal_id is None:
        return None
    try:
        return InsAuthority(identifier.authority.universal_id)
    except ValueError:
        return None


def _ins_fault(reason: str, application_error: ApplicationError) -> MessageFault:
    return MessageFault(
        reason,
        where="PID-3",
        condition=ErrorCondition.APPLICATION,
        application_error=application_error,
    )


def _read_local_patient_ids(patient: Segment) -> tuple[LocalPatientId, ...]:
    identifiers = (Cx.read(field) for field in patient.repetitions(3))
    return tuple(
        LocalPatientId(identifier.value, identifier.authority)
        for identifier in identifiers
        if identifier.identifier_type == "PI" and identifier.value
    )


def _read_patient_class(message: Message) -> PatientClass | None:
    visit = message.find("PV1")
    try:
        return PatientClass(visit.text(2)) if visit else None
    except ValueError:
        return None


def _find_sender(message: Message) -> Segment | None:
    """Return the PRT of who sends (PRT-4 SB), which follows the document's OBX."""
    return next((p for p in message.find_all("PRT") if p.text(4) == "SB"), None)


def _read_practitioner(participation: Segment) -> Practitioner | None:
    person = Xcn.read(participation.field(5))
    if not person.identifier or not person.family_name:
        return None
    authority = person.authority.universal_id if person.authority else None
    return Practitioner(
        identifier=person.identifier,
        family_name=person.family_name,
        given_name=person.given_name,
        authority=authority or NATIONAL_PERSON_AUTHORITY,
    )


def _read_structure(participation: Segment) -> Structure | None:
    organisation = Xon.read(participation.field(8))
    if not organisation.identifier:
        return None
    authority = organisation.authority.universal_id if organisation.authority else None
    return Structure(
        identifier=organisation.identifier,
        name=organisation.name,
        authority=authority or NATIONAL_STRUCTURE_AUTHORITY,
    )
