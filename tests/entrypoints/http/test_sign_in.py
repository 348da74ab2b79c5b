"""The sign-in door as browsers meet it (rows O6 and O7)."""

from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from tests.fakes.fake_audit_repository import FakeAuditRepository
from tests.fakes.fake_clock import START, FakeClock, FakeIdentifiers
from tests.fakes.fake_identity_provider import ISSUER, FakeIdentityProvider
from tests.fakes.fake_session_store import FakeContextStore, FakePendingSignIns, FakeSessionStore
from tests.fakes.manifests import made_up_patient
from tests.fakes.professionals import ALLOWED_PROFESSIONS, HELENE, JOSIANE
from tests.fakes.published_answers import published

from drimbox.entrypoints.http.error_doors import exception_handlers
from drimbox.entrypoints.http.session_cookie import BrowserCookies
from drimbox.entrypoints.http.sign_in import SignInDoor, sign_in_routes
from drimbox.flows.consumer.consultation_memory import make_consultation_memory
from drimbox.flows.consumer.sign_in import SignIn
from drimbox.model.access import ConsultationContext
from drimbox.model.consent import InformationEtOppositionConsultation
from drimbox.model.patient import LocalPatientId

BASE = "https://box.test"
CONTEXT = "c" * 43


@dataclass
class Box:
    is_secure: bool = True
    clock: FakeClock = field(default_factory=FakeClock)
    identifiers: FakeIdentifiers = field(default_factory=FakeIdentifiers)
    contexts: FakeContextStore = field(default_factory=FakeContextStore)
    pending: FakePendingSignIns = field(default_factory=FakePendingSignIns)
    sessions: FakeSessionStore = field(default_factory=FakeSessionStore)
    audit: FakeAuditRepository = field(default_factory=FakeAuditRepository)

    def __post_init__(self) -> None:
        self.provider = FakeIdentityProvider(self.clock, HELENE)
        sign_in = SignIn(
            provider=self.provider,
            pending=self.pending,
            sessions=self.sessions,
            audit=self.audit,
            clock=self.clock,
            identifiers=self.identifiers,
            memory=make_consultation_memory(self.clock, timedelta(seconds=30)),
            issuer=ISSUER,
            allowed_professions=ALLOWED_PROFESSIONS,
        )
        door = SignInDoor(
            sign_in=sign_in,
            contexts=self.contexts,
            cookies=BrowserCookies(is_secure=self.is_secure),
            clock=self.clock,
            identifiers=self.identifiers,
            base_url=BASE,
        )
        self.app = Starlette(
            routes=sign_in_routes(door, callback_path="/sign-in/callback"),
            exception_handlers=exception_handlers(),
        )

    def browser(self) -> TestClient:
        return published(TestClient(self.app, base_url=BASE, follow_redirects=False))

    def grant(self, start: httpx2.Response, code: str = "code") -> dict[str, str]:
        """Let the provider grant a sign-in just begun; return the query of its callback."""
        state = parse_qs(urlsplit(start.headers["location"]).query)["state"][0]
        pending = self.pending.pending[state]
        self.provider.grant_code(code, nonce=pending.nonce, code_verifier=pending.code_verifier)
        return {"state": state, "code": code, "iss": ISSUER}


@pytest.fixture
def box() -> Box:
    return Box()


def _start(browser: TestClient, query: str = "") -> httpx2.Response:
    return browser.get(f"/sign-in/pro-sante-connect{query}")


def _callback(browser: TestClient, query: dict[str, str]) -> httpx2.Response:
    return browser.get("/sign-in/callback", params=query)


@pytest.mark.requirement("CO.63")
def test_a_browser_signs_in_and_comes_home(box: Box) -> None:
    browser = box.browser()
    start = _start(browser)
    assert start.status_code == 303
    assert start.headers["location"].startswith(f"{ISSUER}/auth?")
    finish = _callback(browser, box.grant(start))
    assert (finish.status_code, finish.headers["location"]) == (303, "/consultation")
    assert browser.cookies["__Host-drimbox"] in box.sessions.sessions
    assert "__Host-drimbox-sign-in" not in browser.cookies


def test_both_cookies_are_out_of_reach_of_scripts_and_other_sites(box: Box) -> None:
    browser = box.browser()
    start = _start(browser)
    finish = _callback(browser, box.grant(start))
    for cookie in (start.headers["set-cookie"], finish.headers["set-cookie"]):
        lowered = cookie.lower()
        assert lowered.startswith("__host-drimbox")
        for word in ("httponly", "secure", "samesite=lax", "path=/"):
            assert word in lowered
        assert "domain" not in lowered
    assert finish.headers["cache-control"] == "no-store"
    assert finish.headers["referrer-policy"] == "no-referrer"


def test_on_plain_http_the_prefix_that_browsers_refuse_is_dropped() -> None:
    box = Box(is_secure=False)
    browser = box.browser()
    _callback(browser, box.grant(_start(browser)))
    assert browser.cookies["drimbox"] in box.sessions.sessions


def test_a_callback_in_another_browser_signs_nobody_in(box: Box) -> None:
    attacker, victim = box.browser(), box.browser()
    query = box.grant(_start(attacker))
    _start(victim)
    assert _callback(victim, query).status_code == 401
    assert box.sessions.sessions == {}
    # And the attacker cannot use it either: it was taken.
    assert _callback(attacker, query).status_code == 401


