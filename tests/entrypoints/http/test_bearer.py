"""From a request to its caller: tokens, cookies, certificates (ITI-72, RFC 6750)."""

from dataclasses import replace

import pytest
from tests.fakes.callers import CERTIFICATE, CONTEXT, COOKIE, Box, request
from tests.fakes.professionals import HELENE, JOSIANE

from drimbox.entrypoints.http.bearer import (
    bearer_token,
)
from drimbox.errors import (
    MalformedMessage,
    NotAuthenticated,
    NotFound,
)
from drimbox.flows.issue_token import CONTEXT_SCOPES, Subject
from drimbox.model.access import CallerKind


@pytest.fixture
def box() -> Box:
    return Box()


async def _context_token(box: Box) -> str:
    return box.tokens.issue_context_token(await box.open_context()).access_token


@pytest.mark.anyio
async def test_a_context_token_gives_its_professional_patient_and_consent(box: Box) -> None:
    caller = await box.browser(request(f"Bearer {await _context_token(box)}"))
    assert (caller.kind, caller.subject) == (CallerKind.PROFESSIONAL, HELENE.national_id)
    assert caller.context == box.contexts.contexts[CONTEXT]
    assert (caller.scopes, caller.access_token) == (CONTEXT_SCOPES, "psc-program")


@pytest.mark.anyio
async def test_a_context_token_ends_with_its_context(box: Box) -> None:
    token = await _context_token(box)
    del box.contexts.contexts[CONTEXT]
    with pytest.raises(NotAuthenticated) as refusal:
        await box.browser(request(f"Bearer {token}"))
    assert refusal.value.error == "invalid_token"


@pytest.mark.anyio
@pytest.mark.parametrize("owner", [None, JOSIANE], ids=["nobody's", "another professional's"])
async def test_a_context_token_is_its_professionals_alone(box: Box, owner: object) -> None:
    token = await _context_token(box)
    stored = box.contexts.contexts[CONTEXT]
    box.contexts.contexts[CONTEXT] = replace(stored, professional=owner)  # type: ignore[arg-type]
    with pytest.raises(NotAuthenticated):
        await box.browser(request(f"Bearer {token}"))


@pytest.mark.anyio
async def test_a_client_of_the_site_is_a_system(box: Box) -> None:
    issued = box.tokens.issue_client_token("dpi", frozenset({"ITI-67"}), None)
    caller = await box.browser(request(f"bearer {issued.access_token}"))
    assert (caller.kind, caller.subject) == (CallerKind.SYSTEM, "dpi")
    assert (caller.scopes, caller.context) == (frozenset({"ITI-67"}), None)


@pytest.mark.anyio
async def test_whom_a_client_asks_for_is_who_calls(box: Box) -> None:
    issued = box.tokens.issue(Subject("nurse-7", "dpi", frozenset({"ITI-67"})))
    caller = await box.browser(request(f"Bearer {issued.access_token}"))
    assert (caller.kind, caller.subject) == (CallerKind.SYSTEM, "nurse-7")


@pytest.mark.anyio
async def test_what_an_application_hands_to_sources_is_the_sessions_own_token(box: Box) -> None:
    token = await _context_token(box)
    session = await box.open_session(CONTEXT)
    stored = box.contexts.contexts[CONTEXT]
    box.contexts.contexts[CONTEXT] = replace(stored, session_identifier=COOKIE)
    caller = await box.browser(request(f"Bearer {token}"))
    assert caller.access_token == session.access_token
    # A session whose token is about to end gets a fresh one first.
    box.clock.advance(100)
    fresh = await box.browser(request(f"Bearer {token}"))
    assert fresh.access_token not in {session.access_token, None}


@pytest.mark.anyio
async def test_a_program_goes_on_with_its_own_token_when_the_session_is_over(box: Box) -> None:
    token = await _context_token(box)
    stored = box.contexts.contexts[CONTEXT]
    box.contexts.contexts[CONTEXT] = replace(stored, session_identifier="over")
    assert (await box.browser(request(f"Bearer {token}"))).access_token == "psc-program"
    without = replace(stored, session_identifier="over", access_token=None)
    box.contexts.contexts[CONTEXT] = without
    with pytest.raises(NotAuthenticated) as refusal:
        await box.browser(request(f"Bearer {token}"))
    assert refusal.value.error == "invalid_token"


