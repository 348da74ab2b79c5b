"""Sign-in, refresh and sign-out of a professional (CO.63 to CO.65, rows O6 and O7)."""

from dataclasses import replace
from datetime import timedelta

import anyio
import anyio.lowlevel
import pytest
from tests.fakes.contexts import made_up_context
from tests.fakes.fake_audit_repository import FakeAuditRepository
from tests.fakes.fake_clock import FakeClock, FakeIdentifiers
from tests.fakes.fake_identity_provider import ISSUER, FakeIdentityProvider
from tests.fakes.fake_session_store import FakePendingSignIns, FakeSessionStore
from tests.fakes.professionals import ALLOWED_PROFESSIONS, HELENE, JOSIANE

from drimbox.errors import DrimboxError, InvalidValue, NotAuthenticated, Refused, Unavailable
from drimbox.flows.consumer.consultation_memory import make_consultation_memory
from drimbox.flows.consumer.sign_in import (
    Callback,
    SignIn,
    UseSession,
    check_own_path,
    code_challenge,
)
from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.document_entry import DocumentQuery
from drimbox.model.session import Session

BROWSER, ANOTHER = "b" * 43, "a" * 43


class Box:
    """The flow and everything it stands on."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.provider = FakeIdentityProvider(self.clock, HELENE)
        self.pending = FakePendingSignIns()
        self.sessions = FakeSessionStore()
        self.audit = FakeAuditRepository()
        self.memory = make_consultation_memory(self.clock, timedelta(seconds=30))
        self.sign_in = SignIn(
            provider=self.provider,
            pending=self.pending,
            sessions=self.sessions,
            audit=self.audit,
            clock=self.clock,
            identifiers=FakeIdentifiers(),
            memory=self.memory,
            issuer=ISSUER,
            allowed_professions=ALLOWED_PROFESSIONS,
        )
        self.use_session = UseSession(self.provider, self.sessions, self.clock)

    async def start(self, code: str = "code-1") -> Callback:
        """Begin a sign-in that the provider grants, and return what it sends back."""
        await self.sign_in.start(browser_binding=BROWSER, return_to="/consultation/x")
        pending = next(reversed(self.pending.pending.values()))
        self.provider.grant_code(code, nonce=pending.nonce, code_verifier=pending.code_verifier)
        return Callback(pending.state, code, None, ISSUER)

    async def finish(
        self, callback: Callback, browser: str | None = BROWSER
    ) -> tuple[Session, str]:
        return await self.sign_in.finish(
            callback, browser_binding=browser, source_address="192.0.2.7"
        )

    async def signed_in(self) -> Session:
        session, _ = await self.finish(await self.start())
        return session


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.mark.anyio
@pytest.mark.requirement("CO.63")
@pytest.mark.requirement("CO.80")
async def test_a_professional_signs_in_and_it_is_traced(box: Box) -> None:
    session, return_to = await box.finish(await box.start())
    assert (session.professional, return_to) == (HELENE, "/consultation/x")
    assert await box.use_session(session.identifier) == session
    (event,) = box.audit.events
    assert (event.action, event.outcome, event.user, event.source_address) == (
        AuditAction.USER_AUTHENTICATED,
        AuditOutcome.SUCCESS,
        HELENE.national_id,
        "192.0.2.7",
    )


@pytest.mark.anyio
@pytest.mark.requirement("CO.80")
@pytest.mark.parametrize(
    ("changes", "browser"),
    [
        pytest.param({}, ANOTHER, id="the callback comes back to another browser"),
        pytest.param({}, None, id="the browser lost its binding"),
        pytest.param({"state": "s" * 43}, BROWSER, id="a state of nobody"),
        pytest.param({"code": "stolen"}, BROWSER, id="a code of another sign-in"),
        pytest.param({"code": None}, BROWSER, id="no code"),
        pytest.param({"error": "access_denied"}, BROWSER, id="the person cancelled"),
        pytest.param({"issuer": "https://evil.test"}, BROWSER, id="the answer of another issuer"),
    ],
)
async def test_a_sign_in_that_does_not_hold_is_refused_and_traced(
    box: Box, changes: dict[str, str | None], browser: str | None
) -> None:
    callback = replace(await box.start(), **changes)
    with pytest.raises(NotAuthenticated):
        await box.finish(callback, browser)
    assert box.sessions.sessions == {}
    (event,) = box.audit.events
    assert (event.action, event.outcome, event.user) == (
        AuditAction.USER_AUTHENTICATED,
        AuditOutcome.MINOR_FAILURE,
        "",
    )


@pytest.mark.anyio
async def test_an_issuer_need_not_be_told(box: Box) -> None:
    await box.finish(replace(await box.start(), issuer=None))


@pytest.mark.anyio
async def test_a_callback_serves_once(box: Box) -> None:
    callback = await box.start()
    await box.finish(callback)
    with pytest.raises(NotAuthenticated):
        await box.finish(callback)


@pytest.mark.anyio
async def test_a_sign_in_waits_ten_minutes(box: Box) -> None:
    callback = await box.start()
    box.clock.advance(600)
    with pytest.raises(NotAuthenticated):
        await box.finish(callback)


@pytest.mark.anyio
async def test_two_tabs_of_one_browser_sign_in_side_by_side(box: Box) -> None:
    first, second = await box.start("code-1"), await box.start("code-2")
    one, _ = await box.finish(second)
    other, _ = await box.finish(first)
    assert one.identifier != other.identifier


@pytest.mark.anyio
async def test_the_secret_of_the_browser_is_not_kept(box: Box) -> None:
    await box.start()
    assert all(BROWSER not in p.browser_binding for p in box.pending.pending.values())


@pytest.mark.anyio
@pytest.mark.requirement("VI-CO.27")
async def test_a_profession_that_may_see_no_images_is_told_so(box: Box) -> None:
    box.provider.professional = JOSIANE
    with pytest.raises(Refused):
        await box.finish(await box.start())
    assert box.sessions.sessions == {}
    assert [(e.outcome, e.user) for e in box.audit.events] == [
        (AuditOutcome.MINOR_FAILURE, JOSIANE.national_id)
    ]


@pytest.mark.anyio
async def test_no_session_without_its_trace(box: Box) -> None:
    callback = await box.start()
    box.audit.is_away = True
    with pytest.raises(Unavailable):
        await box.finish(callback)
    assert box.sessions.sessions == {}


@pytest.mark.anyio
async def test_a_provider_that_is_away_starts_nothing(box: Box) -> None:
    box.provider.is_away = True
    with pytest.raises(Unavailable):
        await box.start()
    assert box.pending.pending == {}


@pytest.mark.anyio
async def test_a_request_that_only_looks_undoes_no_confirmation(box: Box) -> None:
    session = await box.signed_in()
    box.clock.advance(40)
    found = await box.use_session(session.identifier)
    confirmed = replace(found, context_ids=("confirmed in another tab",))
    await box.sessions.save(confirmed)
    await box.sessions.touch(session.identifier, box.clock.now())
    stored = await box.sessions.get(session.identifier, box.clock.now())
    assert stored.context_ids == ("confirmed in another tab",)
    assert found.last_seen_at == box.clock.now()


@pytest.mark.anyio
@pytest.mark.requirement("CO.65")
async def test_a_session_in_use_never_shows_a_token_about_to_end(box: Box) -> None:
    session = await box.signed_in()
    for _ in range(30):
        box.clock.advance(60)
        used = await box.use_session(session.identifier)
        assert used.access_token_expires_at > box.clock.now() + timedelta(seconds=45)
    assert used.access_token != session.access_token


@pytest.mark.anyio
async def test_many_requests_at_once_refresh_once(box: Box) -> None:
    session = await box.signed_in()
    box.clock.advance(100)
    tokens: list[str] = []

    async def use() -> None:
        tokens.append((await box.use_session(session.identifier)).access_token)

    async with anyio.create_task_group() as requests:
        for _ in range(50):
            requests.start_soon(use)
    assert set(tokens) == {"psc-access-2"}


@pytest.mark.anyio
async def test_a_refresh_that_another_process_won_is_taken_over(box: Box) -> None:
    session = await box.signed_in()
    box.clock.advance(100)
    assert session.refresh_token is not None
    elsewhere = await box.provider.refresh(session.refresh_token)
    # The stale reader asks while the other process has not written yet, then finds it written.
    stale = UseSession(box.provider, box.sessions, box.clock)
    used = await stale(session.identifier)
    assert used.access_token == session.access_token
    await box.sessions.save(
        replace(
            session,
            access_token=elsewhere.access_token,
            refresh_token=elsewhere.refresh_token,
            access_token_expires_at=elsewhere.expires_at,
        )
    )
    assert (await stale(session.identifier)).access_token == elsewhere.access_token


@pytest.mark.anyio
async def test_contexts_confirmed_during_a_refresh_are_kept(box: Box) -> None:
    session = await box.signed_in()
    box.clock.advance(100)
    original = box.provider.refresh

    async def refresh_slowly(token: str) -> object:
        answer = await original(token)
        await box.sessions.save(replace(session, context_ids=("c1",)))
        return answer

    box.provider.refresh = refresh_slowly  # type: ignore[method-assign, assignment]
    assert (await box.use_session(session.identifier)).context_ids == ("c1",)


@pytest.mark.anyio
async def test_a_browser_that_leaves_during_a_refresh_is_not_signed_out(box: Box) -> None:
    session = await box.signed_in()
    box.clock.advance(100)
    original = box.provider.refresh

    async def refresh_slowly(token: str) -> object:
        answer = await original(token)
        leaving.cancel()
        await anyio.lowlevel.checkpoint()
        return answer

    box.provider.refresh = refresh_slowly  # type: ignore[method-assign, assignment]
    with anyio.CancelScope() as leaving:
        await box.use_session(session.identifier)
    box.provider.refresh = original  # type: ignore[method-assign]
    assert (await box.use_session(session.identifier)).access_token == "psc-access-2"


@pytest.mark.anyio
async def test_a_session_ends_with_the_providers(box: Box) -> None:
    session = await box.signed_in()
    box.provider.refresh_tokens.clear()
    box.clock.advance(119)
    # Its token still lives for a second.
    await box.use_session(session.identifier)
    box.clock.advance(1)
    with pytest.raises(NotAuthenticated):
        await box.use_session(session.identifier)
    assert box.sessions.sessions == {}


@pytest.mark.anyio
async def test_a_provider_away_stops_nobody_whose_token_lives(box: Box) -> None:
    session = await box.signed_in()
    box.provider.is_away = True
    box.clock.advance(100)
    assert (await box.use_session(session.identifier)).access_token == session.access_token
    box.clock.advance(20)
    with pytest.raises(Unavailable):
        await box.use_session(session.identifier)


@pytest.mark.anyio
async def test_a_refresh_never_makes_somebody_else(box: Box) -> None:
    session = await box.signed_in()
    box.provider.professional = JOSIANE
    box.clock.advance(100)
    with pytest.raises(NotAuthenticated):
        await box.use_session(session.identifier)
    assert box.sessions.sessions == {}


@pytest.mark.anyio
@pytest.mark.requirement("SSI/IE.38 / .39")
async def test_an_idle_session_is_over(box: Box) -> None:
    session = await box.signed_in()
    box.clock.advance(20 * 60)
    with pytest.raises(NotAuthenticated):
        await box.use_session(session.identifier)


@pytest.mark.anyio
@pytest.mark.requirement("CO.64")
async def test_sign_out_ends_the_session_here_and_there(box: Box) -> None:
    session = await box.signed_in()
    url = await box.sign_in.end(session.identifier, return_to="https://box.test/sign-out")
    assert url.startswith(f"{ISSUER}/logout?id_token_hint=psc-id-1&")
    with pytest.raises(NotAuthenticated):
        await box.use_session(session.identifier)


@pytest.mark.anyio
async def test_sign_out_forgets_what_was_read_in_its_contexts(box: Box) -> None:
    session = await box.signed_in()
    context, query = made_up_context(), DocumentQuery("patient")
    await box.sessions.save(replace(session, context_ids=(context.identifier,)))
    box.memory.lists.keep(context, query, ())
    await box.sign_in.end(session.identifier, return_to="/sign-out")
    assert box.memory.lists.find(context, query) is None


@pytest.mark.anyio
async def test_sign_out_ends_the_session_even_without_the_provider(box: Box) -> None:
    session = await box.signed_in()

    async def away(id_token: str | None, return_to: str) -> str:
        raise Unavailable("Pro Santé Connect")

    box.provider.logout_url = away  # type: ignore[method-assign]
    assert await box.sign_in.end(session.identifier, return_to="/sign-out") == "/sign-out"
    assert box.sessions.sessions == {}


@pytest.mark.parametrize(
    "path",
    [
        "/consultation",
        "/consultation/abc_-1",
        "/viewer/studies/1.2.3?series=1.2",
        "/a",
        "/IHEInvokeImageDisplay?requestType=STUDY",
        "/oauth2/authorize?state=a..b%2F%2Fc",
    ],
)
def test_a_path_of_ours_may_be_gone_to(path: str) -> None:
    check_own_path(path)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "target",
    [
        "//evil.test", "/\\evil.test", "https:evil.test", "https://evil.test", "\\\\evil.test",
        "/consultation\r\nLocation: https://evil.test", "/consultation\n", "/%0d%0aX: y",
        "/@evil.test", "/user@evil.test", "/consultation//evil.test", "/../evil", "/a/../../b",
        "javascript:alert(1)", "", "/", " /consultation", "/Évil", "/consultation#x",
        "/%2f%2fevil.test", "/\t/evil.test", "consultation", "/.evil.test", "/consultation?a=//b",
    ],
)  # fmt: skip
async def test_nothing_else_may_be_gone_to(box: Box, target: str) -> None:
    with pytest.raises(InvalidValue):
        await box.sign_in.start(browser_binding=BROWSER, return_to=target)
    assert box.pending.pending == {}


def test_the_challenge_is_that_of_rfc_7636() -> None:
    # Appendix B of the RFC.
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert code_challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_what_comes_back_is_hidden_in_logs() -> None:
    assert repr(Callback("state", "code", None, None)) == "Callback()"
    assert issubclass(NotAuthenticated, DrimboxError)
