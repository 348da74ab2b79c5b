"""An application is let in by a professional: SMART App Launch, code and PKCE (O4, O6, O7, O8)."""

import re
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from markupsafe import escape
from tests.fakes.application_site import (
    ASK,
    LAUNCH,
    VERIFIER,
    ApplicationSite,
    answer_of,
    query,
)
from tests.fakes.error_tree import all_errors
from tests.fakes.fake_identity_provider import ISSUER as PSC
from tests.fakes.oauth_server import REDIRECT_URI
from tests.fakes.professionals import HELENE, JOSIANE
from tests.flows.test_issue_token import CONTEXT

from drimbox.entrypoints.http.authorize import AUTHORIZE_ERROR_OF, RESOURCE_TEXTS
from drimbox.model.audit import AuditOutcome
from drimbox.model.consent import InformationEtOppositionConsultation as Consent
from drimbox.model.scopes import OF_TRANSACTION
from drimbox.standards.fhir.patient_reference import patient_id
from drimbox.standards.fhir.surface import SURFACE


@pytest.fixture
def site() -> ApplicationSite:
    return ApplicationSite()


@pytest.mark.requirement("FA.4")
def test_a_professional_lets_an_application_see_the_patient_of_the_launch(
    site: ApplicationSite,
) -> None:
    browser = site.browser()
    page = site.ask(browser)
    assert page.status_code == 200
    for text in ("Carnet de lésions", "app.test", LAUNCH.patient.family_name, "lecture seule"):
        assert text in page.text
    answer = answer_of(site.decide(browser, page))
    assert (answer["state"], answer["iss"]) == ("state-1", "https://box.test")
    token = site.redeem(answer["code"]).json()
    assert token["scope"] == "launch patient/*.rs"
    assert (token["patient"], token["need_patient_banner"]) == (patient_id(LAUNCH), True)
    caller = site.who_calls(token["access_token"]).json()
    assert (caller["subject"], caller["context"]) == (HELENE.national_id, LAUNCH.identifier)
    assert caller["access_token"] == "psc-access-1", "the session's own, for Source boxes"
    event = site.server.audit.events[-1]
    assert (event.outcome, event.user) == (AuditOutcome.SUCCESS, HELENE.national_id)


def test_what_is_asked_for_is_told_in_french_whatever_the_resource(site: ApplicationSite) -> None:
    resources = {one.name for one in SURFACE if not one.is_public}
    resources |= {resource for resource, _ in OF_TRANSACTION.values()}
    assert resources <= RESOURCE_TEXTS.keys(), "each that a scope can open has its own text"
    for resource in resources:
        page = site.ask(site.browser(), scope=f"patient/{resource}.rs")
        assert f"<li>{escape(RESOURCE_TEXTS[resource])}</li>" in page.text.replace("\n", "")


def test_a_resource_that_is_none_of_ours_is_told_as_other_information(
    site: ApplicationSite,
) -> None:
    page = site.ask(site.browser(), scope="patient/Observation.rs patient/Patient.r")
    assert str(escape(RESOURCE_TEXTS["Patient"])) in page.text
    assert str(escape("D'autres informations de son dossier d'imagerie")) in page.text


def test_saying_yes_confirms_the_patient_in_that_session_only(site: ApplicationSite) -> None:
    site.code()
    (session,) = site.sessions.sessions.values()
    assert session.context_ids == (LAUNCH.identifier,)
    bound = site.server.contexts.contexts[LAUNCH.identifier]
    assert bound.professional == HELENE


def test_the_access_of_an_application_ends_with_the_session(site: ApplicationSite) -> None:
    token = site.redeem(site.code()).json()["access_token"]
    assert site.who_calls(token).status_code == 200
    site.sessions.sessions.clear()
    answer = site.who_calls(token)
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_a_browser_without_session_signs_in_and_comes_back_to_the_question(
    site: ApplicationSite,
) -> None:
    browser = site.browser(None)
    away = site.ask(browser)
    assert away.status_code == 303
    assert away.headers["location"].startswith(PSC)
    assert LAUNCH.identifier not in away.headers["location"]
    state = parse_qs(urlsplit(away.headers["location"]).query)["state"][0]
    pending = site.pending.pending[state]
    site.server.provider.grant_code(
        "code", nonce=pending.nonce, code_verifier=pending.code_verifier
    )
    back = browser.get("/sign-in/callback", params={"state": state, "code": "code"})
    target = back.headers["location"]
    assert parse_qs(urlsplit(target).query) == {name: [value] for name, value in ASK.items()}
    assert answer_of(site.decide(browser, browser.get(target)))["code"]


def test_the_page_lets_its_form_lead_to_the_application_and_nowhere_else(
    site: ApplicationSite,
) -> None:
    page = site.ask(site.browser())
    policy = page.headers["content-security-policy"]
    assert "form-action 'self' https://psc.test https://app.test;" in policy
    assert page.headers["cache-control"] == "no-store"


