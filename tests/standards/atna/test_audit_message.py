"""AuditMessages against the rules of PS3.15 A.5, written here anew from the standard's text."""

import base64
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from lxml import etree
from tests.fakes.audit_events import KOS, PATIENT, QUERY, STUDY, made_up_event

from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.standards.atna.audit_message import AuditSource, encode_audit_message

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "audit"
BOX = AuditSource("db1.test.mesimagesmedicales.fr", "1330781360", "192.0.2.1", "4711")
EACH_ACTION = [pytest.param(action, id=action.value) for action in AuditAction]

# PS3.15 A.5.1.1: children in order with their occurrences, then attributes (True: mandatory).
CODED = {"csd-code": True, "codeSystemName": True, "displayName": False, "originalText": True}
RULES: dict[str, tuple[list[tuple[str, str]], dict[str, bool]]] = {
    "AuditMessage": (
        [
            ("EventIdentification", "1"),
            ("ActiveParticipant", "+"),
            ("AuditSourceIdentification", "1"),
            ("ParticipantObjectIdentification", "*"),
        ],
        {},
    ),
    "EventIdentification": (
        [("EventID", "1"), ("EventTypeCode", "*"), ("EventOutcomeDescription", "?")],
        {"EventActionCode": False, "EventDateTime": True, "EventOutcomeIndicator": True},
    ),
    "ActiveParticipant": (
        [("RoleIDCode", "*"), ("MediaIdentifier", "?")],
        {
            "UserID": True,
            "AlternativeUserID": False,
            "UserName": False,
            "UserIsRequestor": True,
            "NetworkAccessPointID": False,
            "NetworkAccessPointTypeCode": False,
        },
    ),
    "AuditSourceIdentification": (
        [("AuditSourceTypeCode", "*")],
        {"AuditEnterpriseSiteID": False, "AuditSourceID": True},
    ),
    "ParticipantObjectIdentification": (
        [
            ("ParticipantObjectIDTypeCode", "1"),
            ("ParticipantObjectName", "?"),
            ("ParticipantObjectQuery", "?"),
            ("ParticipantObjectDetail", "*"),
        ],
        {
            "ParticipantObjectID": True,
            "ParticipantObjectTypeCode": False,
            "ParticipantObjectTypeCodeRole": False,
            "ParticipantObjectDataLifeCycle": False,
            "ParticipantObjectSensitivity": False,
        },
    ),
    "EventID": ([], CODED),
    "EventTypeCode": ([], CODED),
    "RoleIDCode": ([], CODED),
    "ParticipantObjectIDTypeCode": ([], CODED),
    "AuditSourceTypeCode": ([], dict.fromkeys(CODED, False) | {"csd-code": True}),
    "EventOutcomeDescription": ([], {}),
    "ParticipantObjectName": ([], {}),
    "ParticipantObjectQuery": ([], {}),
    "ParticipantObjectDetail": ([], {"type": True, "value": True}),
}
CLOSED_SETS = {
    "EventActionCode": set("CRUDE"),
    "EventOutcomeIndicator": {"0", "4", "8", "12"},
    "UserIsRequestor": {"true", "false"},
    "NetworkAccessPointTypeCode": set("12345"),
    "ParticipantObjectTypeCode": set("1234"),
    "ParticipantObjectTypeCodeRole": {str(n) for n in range(1, 27)},
}
OCCURRENCES = {"1": (1, 1), "+": (1, None), "?": (0, 1), "*": (0, None)}


def check_structure(element: etree._Element) -> None:
    children, attributes = RULES[element.tag]
    names = [child.tag for child in element]
    order = [name for name, _ in children]
    assert names == sorted(names, key=order.index), f"{element.tag}: order"
    for name, occurrence in children:
        least, most = OCCURRENCES[occurrence]
        assert least <= names.count(name), f"{element.tag}: {name} missing"
        assert most is None or names.count(name) <= most, f"{element.tag}: {name} repeated"
    assert set(element.attrib) <= set(attributes), f"{element.tag}: unknown attribute"
    assert {n for n, must in attributes.items() if must} <= set(element.attrib), element.tag
    for name, allowed in CLOSED_SETS.items():
        assert element.get(name) is None or element.get(name) in allowed, name
    for child in element:
        check_structure(child)


def encode(action: AuditAction, **changes: object) -> etree._Element:
    event = made_up_event(action, **changes)
    return etree.fromstring(encode_audit_message(event, BOX))


