"""Writes the HL7 v2 message that carries a report: MDM in 2.6, ORU in 2.5 (CI-SIS 2.1)."""

import base64
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from drimbox.model.patient import AssigningAuthority, LocalPatientId, PatientTraits
from drimbox.model.practice import Practitioner, Structure
from drimbox.model.report import ReportEvent, Visibility
from drimbox.sandbox.ris.report import RisReport
from drimbox.standards.hl7v2.data_types import encode_timestamp
from drimbox.standards.hl7v2.encoding import escape

_TYPE = "18748-4^CR d'imagerie médicale^LN"
_SENDER = ("RIS-DEMO", "CH-DEMOVILLE")
_RECEIVER = ("DRIMBOX", "CH-DEMOVILLE")
_STRUCTURE_KINDS = {"1": "FINEG", "2": "SIREN", "3": "SIRET"}


class MessageKind(Enum):
    """Which message carries the report; value = (code, structure, version)."""

    MDM = ("MDM", "MDM_T02", "2.6")
    ORU = ("ORU", "ORU_R01", "2.5")


@dataclass(frozen=True, slots=True)
class _EventWords:
    trigger: str
    result_status: str
    order_control: str


_MDM_EVENTS = {
    ReportEvent.FIRST: _EventWords("T02", "F", "NW"),
    ReportEvent.REPLACEMENT: _EventWords("T10", "C", "RO"),
    ReportEvent.DELETION: _EventWords("T04", "D", "CA"),
}


@dataclass(frozen=True, slots=True)
class Sending:
    """How one message is sent; processing_id is MSH-11, control_id MSH-10."""

    control_id: str
    sent_at: datetime
    kind: MessageKind = MessageKind.MDM
    event: ReportEvent = ReportEvent.FIRST
    processing_id: str = "P"
    visibility: frozenset[Visibility] = frozenset()
    changes_confidentiality: bool = False
    is_for_dmp: bool = True
    identity_status: str = "VALI"


def encode_report_message(report: RisReport, document: bytes, sending: Sending) -> bytes:
    """Write the message, UTF-8, segments ended by CR; document is the CDA."""
    words = _MDM_EVENTS[sending.event]
    segments = [
        _msh(sending, words),
        *([f"EVN||{encode_timestamp(sending.sent_at)}"] if _is_mdm(sending) else []),
        _pid(report.patient, report.local_patient_id, sending.identity_status),
        "PV1|1|O",
        f"ORC|{words.order_control}",
        _obr(report),
        *([_txa(report)] if _is_mdm(sending) else []),
        _document_obx(document, words, sending),
        _prt(report.author, report.structure),
        *_metadata(sending),
    ]
    return "".join(f"{segment}\r" for segment in segments).encode()


def _is_mdm(sending: Sending) -> bool:
    return sending.kind is MessageKind.MDM


def _msh(sending: Sending, words: _EventWords) -> str:
    code, structure, version = sending.kind.value
    trigger = words.trigger if _is_mdm(sending) else "R01"
    names = "|".join(escape(name) for name in (*_SENDER, *_RECEIVER))
    return (
        f"MSH|^~\\&|{names}|{encode_timestamp(sending.sent_at)}||{code}^{trigger}^{structure}"
        f"|{escape(sending.control_id)}|{sending.processing_id}|{version}|||||FRA|UNICODE UTF-8"
        "|||2.1^CISIS_CDA_HL7_V2"
    )


def _pid(patient: PatientTraits, local: LocalPatientId | None, identity_status: str) -> str:
    ins = (
        f"{patient.ins.value}^^^{patient.ins.authority.label}&{patient.ins.authority.value}&ISO^INS"
    )
    identifiers = [ins]
    if local is not None:
        identifiers.append(f"{escape(local.value)}^^^{_authority(local.issuer)}^PI")
    names = [_name(patient.family_name, patient.given_name, patient.birth_given_names, "L")]
    if patient.used_family_name or patient.used_given_name:
        used = (patient.used_family_name or "", patient.used_given_name or "")
        names.append(_name(*used, (), "D"))
    place = patient.birth_place.value if patient.birth_place else ""
    fields = [""] * 33
    fields[0] = "PID"
    fields[3] = "~".join(identifiers)
    fields[5] = "~".join(names)
    fields[7] = patient.birth_date.value
    fields[8] = patient.gender.value
    fields[11] = f"^^^^^^BDL^^{place}" if place else ""
    fields[31] = "N"
    fields[32] = identity_status
    return "|".join(fields)


def _name(family: str, given: str, all_given: tuple[str, ...], kind: str) -> str:
    return f"{escape(family)}^{escape(given)}^{escape(' '.join(all_given))}^^^^{kind}"


def _authority(authority: AssigningAuthority | None) -> str:
    if authority is None:
        return ""
    return f"{escape(authority.namespace_id or '')}&{authority.universal_id or ''}&ISO"


def _obr(report: RisReport) -> str:
    order = report.orders[0] if report.orders else None
    placer = escape(order.placer_order_number or "") if order else ""
    return f"OBR|1|{placer}||{_TYPE}"


def _txa(report: RisReport) -> str:
    fields = [""] * 18
    fields[0] = "TXA"
    fields[1:4] = ["1", "18748-4", "TEXT"]
    fields[4] = encode_timestamp(report.created_at)
    fields[12] = report.document_id
    fields[13] = report.replaces or ""
    fields[17] = "AU"
    return "|".join(fields)


def _document_obx(document: bytes, words: _EventWords, sending: Sending) -> str:
    subtype = "text" if _is_mdm(sending) else "TEXT"
    encoded = base64.b64encode(document).decode("ascii")
    return f"OBX|1|ED|{_TYPE}||^{subtype}^XML^Base64^{encoded}||||||{words.result_status}|"


def _prt(sender: Practitioner, structure: Structure) -> str:
    person = (
        f"{escape(sender.identifier)}^{escape(sender.family_name)}^{escape(sender.given_name)}"
        "^^^^^^ASIP-SANTE-PS&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"
    )
    kind = _STRUCTURE_KINDS.get(structure.identifier[:1], "IDNST")
    number = structure.identifier[1:] if kind != "IDNST" else structure.identifier
    organisation = (
        f"{escape(structure.name)}^^^^^ASIP-SANTE-ST&1.2.250.1.71.4.2.2&ISO^{kind}^^^{number}"
    )
    return f"PRT||UC||SB^Send by^participation|{person}|||{organisation}"


def _metadata(sending: Sending) -> list[str]:
    """Write the wishes in the order of the profile; ACK_* and mail are not ours to ask."""
    asked = {
        "MASQUE_PS": Visibility.MASKED_TO_PROFESSIONALS in sending.visibility,
        "INVISIBLE_PATIENT": Visibility.INVISIBLE_TO_PATIENT in sending.visibility,
        "INVISIBLE_REP_LEGAUX": (
            Visibility.INVISIBLE_TO_LEGAL_REPRESENTATIVES in sending.visibility
        ),
        "CONNEXION_SECRETE": False,
        "MODIF_CONF_CODE": sending.changes_confidentiality,
        "DESTDMP": sending.is_for_dmp,
        "DESTMSSANTEPS": False,
        "DESTMSSANTEPAT": False,
        "ACK_RECEPTION": False,
        "ACK_LECTURE_MSS": False,
    }
    value_type = "CWE" if _is_mdm(sending) else "CE"
    return [
        f"OBX|{number}|{value_type}|{code}^{code}^MetaDMPMSS||{'Y' if answer else 'N'}"
        "^^expandedYes-NoIndicator||||||F|"
        for number, (code, answer) in enumerate(asked.items(), 2)
    ]