def test_codes_of_two_browsers_cannot_be_mixed(box: Box) -> None:
    one, other = box.browser(), box.browser()
    first, second = box.grant(_start(one), "code-1"), box.grant(_start(other), "code-2")
    assert _callback(one, first | {"code": second["code"]}).status_code == 401
    assert _callback(other, second | {"state": first["state"]}).status_code == 401
    assert box.sessions.sessions == {}


def test_a_session_planted_before_is_not_the_one_after(box: Box) -> None:
    browser = box.browser()
    planted = "p" * 43
    browser.cookies.set("__Host-drimbox", planted, domain="box.test")
    _callback(browser, box.grant(_start(browser)))
    assert planted not in box.sessions.sessions
    assert list(box.sessions.sessions) != [planted]


def test_a_second_sign_in_ends_the_first_session(box: Box) -> None:
    browser = box.browser()
    _callback(browser, box.grant(_start(browser), "code-1"))
    first = browser.cookies["__Host-drimbox"]
    _callback(browser, box.grant(_start(browser), "code-2"))
    assert first not in box.sessions.sessions
    assert len(box.sessions.sessions) == 1


@pytest.mark.anyio
async def test_it_comes_back_to_the_context_it_came_from(box: Box) -> None:
    await box.contexts.add(
        ConsultationContext(
            identifier=CONTEXT,
            patient=made_up_patient(),
            local_patient_id=LocalPatientId("IPP-7"),
            consent=InformationEtOppositionConsultation.INFORME_ET_NON_OPPOSE,
            created_at=START,
            expires_at=START + timedelta(minutes=20),
        )
    )
    browser = box.browser()
    finish = _callback(browser, box.grant(_start(browser, f"?context={CONTEXT}")))
    assert finish.headers["location"] == f"/consultation/{CONTEXT}"


@pytest.mark.parametrize(
    "query",
    [
        "?context=" + "x" * 43, "?context=//evil.test", "?context=/../evil", "?context=",
        "?context=%0d%0aLocation:%20https://evil.test", "?context=https:evil.test",
    ],
)  # fmt: skip
def test_a_context_that_is_none_goes_nowhere(box: Box, query: str) -> None:
    answer = _start(box.browser(), query)
    assert answer.status_code == 404
    assert "location" not in answer.headers
    assert "evil" not in answer.text


@pytest.mark.parametrize(
    "name", ["return_to", "next", "url", "redirect", "redirect_uri", "target", "RelayState", "to"]
)
@pytest.mark.parametrize(
    "value",
    ["//evil.test", "/\\evil.test", "https:evil.test", "\r\nX: y", "@evil.test", "%2f%2fevil.test"],
)
def test_no_parameter_tells_where_to_go(box: Box, name: str, value: str) -> None:
    browser = box.browser()
    start = browser.get("/sign-in/pro-sante-connect", params={name: value})
    finish = _callback(browser, box.grant(start) | {name: value})
    assert finish.headers["location"] == "/consultation"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        pytest.param("", 400, id="nothing"),
        pytest.param("code=x", 400, id="no state"),
        pytest.param("state=a&state=b", 400, id="two states"),
        pytest.param("state=" + "a" * 5000, 400, id="a state too long"),
        pytest.param("&".join(["a=1"] * 100), 400, id="a hundred parameters"),
        pytest.param("state=unknown&code=x", 401, id="a state of nobody"),
        pytest.param("state=unknown&error=access_denied", 401, id="refused at the provider"),
    ],
)
def test_a_callback_that_is_none_is_the_callers_fault(box: Box, query: str, status: int) -> None:
    answer = box.browser().get(f"/sign-in/callback?{query}")
    assert answer.status_code == status


def test_a_provider_that_is_away_is_said_so(box: Box) -> None:
    box.provider.is_away = True
    answer = _start(box.browser())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")


def test_a_provider_that_goes_away_meanwhile_is_said_so(box: Box) -> None:
    browser = box.browser()
    query = box.grant(_start(browser))
    box.provider.is_away = True
    assert _callback(browser, query).status_code == 503
    assert box.sessions.sessions == {}


def test_a_profession_that_may_see_no_images_is_not_let_in(box: Box) -> None:
    box.provider.professional = JOSIANE
    browser = box.browser()
    answer = _callback(browser, box.grant(_start(browser)))
    assert answer.status_code == 403
    assert box.sessions.sessions == {}


@pytest.mark.requirement("CO.64")
@pytest.mark.requirement("SSI/IE.38 / .39")
def test_sign_out_forgets_the_session_and_empties_the_browser(box: Box) -> None:
    browser = box.browser()
    _callback(browser, box.grant(_start(browser)))
    answer = browser.post("/sign-out")
    assert answer.status_code == 303
    target = urlsplit(answer.headers["location"])
    assert parse_qs(target.query)["post_logout_redirect_uri"] == [f"{BASE}/sign-out"]
    assert answer.headers["clear-site-data"] == '"cache", "storage"'
    assert box.sessions.sessions == {}
    assert "__Host-drimbox" not in browser.cookies
    assert "Vous êtes déconnecté" in browser.get("/sign-out").text


def test_signing_out_without_a_session_only_shows_the_page(box: Box) -> None:
    answer = box.browser().post("/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-out")
    assert "clear-site-data" not in answer.headers


def test_a_link_cannot_sign_anybody_out(box: Box) -> None:
    browser = box.browser()
    _callback(browser, box.grant(_start(browser)))
    browser.get("/sign-out")
    assert len(box.sessions.sessions) == 1