def test_the_request_id_of_a_program_stands_in_the_message() -> None:
    """BALP names it as an entity of its own: it ties our trail to the caller's."""
    message = encode(AuditAction.FHIR_READ, request_id="0af7651916cd43dd")
    check_structure(message)
    found = [
        one.get("ParticipantObjectID")
        for one in message.iter("ParticipantObjectIdentification")
        if one.find("ParticipantObjectIDTypeCode").get("csd-code") == "XrequestId"
    ]
    assert found == ["0af7651916cd43dd"]


@pytest.mark.parametrize("action", EACH_ACTION)
def test_each_action_is_told_as_the_schema_of_the_standard_wants(action: AuditAction) -> None:
    message = encode(action)
    check_structure(message)
    # A name or a query, one of them and not both.
    for each in message.iter("ParticipantObjectIdentification"):
        assert (each.find("ParticipantObjectName") is None) != (
            each.find("ParticipantObjectQuery") is None
        )
    # A network access point has both its id and its type, or neither.
    for each in message.iter("ActiveParticipant"):
        assert (each.get("NetworkAccessPointID") is None) == (
            each.get("NetworkAccessPointTypeCode") is None
        )


@pytest.mark.parametrize("action", EACH_ACTION)
def test_each_action_reads_as_reviewed(action: AuditAction, update_golden: bool) -> None:
    path = GOLDEN / f"{action.value}.xml"
    message = encode(action)
    etree.indent(message)
    text = etree.tostring(message, encoding="unicode") + "\n"
    if update_golden:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


# Each event beside the transaction or clause that defines it.
EVENTS = [
    pytest.param(
        AuditAction.REPORT_RECEIVED, "110107", "C", ["RAD-128"], id="SO.43 report received",
        marks=pytest.mark.requirement("SO.43"),
    ),
    pytest.param(
        AuditAction.KOS_PUBLISHED, "110106", "R", ["ITI-41"], id="SO.44 KOS published",
        marks=pytest.mark.requirement("SO.44"),
    ),
    pytest.param(
        AuditAction.IMAGES_SERVED, "110106", "R", ["ITI-43", "RAD-107"], id="SO.46 images served",
        marks=pytest.mark.requirement("SO.46"),
    ),
    pytest.param(
        AuditAction.USER_AUTHENTICATED, "110114", "E", ["110122"], id="CO.80 authentication",
        marks=pytest.mark.requirement("CO.80"),
    ),
    pytest.param(
        AuditAction.DMP_DOCUMENT_RETRIEVED, "110107", "C", ["ITI-43"], id="CO.81 DMP retrieval",
        marks=pytest.mark.requirement("CO.81"),
    ),
    pytest.param(
        AuditAction.IMAGES_REQUESTED, "110107", "C", ["ITI-43", "RAD-107"],
        id="CO.82 images requested", marks=pytest.mark.requirement("CO.82"),
    ),
    pytest.param(AuditAction.DMP_QUERIED, "110112", "E", ["ITI-18"], id="ITI-18 query"),
    pytest.param(AuditAction.IMAGES_EXPORT_BEGUN, "110102", "E", [], id="A.5.3.3 begin"),
    pytest.param(AuditAction.IMAGES_EXPORTED, "110104", "C", [], id="A.5.3.7 transfer"),
    pytest.param(AuditAction.ACCESS_REFUSED, "110113", "E", ["110132"], id="A.5.3.11 refusal"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "event_id", "code", "types"), EVENTS)
def test_events_have_the_codes_of_their_transaction(
    action: AuditAction, event_id: str, code: str, types: list[str]
) -> None:
    identification = encode(action).find("EventIdentification")
    assert identification is not None
    assert [e.get("csd-code") for e in identification.iter("EventID")] == [event_id]
    assert identification.get("EventActionCode") == code
    assert [e.get("csd-code") for e in identification.iter("EventTypeCode")] == types