@pytest.mark.anyio
@pytest.mark.requirement("SO.33")
async def test_a_professional_is_known_by_introspection(box: Box) -> None:
    token = box.provider.sign_in().access_token
    for caller in (
        await box.browser(request(f"Bearer {token}")),
        await box.peer(request(f"Bearer {token}", certificate=CERTIFICATE)),
    ):
        assert (caller.professional, caller.access_token) == (HELENE, token)


@pytest.mark.anyio
async def test_a_token_wins_over_a_cookie(box: Box) -> None:
    await box.open_session()
    issued = box.tokens.issue_client_token("dpi", frozenset({"ITI-67"}), None)
    caller = await box.browser(request(f"Bearer {issued.access_token}", cookie=COOKIE))
    assert caller.kind is CallerKind.SYSTEM
    with pytest.raises(NotAuthenticated):
        await box.browser(request("Bearer bad", cookie=COOKIE))


# Cookies.


@pytest.mark.anyio
async def test_a_cookie_gives_its_professional_and_the_only_context(box: Box) -> None:
    context = await box.open_context()
    session = await box.open_session(CONTEXT)
    caller = await box.browser(request(cookie=COOKIE))
    assert (caller.professional, caller.context) == (HELENE, context)
    assert caller.access_token == session.access_token


@pytest.mark.anyio
async def test_two_tabs_with_two_patients_never_mix(box: Box) -> None:
    one, other = await box.open_context("1" * 43), await box.open_context("2" * 43)
    await box.open_session(one.identifier, other.identifier)
    assert (await box.browser(request(cookie=COOKIE))).context is None
    for context in (one, other):
        by_path = request(cookie=COOKIE, path_params={"context": context.identifier})
        by_header = request(cookie=COOKIE, headers={"drimbox-context": context.identifier})
        assert (await box.browser(by_path)).context == context
        assert (await box.browser(by_header)).context == context


@pytest.mark.anyio
async def test_a_context_not_confirmed_in_this_session_does_not_exist(box: Box) -> None:
    await box.open_context()
    await box.open_session()
    assert (await box.browser(request(cookie=COOKIE))).context is None
    with pytest.raises(NotFound):
        await box.browser(request(cookie=COOKIE, path_params={"context": CONTEXT}))


@pytest.mark.anyio
async def test_a_context_that_is_over_does_not_exist(box: Box) -> None:
    await box.open_session(CONTEXT)
    assert (await box.browser(request(cookie=COOKIE))).context is None
    with pytest.raises(NotFound):
        await box.browser(request(cookie=COOKIE, path_params={"context": CONTEXT}))


@pytest.mark.anyio
@pytest.mark.parametrize("cookie", ["x" * 43, "", "short", "../etc", "é" * 43, "x" * 5000])
async def test_a_cookie_of_nobody_is_no_credential(box: Box, cookie: str) -> None:
    with pytest.raises(NotAuthenticated) as refusal:
        await box.browser(request(cookie=cookie))
    assert refusal.value.error is None


# RFC 6750: the header itself.


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(scheme: str) -> None:
    assert bearer_token(request(f"{scheme} abc.def-_~+/=")) == "abc.def-_~+/="


def test_without_header_there_is_no_token() -> None:
    assert bearer_token(request()) is None


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("Basic dXNlcjpwYXNz", None),
        ("Bearer", None),
        ("Bearerabc", None),
        ("Bearer ", "invalid_token"),
        ("Bearer a b", "invalid_token"),
        ("Bearer a,b", "invalid_token"),
        ("Bearer é", "invalid_token"),
        ("Bearer =", "invalid_token"),
        ("Bearer " + "a" * 8192, "invalid_token"),
    ],
)
def test_another_header_is_no_bearer(header: str, code: str | None) -> None:
    with pytest.raises(NotAuthenticated) as refusal:
        bearer_token(request(header))
    assert refusal.value.error == code


def test_two_headers_are_an_invalid_request() -> None:
    with pytest.raises(MalformedMessage):
        bearer_token(request("Bearer a", "Bearer b"))
