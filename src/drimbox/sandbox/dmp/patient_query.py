"""TD0.2: does this DMP exist, is it open, may we read it (PRPA_IN201307UV02 -> PRPA_IN201308UV02).

HL7 v3 Patient Registry Get Demographics, as the DMP uses it: reasonCode TEST_EXST; the state of the
authorisation comes back in an attentionLine.
"""

import copy
import uuid
from dataclasses import dataclass
from typing import Final

from lxml import etree

from drimbox.sandbox.dmp.answers import Answer
from drimbox.sandbox.dmp.call import Call
from drimbox.sandbox.dmp.hl7_types import is_oid, read_dtm
from drimbox.sandbox.dmp.judge_structure import local_name
from drimbox.sandbox.dmp.names import HL7V3, MODE_INDIRECT, MODE_REINFORCED, qualified
from drimbox.sandbox.dmp.patients import AUTHORISED, FORBIDDEN, DmpPatient, Patients
from drimbox.sandbox.dmp.refusals import Fault, sender_fault

_INTERACTIONS: Final = "2.16.840.1.113883.1.6"
_DMP_DEVICE: Final = "1.2.250.1.213.4.1.1.1"
_REASONS: Final = "1.2.250.1.213.1.1.4.11"
_ANSWERED_BY: Final = "1.2.250.1.213.4.1.1.1.1"
_WRAPPER: Final = (
    ("id", True),
    ("creationTime", True),
    ("interactionId", True),
    ("processingCode", True),
    ("processingModeCode", True),
    ("acceptAckCode", True),
    ("receiver", True),
    ("sender", True),
    ("attentionLine", False),
    ("controlActProcess", True),
)
"""Children of the message in the order of MCCI_MT000100UV01; whether each must stand."""


def _v3(name: str) -> str:
    return qualified(HL7V3, name)


@dataclass(frozen=True, slots=True)
class PatientQuery:
    """The `patients` service."""

    patients: Patients

    def __call__(self, call: Call) -> Answer:
        """Answer the test of existence.

        Raises:
            Fault: the message is not as it must be, or its patient not that of the VIHF.
        """
        call.check_mode(MODE_INDIRECT, MODE_REINFORCED)
        message = call.message.body
        _judge_wrapper(message)
        control = _child(message, "controlActProcess")
        if _attributes(control, "reasonCode") != ("TEST_EXST", _REASONS):
            raise _wrong("reasonCode must be TEST_EXST")
        query = _child(control, "queryByParameter")
        call.check_patient(_patient_id(query))
        patient = self.patients.find(call.vihf.patient_id)
        return Answer(_answer(call, query, patient))


def _judge_wrapper(message: etree._Element) -> None:
    if message.get("ITSVersion") != "XML_1.0":
        raise _wrong("ITSVersion must be XML_1.0")
    order = [name for name, _ in _WRAPPER]
    names = [local_name(child) for child in message.iterchildren(etree.Element)]
    if not set(names) <= set(order) or names != sorted(names, key=order.index):
        raise _wrong("the transmission wrapper has unknown or disordered elements")
    for name, is_required in _WRAPPER:
        if is_required and names.count(name) != 1:
            raise _wrong(f"the transmission wrapper needs one {name}")
    _judge_identification(message)


def _judge_identification(message: etree._Element) -> None:
    device_ids = [
        _child(_child(_child(message, end), "device"), "id") for end in ("receiver", "sender")
    ]
    for identifier in (_child(message, "id"), *device_ids):
        if not is_oid(identifier.get("root", "")):
            raise _wrong(f"{local_name(identifier)}/@root must be an OID")
    if read_dtm(_child(message, "creationTime").get("value", "")[:14]) is None:
        raise _wrong("creationTime is no time stamp")
    interaction = _identifier(_child(message, "interactionId"))
    if interaction != {"root": _INTERACTIONS, "extension": "PRPA_IN201307UV02"}:
        raise _wrong("interactionId must be PRPA_IN201307UV02")


