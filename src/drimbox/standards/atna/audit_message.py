"""One event of the audit trail as an AuditMessage (DICOM PS3.15 A.5.1, carried by ITI-20).

AuditMessage
├── EventIdentification              what, when, with what outcome
├── ActiveParticipant  (1..n)        the user or RIS that asked, this box, the other end
├── AuditSourceIdentification        this box
└── ParticipantObjectIdentification  the patient, the study, the document, the query
"""

import base64
import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from urllib.parse import urlsplit

from lxml import etree
from lxml.builder import E

from drimbox.errors import DrimboxError
from drimbox.model.audit import AuditEvent
from drimbox.standards.atna.audit_codes import (
    IHE_TRANSACTIONS,
    PATIENT_NUMBER,
    PROFILES,
    REPORT_NUMBER,
    STUDY_INSTANCE_UID,
    AuditCode,
    DataRole,
    EventProfile,
)
from drimbox.standards.safe_xml import parse_xml

# Everything outside the Char production of XML 1.0 section 2.2.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MACHINE_NAME, _IP_ADDRESS = "1", "2"  # NetworkAccessPointTypeCode
_APPLICATION_SERVER = "4"  # AuditSourceTypeCode
_PERSON, _SYSTEM_OBJECT = "1", "2"  # ParticipantObjectTypeCode
_PATIENT, _REPORT, _QUERY = "1", "3", "24"  # ParticipantObjectTypeCodeRole
_JOB = "21"  # as BALP has it
_REQUEST_ID = AuditCode(
    "XrequestId",
    "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType",
    "X-Request-Id of the HTTP request",
)
_MAX_QUERY_BYTES = 1024 * 1024
_ADHOC_QUERY = "{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}AdhocQuery"


@dataclass(frozen=True, slots=True)
class AuditSource:
    """This box: its name in the trail, the structure it serves, its address, its process.

    address is an IP address or a host name; process_id that of the operating system.
    """

    source_id: str
    enterprise_site_id: str = ""
    address: str = ""
    process_id: str = ""


def encode_audit_message(event: AuditEvent, source: AuditSource) -> bytes:
    """Return the message as UTF-8 XML without declaration; what XML cannot carry is U+FFFD."""
    profile = PROFILES[event.action]
    message = _element(
        "AuditMessage",
        _event_identification(event, profile),
        *_participants(event, profile, source),
        _source_identification(source),
        *_objects(event),
    )
    return etree.tostring(message, encoding="utf-8", xml_declaration=False)


def _event_identification(event: AuditEvent, profile: EventProfile) -> etree._Element:
    occurred_at = event.occurred_at.astimezone(UTC).isoformat(timespec="milliseconds")
    element = _element(
        "EventIdentification",
        _coded("EventID", profile.event_id),
        *(_coded("EventTypeCode", code) for code in profile.types),
        EventActionCode=profile.action_code,
        EventDateTime=occurred_at.replace("+00:00", "Z"),
        EventOutcomeIndicator=str(event.outcome.value),
    )
    if event.description:
        element.append(_element("EventOutcomeDescription", _clean(event.description)))
    return element


def _participants(
    event: AuditEvent, profile: EventProfile, source: AuditSource
) -> Iterator[etree._Element]:
    user_roles = [DataRole.SOURCE.value] if profile.is_user_the_source else []
    if event.user_role:
        user_roles.append(AuditCode(event.user_role, "ANS", event.user_role))
    yield _participant(
        event.user,
        *user_roles,
        is_requestor=True,
        address=event.source_address,
        name=event.user_name,
    )
    box = _participant(
        source.source_id, profile.box.value, is_requestor=False, address=source.address
    )
    if source.process_id:
        box.set("AlternativeUserID", _clean(source.process_id))
    yield box
    if event.destination:
        yield _participant(
            event.destination,
            profile.partner.value,
            is_requestor=False,
            address=_host(event.destination),
        )


