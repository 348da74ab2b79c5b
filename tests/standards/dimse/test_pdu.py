"""Our PDUs and commands are pynetdicom's, both ways."""

import io

import pytest
from pydicom.uid import UID
from pynetdicom import build_context, build_role, pdu_primitives
from pynetdicom.dimse_messages import C_MOVE_RQ, C_STORE_RQ
from pynetdicom.dimse_primitives import C_MOVE, C_STORE
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ

from drimbox.errors import MalformedMessage
from drimbox.standards.dimse.messages import (
    STUDY_ROOT_GET,
    STUDY_ROOT_MOVE,
    Command,
    CommandField,
    SubOperations,
    encode_command,
    parse_command,
)
from drimbox.standards.dimse.pdu import (
    Abort,
    AssociateAccept,
    AssociateReject,
    AssociateRequest,
    ContextAnswer,
    ContextResult,
    ControlPdu,
    ExtendedNegotiation,
    PduType,
    ProposedContext,
    ReleaseReply,
    ReleaseRequest,
    RoleSelection,
    UserInformation,
    encode_pdu,
    parse_pdu,
)

CT, EXPLICIT, IMPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
USER = UserInformation(
    131072,
    "1.2.826.0.1",
    "DRIMBOX",
    (RoleSelection(CT, is_scu=False, is_scp=True),),
    (ExtendedNegotiation(STUDY_ROOT_GET, b"\1"),),
)
REQUEST = AssociateRequest(
    "PACS",
    "DRIMBOX",
    (ProposedContext(1, STUDY_ROOT_GET, (EXPLICIT, IMPLICIT)), ProposedContext(3, CT, (EXPLICIT,))),
    USER,
)
ACCEPT = AssociateAccept(
    "PACS",
    "DRIMBOX",
    (
        ContextAnswer(1, ContextResult.ACCEPTANCE, EXPLICIT),
        ContextAnswer(3, ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED),
    ),
    USER,
)


@pytest.mark.parametrize(
    ("pdu", "kind"),
    [
        (REQUEST, PduType.ASSOCIATE_RQ),
        (ACCEPT, PduType.ASSOCIATE_AC),
        (AssociateReject(1, 2, 3), PduType.ASSOCIATE_RJ),
        (ReleaseRequest(), PduType.RELEASE_RQ),
        (ReleaseReply(), PduType.RELEASE_RP),
        (Abort(2, 6), PduType.ABORT),
    ],
)
def test_reads_what_it_writes(pdu: ControlPdu, kind: PduType) -> None:
    octets = encode_pdu(pdu)
    assert octets[0] == kind
    assert int.from_bytes(octets[2:6], "big") == len(octets) - 6
    assert parse_pdu(kind, octets[6:]) == pdu


def test_pynetdicom_reads_our_request() -> None:
    theirs = A_ASSOCIATE_RQ()
    theirs.decode(encode_pdu(REQUEST))
    primitive = theirs.to_primitive()
    assert (primitive.called_ae_title, primitive.calling_ae_title) == ("PACS", "DRIMBOX")
    contexts = primitive.presentation_context_definition_list
    assert [(c.context_id, c.abstract_syntax, c.transfer_syntax) for c in contexts] == [
        (c.context_id, c.abstract_syntax, list(c.transfer_syntaxes)) for c in REQUEST.contexts
    ]
    assert primitive.maximum_length_received == 131072


def their_primitive() -> pdu_primitives.A_ASSOCIATE:
    primitive = pdu_primitives.A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title, primitive.called_ae_title = "DRIMBOX", "PACS"
    length = pdu_primitives.MaximumLengthNotification()
    length.maximum_length_received = 16384
    implementation = pdu_primitives.ImplementationClassUIDNotification()
    implementation.implementation_class_uid = UID("1.2.3.4")
    primitive.user_information = [length, implementation, build_role(CT, scp_role=True)]
    return primitive