def _patient_id(query: etree._Element) -> str:
    """Return the CX of the only patientIdentifier of a queryByParameter."""
    if not _child(query, "queryId").get("root") or _child(query, "statusCode").get("code") != "new":
        raise _wrong("queryByParameter needs a queryId and the statusCode new")
    identifier = _child(_child(query, "parameterList"), "patientIdentifier")
    if (_child(identifier, "semanticsText").text or "").strip() != "Patient.id":
        raise _wrong("semanticsText of patientIdentifier must be Patient.id")
    value = _child(identifier, "value")
    return f"{value.get('extension', '')}^^^&{value.get('root', '')}&ISO^NH"


def _answer(call: Call, query: etree._Element, patient: DmpPatient | None) -> etree._Element:
    asked = call.message.body
    root = etree.Element(_v3("PRPA_IN201308UV02"), ITSVersion="XML_1.0", nsmap={None: HL7V3})  # type: ignore[dict-item]
    _add(root, "id", root=_ANSWERED_BY, extension=str(uuid.uuid4()))
    _add(root, "creationTime", value=f"{call.now:%Y%m%d%H%M%S}")
    _add(root, "interactionId", root=_INTERACTIONS, extension="PRPA_IN201308UV02")
    _add(root, "processingCode", code=_child(asked, "processingCode").get("code", "D"))
    _add(root, "processingModeCode", code="T")
    _add(root, "acceptAckCode", code="NE")
    sender = _child(_child(_child(asked, "sender"), "device"), "id").get("root", "")
    _add_device(root, "receiver", "RCV", sender)
    _add_device(root, "sender", "SND", _DMP_DEVICE)
    if patient is not None:
        line = _add(root, "attentionLine")
        _add(line, "keyWordText", code="AUTORISATION")
        _add(line, "value", code=AUTHORISED if patient.is_authorised else FORBIDDEN)
    acknowledgement = _add(root, "acknowledgement", typeCode="AA")
    target = _add(acknowledgement, "targetMessage")
    _add(target, "id", **_identifier(_child(asked, "id")))
    control = _add(root, "controlActProcess", classCode="CACT", moodCode="EVN")
    if patient is not None:
        _add_registration(control, patient)
    acknowledged = _add(control, "queryAck")
    _add(acknowledged, "queryId", **_identifier(_child(query, "queryId")))
    _add(acknowledged, "queryResponseCode", code="NF" if patient is None else "OK")
    control.append(copy.deepcopy(query))
    return root


def _add_registration(control: etree._Element, patient: DmpPatient) -> None:
    state = "active" if patient.is_open else "terminated"
    subject = _add(control, "subject", typeCode="SUBJ", contextConductionInd="false")
    event = _add(subject, "registrationEvent", classCode="REG", moodCode="EVN")
    _add(event, "statusCode", code=state)
    subject1 = _add(event, "subject1", typeCode="SBJ")
    person = _add(subject1, "patient", classCode="PAT")
    _add(person, "id", root=patient.ins.authority.value, extension=patient.ins.value)
    _add(person, "statusCode", code=state)


def _add_device(root: etree._Element, end: str, type_code: str, device_id: str) -> None:
    parent = _add(root, end, typeCode=type_code)
    device = _add(parent, "device", classCode="DEV", determinerCode="INSTANCE")
    _add(device, "id", root=device_id)


def _add(parent: etree._Element, name: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, _v3(name), attrib=attributes)


def _identifier(element: etree._Element) -> dict[str, str]:
    return {key: element.get(key, "") for key in ("root", "extension") if key in element.attrib}


def _attributes(parent: etree._Element, name: str) -> tuple[str, str]:
    child = _child(parent, name)
    return child.get("code", ""), child.get("codeSystem", "")


def _child(parent: etree._Element, name: str) -> etree._Element:
    found = parent.findall(_v3(name))
    if len(found) != 1:
        raise _wrong(f"{local_name(parent)} needs one {name}")
    return found[0]


def _wrong(reason: str) -> Fault:
    return sender_fault(f"PRPA_IN201307UV02: {reason}")