# Who is not registered is sent nothing (O7).


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"client_id": "nobody"}, id="an unknown application"),
        pytest.param({"client_id": None}, id="no application"),
        pytest.param({"redirect_uri": None}, id="no address"),
        pytest.param({"redirect_uri": "https://app.test/back"}, id="a part of the address"),
        pytest.param({"redirect_uri": REDIRECT_URI + "&a=1"}, id="more than the address"),
        pytest.param({"redirect_uri": REDIRECT_URI.upper()}, id="another case"),
        pytest.param({"redirect_uri": "https://evil.test/"}, id="another site"),
        pytest.param({"redirect_uri": "javascript:alert(1)"}, id="a script"),
        pytest.param({"client_id": "dpi"}, id="a client that registered no address"),
    ],
)
@pytest.mark.parametrize("is_signed_in", [True, False])
def test_an_address_that_is_not_registered_gets_nothing(
    site: ApplicationSite, changes: dict[str, str | None], is_signed_in: bool
) -> None:
    answer = site.ask(site.browser(HELENE if is_signed_in else None), **changes)
    assert answer.status_code in {400, 404}
    assert "location" not in answer.headers
    assert "evil" not in answer.text


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
def test_two_of_them_are_none(site: ApplicationSite, name: str) -> None:
    answer = site.browser().get(f"/oauth2/authorize?{query()}&{query()}")
    assert answer.status_code == 400
    again = site.browser().get(f"/oauth2/authorize?{query()}&{name}=x")
    assert again.status_code == 400


@pytest.mark.parametrize(
    "text", ["&".join(["a=1"] * 100), "a=" + "x" * 9000, "client_id=%FF&redirect_uri=x"]
)
def test_a_query_that_cannot_be_read_is_the_callers_fault(site: ApplicationSite, text: str) -> None:
    assert site.browser().get(f"/oauth2/authorize?{text}").status_code == 400


# What the application did wrong, it is told.


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"response_type": "token"}, "unsupported_response_type", id="implicit"),
        pytest.param({"response_type": None}, "invalid_request", id="no response_type"),
        pytest.param({"state": None}, "invalid_request", id="no state"),
        pytest.param({"state": "x" * 2000}, "invalid_request", id="a state too long"),
        pytest.param({"code_challenge": None}, "invalid_request", id="no PKCE"),
        pytest.param({"code_challenge": "short"}, "invalid_request", id="no SHA-256"),
        pytest.param({"code_challenge_method": "plain"}, "invalid_request", id="plain PKCE"),
        pytest.param({"code_challenge_method": None}, "invalid_request", id="plain by default"),
        pytest.param({"scope": "system/*.rs"}, "invalid_scope", id="a machine's scope"),
        pytest.param({"scope": "openid"}, "invalid_scope", id="no access at all"),
        pytest.param({"scope": '"'}, "invalid_scope", id="no scope"),
        pytest.param({"aud": "https://evil.test/fhir"}, "invalid_target", id="another server"),
        pytest.param({"launch": "x" * 43}, "invalid_request", id="a launch of nobody"),
        pytest.param({"launch": "x" * 300}, "invalid_request", id="a launch too long"),
    ],
)
def test_a_fault_goes_back_to_the_application(
    site: ApplicationSite, changes: dict[str, str | None], error: str
) -> None:
    answer = answer_of(site.ask(site.browser(), **changes))
    state = (ASK | changes)["state"]
    expected = {"error": error, "iss": "https://box.test"}
    if state is not None and len(state) < 100:
        expected["state"] = state
    assert answer == expected


def test_a_launch_of_another_professional_is_none(site: ApplicationSite) -> None:
    site.server.contexts.contexts[LAUNCH.identifier] = replace(LAUNCH, professional=JOSIANE)
    assert answer_of(site.ask(site.browser()))["error"] == "invalid_request"


@pytest.mark.requirement("TRA.04")
@pytest.mark.parametrize("consent", [c for c in Consent if not c.allows_consultation])
@pytest.mark.parametrize("launch", [LAUNCH.identifier, None], ids=["launched", "standing alone"])
def test_no_application_sees_a_patient_whom_nobody_may_consult(
    site: ApplicationSite, consent: Consent, launch: str | None
) -> None:
    browser = site.browser()
    opposed = replace(LAUNCH, consent=consent, professional=HELENE)
    site.open_in_session(opposed)
    assert answer_of(site.ask(browser, launch=launch))["error"] == "access_denied"


def test_a_professional_may_say_no(site: ApplicationSite) -> None:
    browser = site.browser()
    answer = answer_of(site.decide(browser, site.ask(browser), "refuse"))
    assert (answer["error"], "code" in answer) == ("access_denied", False)
    assert site.server.contexts.contexts[LAUNCH.identifier].professional is None


def test_only_scopes_that_are_registered_are_granted(site: ApplicationSite) -> None:
    code = site.code(scope="launch openid fhirUser patient/*.cruds user/*.rs patient/Patient.r")
    assert site.redeem(code).json()["scope"] == "launch patient/*.rs patient/Patient.r"