@pytest.mark.parametrize(
    ("action", "roles"),
    [
        pytest.param(
            AuditAction.REPORT_RECEIVED,
            {"RIS^SITE": "110153", BOX.source_id: "110152"},
            id="the RIS is the source, this box the destination",
        ),
        pytest.param(
            AuditAction.KOS_PUBLISHED,
            {BOX.source_id: "110153", "https://dmp.test/repository": "110152"},
            id="this box is the source, the DMP the destination",
        ),
        pytest.param(
            AuditAction.IMAGES_REQUESTED,
            {"db2.test": "110152", "db1.test.mesimagesmedicales.fr": "110153"},
            id="the peer is the source, this box the destination",
        ),
    ],
)
def test_participants_say_who_is_source_and_who_destination(
    action: AuditAction, roles: dict[str, str]
) -> None:
    event = made_up_event(action)
    box = BOX if event.destination != BOX.source_id else AuditSource("db2.test")
    message = etree.fromstring(encode_audit_message(event, box))
    found = {
        participant.get("UserID"): role.get("csd-code")
        for participant in message.iter("ActiveParticipant")
        for role in participant.iter("RoleIDCode")
        if role.get("codeSystemName") == "DCM"
    }
    assert found == roles


def test_one_participant_asked_and_only_one() -> None:
    for action in AuditAction:
        requestors = encode(action).xpath("ActiveParticipant[@UserIsRequestor='true']")
        assert len(requestors) == 1


@pytest.mark.requirement("SO.45")
@pytest.mark.requirement("SO.47")
def test_an_error_is_told_in_the_outcome_and_its_description() -> None:
    for action in (AuditAction.KOS_PUBLISHED, AuditAction.IMAGES_SERVED):
        message = encode(action, outcome=AuditOutcome.SERIOUS_FAILURE, description="PACS is away")
        identification = message.find("EventIdentification")
        assert identification is not None
        assert identification.get("EventOutcomeIndicator") == "8"
        assert identification.findtext("EventOutcomeDescription") == "PACS is away"


def test_patient_study_and_document_are_named_with_their_kind() -> None:
    message = encode(AuditAction.IMAGES_SERVED)
    found = [
        (
            each.get("ParticipantObjectID"),
            each.get("ParticipantObjectTypeCode"),
            each.get("ParticipantObjectTypeCodeRole"),
            each[0].get("csd-code"),
        )
        for each in message.iter("ParticipantObjectIdentification")
    ]
    assert found == [
        (PATIENT, "1", "1", "2"),
        (STUDY, "2", "3", "110180"),
        (KOS, "2", "3", "9"),
    ]


def test_a_query_is_kept_as_sent_under_the_id_of_its_stored_query() -> None:
    (query,) = encode(AuditAction.DMP_QUERIED).xpath(
        "ParticipantObjectIdentification[@ParticipantObjectTypeCodeRole='24']"
    )
    assert query.get("ParticipantObjectID") == "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
    assert base64.b64decode(query.findtext("ParticipantObjectQuery")) == QUERY
    detail = query.find("ParticipantObjectDetail")
    assert (detail.get("type"), base64.b64decode(detail.get("value"))) == (
        "QueryEncoding",
        b"UTF-8",
    )


def test_a_query_that_is_not_xml_is_kept_all_the_same() -> None:
    (query,) = encode(AuditAction.DMP_QUERIED, query=b"<broken").xpath("//ParticipantObjectQuery")
    assert base64.b64decode(query.text) == b"<broken"


def test_consent_is_told_with_the_patient() -> None:
    (detail,) = encode(AuditAction.CONTEXTUAL_CALL).xpath("//ParticipantObjectDetail")
    assert base64.b64decode(detail.get("value")).decode() == "InforméEtNonOpposé"


def test_times_are_told_in_utc() -> None:
    paris = datetime(2026, 7, 14, 14, 0, 0, 5000, tzinfo=timezone(timedelta(hours=2)))
    message = encode(AuditAction.FHIR_READ, occurred_at=paris)
    assert message[0].get("EventDateTime") == "2026-07-14T12:00:00.005Z"


@pytest.mark.parametrize(
    "hostile",
    ["\x00", "\x1b[31m", "\ufffe", "\ud800", "<&\"'>", "]]>", "\u202e", "a\nb"],
    ids=ascii,
)
def test_whatever_a_caller_sends_the_message_stays_well_formed(hostile: str) -> None:
    message = encode(
        AuditAction.ACCESS_REFUSED,
        user=hostile,
        user_name=hostile,
        user_role=hostile,
        source_address=hostile,
        destination=f"https://{hostile}/",
        description=hostile,
        patient_id=hostile,
        document_unique_id=hostile,
    )
    check_structure(message)
