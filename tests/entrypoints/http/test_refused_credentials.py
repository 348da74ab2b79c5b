"""Credentials that do not hold leave a trace, at either listener (PS3.15 A.5.3.11; O1, O2)."""

from datetime import timedelta

import pytest
from tests.fakes.callers import CERTIFICATE, CONTEXT, STRANGER, Box, request
from tests.fakes.fake_audit_repository import FakeAuditRepository
from tests.fakes.professionals import HELENE

from drimbox.entrypoints.http.refused_credentials import RefusalsRecorded
from drimbox.errors import DrimboxError, NotAuthenticated, Refused
from drimbox.flows.record_refusal import MAX_OF_AN_ADDRESS, UNKNOWN_USER, RecordRefusal
from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.standards.iua.access_token import TokenExpired

pytestmark = pytest.mark.anyio


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def audit() -> FakeAuditRepository:
    return FakeAuditRepository()


@pytest.fixture
def record(box: Box, audit: FakeAuditRepository) -> RecordRefusal:
    return RecordRefusal(audit, box.clock)


async def test_whose_an_expired_token_was_is_recorded(
    box: Box, audit: FakeAuditRepository, record: RecordRefusal
) -> None:
    token = box.tokens.issue_context_token(await box.open_context()).access_token
    box.clock.advance(timedelta(minutes=30).total_seconds())
    with pytest.raises(TokenExpired):
        await RefusalsRecorded(box.browser, record)(request(f"Bearer {token}"))
    (event,) = audit.events
    assert (event.action, event.outcome) == (
        AuditAction.ACCESS_REFUSED,
        AuditOutcome.MINOR_FAILURE,
    )
    assert (event.user, event.description) == (HELENE.national_id, "fhir: expired")


@pytest.mark.parametrize(
    ("authorizations", "certificate", "error"),
    [
        pytest.param(("Bearer x.y.z",), CERTIFICATE, NotAuthenticated, id="no token at all"),
        pytest.param(("Bearer x.y.z",), STRANGER, Refused, id="a stranger"),
        pytest.param((), None, Refused, id="no certificate"),
    ],
)
async def test_nobody_is_named_where_nothing_is_proved(
    box: Box,
    audit: FakeAuditRepository,
    record: RecordRefusal,
    authorizations: tuple[str, ...],
    certificate: bytes | None,
    error: type[DrimboxError],
) -> None:
    peer = RefusalsRecorded(box.peer, record)
    with pytest.raises(error):
        await peer(request(*authorizations, certificate=certificate))
    (event,) = audit.events
    assert event.user == UNKNOWN_USER
    assert "x.y.z" not in event.description


async def test_a_token_of_another_certificate_is_recorded(
    box: Box, audit: FakeAuditRepository, record: RecordRefusal
) -> None:
    issued = box.peer_tokens.issue_client_token("dpi", frozenset({"a"}), b"another certificate")
    peer = RefusalsRecorded(box.peer, record)
    with pytest.raises(NotAuthenticated):
        await peer(request(f"Bearer {issued.access_token}", certificate=CERTIFICATE))
    assert [e.description for e in audit.events] == ["fhir: bound to another certificate"]


async def test_what_holds_and_what_was_not_tried_leave_no_refusal(
    box: Box, audit: FakeAuditRepository, record: RecordRefusal
) -> None:
    browser = RefusalsRecorded(box.browser, record)
    token = box.tokens.issue_context_token(await box.open_context()).access_token
    caller = await browser(request(f"Bearer {token}"))
    assert caller.context == box.contexts.contexts[CONTEXT]
    with pytest.raises(NotAuthenticated):
        await browser(request())
    assert audit.events == []


async def test_nobody_fills_the_trail_with_tokens_that_do_not_hold(
    box: Box, audit: FakeAuditRepository, record: RecordRefusal
) -> None:
    browser = RefusalsRecorded(box.browser, record)

    async def try_it() -> None:
        with pytest.raises(NotAuthenticated):
            await browser(request("Bearer x"))

    for _ in range(MAX_OF_AN_ADDRESS + 5):
        await try_it()
    assert len(audit.events) == MAX_OF_AN_ADDRESS
    box.clock.advance(3601)
    await try_it()
    assert len(audit.events) == MAX_OF_AN_ADDRESS + 1
