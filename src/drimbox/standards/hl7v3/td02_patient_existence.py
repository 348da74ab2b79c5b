"""TD0.2 of the DMP: does the patient's DMP exist, is it open, may this user read it.

HL7 v3 PRPA_IN201307UV02 asks, PRPA_IN201308UV02 answers (Patient Registry Get Demographics).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from lxml import etree

from drimbox.errors import MalformedMessage, UnsupportedMessage
from drimbox.model.patient import Ins

HL7_V3 = "urn:hl7-org:v3"
REQUEST_ACTION = f"{HL7_V3}:PRPA_IN201307UV02"

_INTERACTIONS = "2.16.840.1.113883.1.6"
_DMP_DEVICE = "1.2.250.1.213.4.1.1.1"
_REASONS = "1.2.250.1.213.1.1.4.11"
_KEY_WORD = "AUTORISATION"
_NS = {"h": HL7_V3}


class QueryResponseCode(Enum):
    """HL7 table QueryResponse."""

    OK = "OK"
    NOT_FOUND = "NF"
    APPLICATION_ERROR = "AE"
    QUERY_ERROR = "QE"


@dataclass(frozen=True, slots=True)
class ExistenceQuery:
    """What asks. message_id and query_id are fresh; sender_oid is this box's own."""

    ins: Ins
    message_id: str
    query_id: str
    created_at: datetime
    sender_oid: str
    software_name: str
    processing_code: str


@dataclass(frozen=True, slots=True)
class ExistenceAnswer:
    """What the DMP says.

    patient_status is the HL7 role status (active, terminated...), authorisation the value
    beside the key word AUTORISATION (VALIDE, INTERDIT...); each None where the DMP does not tell.
    """

    code: QueryResponseCode
    query_id: str | None = None
    ins: tuple[str, str] | None = None
    patient_status: str | None = None
    authorisation: str | None = None

    @property
    def exists(self) -> bool:
        return self.code is QueryResponseCode.OK

    @property
    def is_open(self) -> bool:
        return self.exists and self.patient_status == "active"

    @property
    def is_authorised(self) -> bool:
        """True only for VALIDE: what is expired, forbidden or not told gives no access."""
        return self.authorisation == "VALIDE"

    def __repr__(self) -> str:
        return f"ExistenceAnswer({self.code.value})"


def encode_existence_query(query: ExistenceQuery) -> etree._Element:
    """Build the request."""
    request = etree.Element(f"{{{HL7_V3}}}PRPA_IN201307UV02", nsmap={"hl7": HL7_V3})
    request.set("ITSVersion", "XML_1.0")
    _add(request, "id", root=query.sender_oid, extension=query.message_id)
    _add(request, "creationTime", value=_instant(query.created_at))
    _add(request, "interactionId", root=_INTERACTIONS, extension="PRPA_IN201307UV02")
    _add(request, "processingCode", code=query.processing_code)
    _add(request, "processingModeCode", code="T")
    _add(request, "acceptAckCode", code="AL")
    _add_device(request, "receiver", "RCV", _DMP_DEVICE, "DMP")
    _add_device(request, "sender", "SND", query.sender_oid, query.software_name)
    control = _add(request, "controlActProcess", classCode="CACT", moodCode="EVN")
    _add(control, "reasonCode", code="TEST_EXST", codeSystem=_REASONS)
    by_parameter = _add(control, "queryByParameter")
    _add(by_parameter, "queryId", root=query.sender_oid, extension=query.query_id)
    _add(by_parameter, "statusCode", code="new")
    identifier = _add(_add(by_parameter, "parameterList"), "patientIdentifier")
    _add(identifier, "value", root=query.ins.authority.value, extension=query.ins.value)
    _add(identifier, "semanticsText").text = "Patient.id"
    return request


def parse_existence_answer(answer: etree._Element) -> ExistenceAnswer:
    """Read the answer.

    Raises:
        UnsupportedMessage: another interaction.
        MalformedMessage: no queryResponseCode that HL7 knows.
    """
    if answer.tag != f"{{{HL7_V3}}}PRPA_IN201308UV02":
        raise UnsupportedMessage("PRPA_IN201308UV02", where="Body")
    acknowledgement = answer.find("h:controlActProcess/h:queryAck", _NS)
    try:
        code = QueryResponseCode(_attribute(acknowledgement, "h:queryResponseCode", "code") or "")
    except ValueError:
        raise MalformedMessage("OK, NF, AE or QE", where="queryResponseCode") from None
    patient = answer.find(".//h:registrationEvent//h:patient", _NS)
    return ExistenceAnswer(
        code=code,
        query_id=_attribute(acknowledgement, "h:queryId", "extension"),
        ins=_identifier(patient),
        patient_status=_attribute(patient, "h:statusCode", "code"),
        authorisation=_authorisation(answer),
    )


def _identifier(patient: etree._Element | None) -> tuple[str, str] | None:
    """Return (extension, root) of the patient's first id."""
    root, extension = _attribute(patient, "h:id", "root"), _attribute(patient, "h:id", "extension")
    return (extension, root) if root and extension else None


def _authorisation(answer: etree._Element) -> str | None:
    """Return the value that stands beside the key word AUTORISATION.

    The guide that says where it stands is not public; the prototype looks for the key word
    anywhere, as a code or a text, and takes the code that follows: so does this.
    """
    for element in answer.iter(etree.Element):
        if _KEY_WORD in {element.get("code"), (element.text or "").strip()}:
            value = _attribute(element.getparent(), "h:value", "code")
            if value is not None:
                return value
    return None


def _attribute(parent: etree._Element | None, path: str, name: str) -> str | None:
    found = None if parent is None else parent.find(path, _NS)
    return None if found is None else found.get(name)


def _add_device(parent: etree._Element, role: str, type_code: str, oid: str, name: str) -> None:
    device = _add(_add(parent, role, typeCode=type_code), "device", classCode="DEV")
    device.set("determinerCode", "INSTANCE")
    _add(device, "id", root=oid)
    _add(device, "softwareName").text = name


def _add(parent: etree._Element, name: str, **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, f"{{{HL7_V3}}}{name}")
    for attribute, value in attributes.items():
        element.set(attribute, value)
    return element


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000")