# O8: the answer is that of our own page.


@pytest.mark.parametrize("token", ["", "x" * 43])
def test_a_form_of_another_site_says_nothing(site: ApplicationSite, token: str) -> None:
    browser = site.browser()
    page = site.ask(browser)
    answer = site.decide(browser, page, form_token=token)
    assert answer.status_code == 403
    assert site.server.contexts.contexts[LAUNCH.identifier].professional is None


def test_a_form_of_another_session_says_nothing(site: ApplicationSite) -> None:
    page = site.ask(site.browser())
    assert site.decide(site.browser(), page).status_code == 403


def test_nobody_says_yes_without_a_session(site: ApplicationSite) -> None:
    page = site.ask(site.browser())
    assert site.decide(site.browser(None), page).status_code == 401


def test_a_form_cannot_name_a_patient_who_was_not_proposed(site: ApplicationSite) -> None:
    browser = site.browser()
    other = replace(CONTEXT, identifier="o" * 43, professional=None)
    site.server.contexts.contexts[other.identifier] = other
    answer = answer_of(site.decide(browser, site.ask(browser), context=other.identifier))
    assert answer["error"] == "invalid_request"


# Standing alone: the patient is one of those open in the session.


def test_standing_alone_the_professional_chooses_the_patient(site: ApplicationSite) -> None:
    browser = site.browser()
    one, two = (replace(CONTEXT, identifier=c * 43) for c in "12")
    site.open_in_session(one, two)
    page = site.ask(browser, launch=None, scope="launch/patient patient/*.rs")
    assert len(re.findall('type="radio" name="context"', page.text)) == 2
    answer = answer_of(site.decide(browser, page, context=one.identifier))
    assert site.redeem(answer["code"]).json()["patient"] == patient_id(one)


def test_standing_alone_without_an_open_patient_is_told_no(site: ApplicationSite) -> None:
    answer = answer_of(site.ask(site.browser(), launch=None))
    assert answer["error"] == "access_denied"


# The code (O4): once, soon, by who asked, with what it kept.


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        pytest.param({"code": "another"}, 400, "invalid_grant", id="another code"),
        pytest.param({"code": None}, 400, "invalid_request", id="no code"),
        pytest.param({"redirect_uri": "https://app.test/"}, 400, "invalid_grant", id="an address"),
        pytest.param({"redirect_uri": None}, 400, "invalid_request", id="no address"),
        pytest.param({"code_verifier": "w" * 64}, 400, "invalid_grant", id="another verifier"),
        pytest.param({"code_verifier": "short"}, 400, "invalid_request", id="no verifier at all"),
        pytest.param({"code_verifier": None}, 400, "invalid_request", id="none"),
        pytest.param({"client_id": None}, 401, "invalid_client", id="no client"),
        pytest.param({"client_id": "nobody"}, 401, "invalid_client", id="nobody"),
        pytest.param({"client_id": "dpi"}, 401, "invalid_client", id="a client without its proof"),
    ],
)
def test_a_code_serves_who_asked_for_it(
    site: ApplicationSite, changes: dict[str, str | None], status: int, error: str
) -> None:
    answer = site.redeem(site.code(), **changes)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_a_code_is_not_another_clients(site: ApplicationSite) -> None:
    answer = site.redeem(
        site.code(),
        client_id="program",
        client_assertion=site.server.assertion(client_id="program"),
        client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_a_code_serves_once_even_to_who_fails(site: ApplicationSite) -> None:
    code = site.code()
    assert site.redeem(code, code_verifier="w" * 64).status_code == 400
    assert site.redeem(code).status_code == 400
    code = site.code()
    assert [site.redeem(code).status_code for _ in range(2)] == [200, 400]


def test_a_code_lives_a_minute(site: ApplicationSite) -> None:
    codes = [site.code(), site.code()]
    site.server.clock.advance(59)
    assert site.redeem(codes[0]).status_code == 200
    site.server.clock.advance(1)
    assert site.redeem(codes[1]).status_code == 400


def test_a_code_whose_context_is_over_is_worth_nothing(site: ApplicationSite) -> None:
    code = site.code()
    del site.server.contexts.contexts[LAUNCH.identifier]
    assert site.redeem(code).json()["error"] == "invalid_grant"


def test_pages_of_the_application_may_read_its_token_and_no_others(site: ApplicationSite) -> None:
    client = site.browser(None)
    form = {"grant_type": "authorization_code", "client_id": "app", "code": site.code()}
    form |= {"redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER}
    for origin, allowed in (("https://app.test", "https://app.test"), ("https://evil.test", None)):
        answer = client.post("/oauth2/token", data=form, headers={"Origin": origin})
        assert answer.headers.get("access-control-allow-origin") == allowed
        assert answer.headers["vary"] == "Origin"


def test_every_error_has_its_code() -> None:
    assert set(AUTHORIZE_ERROR_OF) == all_errors()
