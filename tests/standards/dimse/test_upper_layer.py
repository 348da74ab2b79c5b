"""An association means the same however its octets are cut; what breaks it is named."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drimbox.errors import MalformedMessage, TooLarge
from drimbox.standards.dimse.messages import Command, CommandField, encode_command
from drimbox.standards.dimse.pdu import (
    Abort,
    AssociateAccept,
    AssociateReject,
    AssociateRequest,
    ContextAnswer,
    ContextResult,
    ProposedContext,
    ReleaseReply,
    ReleaseRequest,
    UserInformation,
    encode_data_pdu,
    encode_pdu,
)
from drimbox.standards.dimse.upper_layer import (
    MAX_COMMAND_SET,
    MAX_CONTROL_PDU,
    CommandReceived,
    DataReceived,
    Event,
    State,
    UpperLayer,
)

CT, EXPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1"
USER = UserInformation(maximum_pdu=1000, implementation_class_uid="1.2.3")
REQUEST = AssociateRequest("PACS", "DRIMBOX", (ProposedContext(1, CT, (EXPLICIT,)),), USER)
ACCEPT = AssociateAccept(
    "PACS", "DRIMBOX", (ContextAnswer(1, ContextResult.ACCEPTANCE, EXPLICIT),), USER
)
STORE = Command(
    CommandField.C_STORE_RQ, 5, sop_class_uid=CT, sop_instance_uid="1.2.3", has_data_set=True
)
DONE = Command(CommandField.C_GET_RSP, 1, sop_class_uid=CT, status=0)
COMMAND, LAST = 1, 2


def pair() -> tuple[UpperLayer, UpperLayer]:
    """Return a requestor and an acceptor that have agreed."""
    requestor, acceptor = UpperLayer(), UpperLayer(is_acceptor=True)
    assert acceptor.receive(requestor.request(REQUEST)) == [REQUEST]
    assert requestor.receive(acceptor.accept(ACCEPT)) == [ACCEPT]
    return requestor, acceptor


def joined(events: list[Event]) -> list[Event]:
    """Join the pieces of each data set, which may be cut anywhere."""
    out: list[Event] = []
    for event in events:
        last = out[-1] if out else None
        if isinstance(event, DataReceived) and isinstance(last, DataReceived) and not last.is_last:
            octets = last.octets + event.octets
            out[-1] = DataReceived(event.context_id, octets, event.is_last)
        else:
            out.append(event)
    return out


def test_both_sides_follow_the_states_to_the_end() -> None:
    requestor, acceptor = pair()
    assert (requestor.state, acceptor.state) == (State.ESTABLISHED, State.ESTABLISHED)
    assert requestor.accepted == acceptor.accepted == {1: EXPLICIT}
    assert acceptor.receive(requestor.release()) == [ReleaseRequest()]
    assert requestor.receive(acceptor.answer_release()) == [ReleaseReply()]
    assert (requestor.state, acceptor.state) == (State.CLOSED, State.CLOSED)


def test_a_message_longer_than_the_peers_pdu_is_cut_to_it() -> None:
    requestor, acceptor = pair()
    octets = bytes(range(256)) * 40
    sent = requestor.send_command(1, STORE, octets)
    lengths, offset = [], 0
    while offset < len(sent):
        lengths.append(int.from_bytes(sent[offset + 2 : offset + 6], "big"))
        offset += 6 + lengths[-1]
    assert max(lengths) == 1000
    assert joined(acceptor.receive(sent)) == [
        CommandReceived(1, STORE),
        DataReceived(1, octets, is_last=True),
    ]


def test_each_fragment_has_an_even_number_of_octets() -> None:
    """PS3.8 E.1; the maximum that a peer names may be odd."""
    requestor, acceptor = UpperLayer(), UpperLayer(is_acceptor=True)
    acceptor.receive(requestor.request(REQUEST))
    odd = replace(ACCEPT, user_information=replace(USER, maximum_pdu=101))
    requestor.receive(acceptor.accept(odd))
    sent = requestor.send_data(1, bytes(250), is_last=True)
    lengths, offset = [], 0
    while offset < len(sent):
        lengths.append(int.from_bytes(sent[offset + 6 : offset + 10], "big") - 2)
        offset += 12 + lengths[-1]
    assert lengths == [94, 94, 62]


CONVERSATION = b"".join(
    (
        encode_pdu(ACCEPT),
        encode_data_pdu(1, encode_command(STORE)[:20], COMMAND),
        encode_data_pdu(1, encode_command(STORE)[20:], COMMAND | LAST),
        encode_data_pdu(1, b"a" * 700, 0),
        encode_data_pdu(1, b"", 0),
        encode_data_pdu(1, b"b" * 30, LAST),
        encode_data_pdu(1, encode_command(STORE), COMMAND | LAST),
        encode_data_pdu(1, b"", LAST),
        encode_data_pdu(1, encode_command(DONE), COMMAND | LAST),
        encode_pdu(ReleaseRequest()),
    )
)
MEANING = [
    ACCEPT,
    CommandReceived(1, STORE),
    DataReceived(1, b"a" * 700 + b"b" * 30, is_last=True),
    CommandReceived(1, STORE),
    DataReceived(1, b"", is_last=True),
    CommandReceived(1, DONE),
    ReleaseRequest(),
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(1, len(CONVERSATION) - 1), max_size=60))
def test_means_the_same_however_the_octets_are_cut(cuts: list[int]) -> None:
    layer = UpperLayer()
    layer.request(REQUEST)
    edges = [0, *sorted(set(cuts)), len(CONVERSATION)]
    events: list[Event] = []
    for start, stop in itertools.pairwise(edges):
        events += layer.receive(memoryview(CONVERSATION)[start:stop])
    assert joined(events) == MEANING


@pytest.mark.parametrize("fragment", [1000, 16 * 1024, 40_000, 131_060])
def test_a_data_set_that_comes_at_once_is_its_beginning_and_one_piece(fragment: int) -> None:
    requestor, _ = pair()
    octets = bytes(range(256)) * 400
    sent = encode_data_pdu(1, encode_command(STORE), COMMAND | LAST)
    for start in range(0, len(octets), fragment):
        is_last = start + fragment >= len(octets)
        sent += encode_data_pdu(1, octets[start : start + fragment], LAST if is_last else 0)
    pieces = [e for e in requestor.receive(sent) if isinstance(e, DataReceived)]
    assert [(len(e.octets), e.is_last) for e in pieces] == [
        (16 * 1024, False),
        (len(octets) - 16 * 1024, True),
    ]
    assert b"".join(e.octets for e in pieces) == octets


def test_a_beginning_is_no_longer_where_its_header_came_alone() -> None:
    requestor, _ = pair()
    octets = bytes(range(256)) * 400
    sent = encode_data_pdu(1, encode_command(STORE), COMMAND | LAST)
    header = len(sent) + 12
    sent += encode_data_pdu(1, octets, LAST)
    assert requestor.receive(sent[:header]) == [CommandReceived(1, STORE)]
    assert requestor.receive(sent[header:]) == [
        DataReceived(1, octets[: 16 * 1024], is_last=False),
        DataReceived(1, octets[16 * 1024 :], is_last=True),
    ]


def test_what_came_of_a_data_set_is_told_before_the_abort_that_cuts_it() -> None:
    requestor, acceptor = pair()
    begun = requestor.send_command(1, STORE) + requestor.send_data(1, b"begun", is_last=False)
    assert acceptor.receive(begun + requestor.abort()) == [
        CommandReceived(1, STORE),
        DataReceived(1, b"begun", is_last=False),
        Abort(),
    ]


def test_two_pdvs_of_one_pdu_are_two_fragments() -> None:
    requestor, _ = pair()
    command = encode_command(STORE)
    pdvs = b"".join(
        (len(part) + 2).to_bytes(4, "big") + bytes((1, flags)) + part
        for part, flags in ((command, COMMAND | LAST), (b"xy", LAST))
    )
    pdu = bytes((4, 0)) + len(pdvs).to_bytes(4, "big") + pdvs
    events = requestor.receive(pdu)
    assert events == [CommandReceived(1, STORE), DataReceived(1, b"xy", is_last=True)]


LONG_COMMAND = bytes(1000)
HOSTILE = [
    pytest.param(b"GET / HTTP/1.1\r\n", "type 71", id="another protocol"),
    pytest.param(encode_pdu(ACCEPT), "ASSOCIATE_AC in state Sta6", id="accepted twice"),
    pytest.param(encode_pdu(AssociateReject(1, 1, 1)), "Sta6", id="rejected when established"),
    pytest.param(encode_pdu(ReleaseReply()), "RELEASE_RP", id="a release nobody asked for"),
    pytest.param(b"\4\0\0\0\0\3abc", "inside a PDV header", id="a PDV header cut short"),
    pytest.param(b"\4\0\0\0\0\x08\0\0\0\x64\1\0ab", "does not fit", id="a PDV over its PDU"),
    pytest.param(b"\4\0\0\0\0\6\0\0\0\1\1\0", "does not fit", id="a PDV of negative length"),
    pytest.param(encode_data_pdu(3, b"x", 3), "not accepted", id="a context never accepted"),
    pytest.param(encode_data_pdu(1, b"x", 0), "interleaved", id="data before any command"),
    pytest.param(encode_data_pdu(1, b"x" * 9, 3), "command element", id="no command set"),
    pytest.param(
        encode_data_pdu(1, encode_command(STORE), 3) * 2, "interleaved", id="no data set came"
    ),
    pytest.param(b"\7\0\0\0\0\1x", "ABORT", id="an abort too short"),
]


@pytest.mark.parametrize(("octets", "reason"), HOSTILE)
def test_names_what_breaks_the_protocol(octets: bytes, reason: str) -> None:
    requestor, _ = pair()
    with pytest.raises(MalformedMessage, match=reason):
        requestor.receive(octets)


def test_control_pdus_and_command_sets_have_a_limit() -> None:
    layer = UpperLayer(is_acceptor=True)
    with pytest.raises(TooLarge):
        layer.receive(b"\1\0" + (MAX_CONTROL_PDU + 1).to_bytes(4, "big"))
    requestor, _ = pair()
    endless = encode_data_pdu(1, LONG_COMMAND, COMMAND)
    with pytest.raises(TooLarge):
        requestor.receive(endless * (MAX_COMMAND_SET // len(LONG_COMMAND) + 1))


def test_an_abort_ends_it_from_any_state() -> None:
    requestor, acceptor = pair()
    assert acceptor.receive(requestor.abort()) == [Abort()]
    assert (requestor.state, acceptor.state) == (State.CLOSED, State.CLOSED)
    with pytest.raises(RuntimeError):
        requestor.release()


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(CONVERSATION) - 1), st.integers(0, 255)),
        min_size=1,
        max_size=10,
    )
)
def test_hostile_octets_only_ever_make_a_named_error(changes: list[tuple[int, int]]) -> None:
    octets = bytearray(CONVERSATION)
    for position, value in changes:
        octets[position] = value
    layer = UpperLayer()
    layer.request(REQUEST)
    try:
        layer.receive(bytes(octets))
    except (MalformedMessage, TooLarge):
        return
    assert layer.state in set(State)
