"""Threat H2: whatever stands in a message, it gets exactly one acknowledgement, and none escapes.

Mutations of good messages rather than random octets: those reach the deeper layers.
"""

import asyncio
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.fake_audit_repository import FakeAuditRepository
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_intake import FakeIntake
from tests.fakes.fake_study_register import FakeAlerts
from tests.fakes.reports import REPORT, SENDING, message_of

from drimbox.entrypoints.mllp.report_messages import ControlIds, ReportMessages
from drimbox.flows.source.receive_report import ReceiveReport
from drimbox.sandbox.ris.mllp_client import parse_answer
from drimbox.sandbox.ris.report_document import encode_report_document
from drimbox.standards.hl7v2.ack import read_request_header
from drimbox.standards.hl7v2.mllp import MllpReader, frame

GOOD = message_of()
DOCUMENT = encode_report_document(REPORT)
INTERESTING = b'|^~\\&\r\n\x00\x0b\x1c"<>=#0\xff\xc3'

Mutation = Callable[[bytes], bytes]


def _replace(at: int, octet: int) -> Mutation:
    return lambda m: m[: at % len(m)] + bytes([octet]) + m[at % len(m) + 1 :] if m else m


def _insert(at: int, octets: bytes) -> Mutation:
    return lambda m: m[: at % (len(m) + 1)] + octets + m[at % (len(m) + 1) :]


def _cut(at: int, count: int) -> Mutation:
    return lambda m: m[: at % (len(m) + 1)] + m[at % (len(m) + 1) + count :]


def _repeat(at: int, count: int) -> Mutation:
    return lambda m: (
        m[: at % (len(m) + 1)] + m[at % (len(m) + 1) :][:count] + m[at % (len(m) + 1) :]
    )


PLACES = st.one_of(st.integers(0, 600), st.integers(0, 20_000))
MUTATIONS = st.one_of(
    st.builds(_replace, PLACES, st.sampled_from(INTERESTING)),
    st.builds(_replace, PLACES, st.integers(0, 255)),
    st.builds(_insert, PLACES, st.binary(min_size=1, max_size=8)),
    st.builds(_insert, PLACES, st.sampled_from([b"\\X", b"\\E\\", b"\r\rPID|", b"&&&", b"~~~"])),
    st.builds(_cut, PLACES, st.integers(1, 400)),
    st.builds(_repeat, PLACES, st.integers(1, 400)),
)


def _mutated(content: bytes, mutations: list[Mutation]) -> bytes:
    for mutation in mutations:
        content = mutation(content)
    return content


def _answer(content: bytes) -> tuple[bytes, FakeIntake]:
    intake = FakeIntake()
    receive = ReceiveReport(
        intake=intake,
        alerts=FakeAlerts(),
        audit=FakeAuditRepository(),
        clock=FakeClock(),
        local_zone=ZoneInfo("Europe/Paris"),
        is_test=True,
    )
    messages = ReportMessages(receive, FakeClock(), ControlIds(FakeClock()))
    return asyncio.run(messages.answer(content, source_address="192.0.2.1")), intake


def _check(content: bytes) -> None:
    octets, intake = _answer(content)
    answer = parse_answer(octets)
    assert answer.code in {"AA", "AE", "AR"}
    assert answer.error_text != "internal error"
    assert (answer.code == "AA") == bool(intake.messages)
    assert answer.control_id == read_request_header(content).control_id
    assert [len(list(MllpReader(1 << 20).receive(frame(octets))))] == [1]
    for value in (REPORT.patient.ins.value, REPORT.patient.family_name, "IPP101"):
        assert value not in answer.error_text


@given(st.lists(MUTATIONS, min_size=1, max_size=4))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_mutated_message_gets_exactly_one_answer(mutations: list[Mutation]) -> None:
    _check(_mutated(GOOD, mutations))


@given(st.lists(MUTATIONS, min_size=1, max_size=4))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_mutated_report_gets_exactly_one_answer(mutations: list[Mutation]) -> None:
    _check(message_of(REPORT, SENDING, _mutated(DOCUMENT, mutations)))


@pytest.mark.slow
@given(st.lists(MUTATIONS, min_size=1, max_size=6))
@settings(max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_mutated_messages_in_numbers(mutations: list[Mutation]) -> None:
    _check(_mutated(GOOD, mutations))