def test_we_read_pynetdicoms_request_and_accept() -> None:
    primitive = their_primitive()
    context = build_context(CT, [EXPLICIT, IMPLICIT])
    context.context_id = 1
    primitive.presentation_context_definition_list = [context]
    request = A_ASSOCIATE_RQ()
    request.from_primitive(primitive)
    ours = parse_pdu(PduType.ASSOCIATE_RQ, request.encode()[6:])
    assert isinstance(ours, AssociateRequest)
    assert ours.contexts == (ProposedContext(1, CT, (EXPLICIT, IMPLICIT)),)
    assert ours.user_information.roles == (RoleSelection(CT, is_scu=False, is_scp=True),)
    answer = build_context(CT, [EXPLICIT])
    answer.context_id, answer.result = 1, 0
    primitive.presentation_context_definition_results_list = [answer]
    primitive.result, primitive.result_source = 0, 1
    accept = A_ASSOCIATE_AC()
    accept.from_primitive(primitive)
    read = parse_pdu(PduType.ASSOCIATE_AC, accept.encode()[6:])
    assert isinstance(read, AssociateAccept)
    assert read.contexts == (ContextAnswer(1, ContextResult.ACCEPTANCE, EXPLICIT),)


@pytest.mark.parametrize("cut", [1, 40, 67, 75, 80, 120])
def test_a_pdu_cut_short_is_malformed(cut: int) -> None:
    with pytest.raises(MalformedMessage):
        parse_pdu(PduType.ASSOCIATE_RQ, encode_pdu(REQUEST)[6 : 6 + cut])


COMMANDS = [
    Command(
        CommandField.C_STORE_RQ,
        9,
        sop_class_uid=CT,
        sop_instance_uid="1.2.3",
        has_data_set=True,
        move_originator_ae_title="DRIMBOX",
        move_originator_message_id=4,
    ),
    Command(
        CommandField.C_MOVE_RQ,
        4,
        sop_class_uid=STUDY_ROOT_MOVE,
        has_data_set=True,
        move_destination="DRIMBOX",
    ),
    Command(
        CommandField.C_GET_RSP,
        1,
        sop_class_uid=STUDY_ROOT_GET,
        status=0xFF00,
        sub_operations=SubOperations(3, 2, 1, 0),
    ),
    Command(CommandField.C_CANCEL_RQ, 1),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_reads_the_commands_it_writes(command: Command) -> None:
    assert parse_command(encode_command(command)) == command


def test_pynetdicom_reads_and_writes_the_same_commands() -> None:
    store = C_STORE()
    store.MessageID, store.AffectedSOPClassUID, store.AffectedSOPInstanceUID = 9, CT, "1.2.3"
    store.Priority = 0
    store.MoveOriginatorApplicationEntityTitle, store.MoveOriginatorMessageID = "DRIMBOX", 4
    store.DataSet = io.BytesIO(b"\0" * 8)
    message = C_STORE_RQ()
    message.primitive_to_message(store)
    octets = b"".join(p.presentation_data_value_list[0][1][1:] for p in message.encode_msg(1, 0))
    assert parse_command(octets[: -len(b"\0" * 8)]) == COMMANDS[0]
    move = C_MOVE()
    move.MessageID, move.AffectedSOPClassUID, move.Priority = 4, STUDY_ROOT_MOVE, 0
    move.MoveDestination, move.Identifier = "DRIMBOX", io.BytesIO(b"\0" * 8)
    theirs = C_MOVE_RQ()
    theirs.primitive_to_message(move)
    assert theirs.command_set.MoveDestination.strip() == COMMANDS[1].move_destination


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"\0\0\0\1", id="cut in a header"),
        pytest.param(b"\0\0\0\1\xff\0\0\0ab", id="cut in a value"),
        pytest.param(b"\x08\0\x05\0\2\0\0\0ab", id="another group"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\0\0\0\1\2\0\0\0\x99\x99", id="an unknown command field"),
    ],
)
def test_refuses_what_is_no_command(octets: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_command(octets)