def _participant(
    user_id: str, *roles: AuditCode, is_requestor: bool, address: str, name: str = ""
) -> etree._Element:
    element = _element(
        "ActiveParticipant",
        *(_coded("RoleIDCode", role) for role in roles),
        UserID=_clean(user_id),
        UserIsRequestor="true" if is_requestor else "false",
    )
    if name:
        element.set("UserName", _clean(name))
    if address:
        element.set("NetworkAccessPointID", _clean(address))
        element.set("NetworkAccessPointTypeCode", _access_point_type(address))
    return element


def _source_identification(source: AuditSource) -> etree._Element:
    element = _element(
        "AuditSourceIdentification",
        _element("AuditSourceTypeCode", **{"csd-code": _APPLICATION_SERVER}),
        AuditSourceID=_clean(source.source_id),
    )
    if source.enterprise_site_id:
        element.set("AuditEnterpriseSiteID", _clean(source.enterprise_site_id))
    return element


def _objects(event: AuditEvent) -> Iterator[etree._Element]:
    if event.patient_id is not None:
        patient = _object(event.patient_id, PATIENT_NUMBER, _PERSON, _PATIENT)
        if event.consent is not None:
            patient.append(_detail("InformationEtOppositionConsultation", event.consent.encode()))
        yield patient
    if event.study_instance_uid is not None:
        yield _object(event.study_instance_uid, STUDY_INSTANCE_UID, _SYSTEM_OBJECT, _REPORT)
    if event.document_unique_id is not None:
        yield _object(event.document_unique_id, REPORT_NUMBER, _SYSTEM_OBJECT, _REPORT)
    if event.query is not None:
        yield _query_object(event.query, PROFILES[event.action])
    if event.request_id:
        yield _object(event.request_id, _REQUEST_ID, _SYSTEM_OBJECT, _JOB)


def _object(object_id: str, id_type: AuditCode, type_code: str, role: str) -> etree._Element:
    # A name or a query is mandatory (A.5.1); of these objects we know no better name than the id.
    return _element(
        "ParticipantObjectIdentification",
        _coded("ParticipantObjectIDTypeCode", id_type),
        _element("ParticipantObjectName", _clean(object_id)),
        ParticipantObjectID=_clean(object_id),
        ParticipantObjectTypeCode=type_code,
        ParticipantObjectTypeCodeRole=role,
    )


def _query_object(query: bytes, profile: EventProfile) -> etree._Element:
    """Tell the query as sent (ITI TF-2 3.18.5.1): its id, its octets, their encoding."""
    id_type = profile.types[0] if profile.types else AuditCode("query", IHE_TRANSACTIONS, "Query")
    return _element(
        "ParticipantObjectIdentification",
        _coded("ParticipantObjectIDTypeCode", id_type),
        _element("ParticipantObjectQuery", base64.b64encode(query).decode()),
        _detail("QueryEncoding", b"UTF-8"),
        ParticipantObjectID=_stored_query_id(query) or id_type.code,
        ParticipantObjectTypeCode=_SYSTEM_OBJECT,
        ParticipantObjectTypeCodeRole=_QUERY,
    )


def _stored_query_id(query: bytes) -> str | None:
    """Return AdhocQuery/@id of a registry stored query; None of any other query."""
    if not query.lstrip().startswith(b"<"):
        return None
    try:
        root = parse_xml(query, max_bytes=_MAX_QUERY_BYTES)
    except DrimboxError:
        return None
    found = next(root.iter(_ADHOC_QUERY), None)
    return None if found is None else found.get("id")


def _detail(kind: str, value: bytes) -> etree._Element:
    return _element("ParticipantObjectDetail", type=kind, value=base64.b64encode(value).decode())


def _coded(name: str, code: AuditCode) -> etree._Element:
    attributes = {
        "csd-code": _clean(code.code),
        "codeSystemName": code.system,
        "originalText": _clean(code.text),
    }
    return _element(name, **attributes)


def _element(name: str, *children: etree._Element | str, **attributes: str) -> etree._Element:
    element: etree._Element = E(name, attributes, *children)
    return element


def _host(destination: str) -> str:
    """Return the host of a URL; of anything else, such as an AE title, itself."""
    try:
        return urlsplit(destination).hostname or destination
    except ValueError:
        return destination


def _access_point_type(address: str) -> str:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return _MACHINE_NAME
    return _IP_ADDRESS


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
