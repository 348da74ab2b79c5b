"""SMART App Launch in the demo: authlib as the application, a professional who says yes."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from tests.system.demo_client import good_call
from tests.system.demo_session import DemoSession

from drimbox.sandbox.journey.browser import Browser
from drimbox.sandbox.patients.identities import ANGE, LUCIE
from drimbox.sandbox.patients.professionals import REFERRING_PHYSICIAN
from drimbox.sandbox.patients.studies import STUDIES

pytestmark = [pytest.mark.anyio, pytest.mark.system, pytest.mark.xdist_group("demo")]

VERIFIER = "a-verifier-of-more-than-forty-three-characters-0123"
OF_LUCIE = {str(s.study_instance_uid) for s in STUDIES if s.patient == LUCIE and s.is_published}


def _discover(demo: DemoSession) -> dict[str, Any]:
    url = f"{demo.descriptor['consumer']['fhir_url']}/.well-known/smart-configuration"
    found: dict[str, Any] = requests.get(url, timeout=30).json()
    return found


async def _launch(demo: DemoSession) -> str:
    """Make the contextual call as the DPI does; its context is what the application is given."""
    token = await demo.professional_token()
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    async with demo.http.post(demo.call_url, data=good_call(LUCIE), headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        return str((await answer.json())["context"])


async def _let_in(url: str) -> str:
    """Sign in, say yes, and return where the browser is sent: the application's own address."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar, trust_env=False) as session:
        browser = Browser(session)
        provider = await browser.open(url)
        question = await browser.submit(
            provider, "/auth/choose", {"subject": REFERRING_PHYSICIAN.rpps}
        )
        assert "Application SMART de démonstration" in question.text
        assert LUCIE.traits.family_name in question.text
        form = question.hidden_fields() | {"decision": "allow"}
        (action,) = {question.form_action(end) for end in _endings(question.text)}
        status, location = await browser.post_without_following(action, form)
        assert status == 303
        return location


def _endings(text: str) -> list[str]:
    """Return the end of the form that answers the question: its address holds the request."""
    actions = [part.partition('"')[0] for part in text.split('action="')[1:]]
    return [one for one in actions if one.startswith("/oauth2/authorize")]


@pytest.mark.requirement("FA.4")
async def test_an_application_is_launched_from_the_dpi_and_reads_that_patients_exams(
    demo: DemoSession,
) -> None:
    smart, launch = await asyncio.to_thread(_discover, demo), await _launch(demo)
    described = demo.descriptor["smart_application"]
    application = OAuth2Session(
        described["client_id"],
        redirect_uri=described["redirect_uri"],
        scope=described["scope"],
        code_challenge_method="S256",
        token_endpoint_auth_method="none",
    )
    fhir_url = demo.descriptor["consumer"]["fhir_url"]
    url, state = application.create_authorization_url(
        smart["authorization_endpoint"], code_verifier=VERIFIER, launch=launch, aud=fhir_url
    )
    back = await _let_in(url)
    assert back.startswith(described["redirect_uri"])
    told = parse_qs(urlsplit(back).query)
    assert (told["state"], told["iss"]) == ([state], [smart["issuer"]])

    def read() -> tuple[dict[str, Any], set[str], int, int]:
        token = application.fetch_token(
            smart["token_endpoint"],
            authorization_response=back,
            code_verifier=VERIFIER,
            state=state,
        )
        patient = f"Patient/{token['patient']}"
        found = application.get(f"{fhir_url}/ImagingStudy?patient={patient}", timeout=60).json()
        exams = {one["resource"]["id"] for one in found["entry"]}
        other = next(s for s in STUDIES if s.patient == ANGE and s.is_published)
        foreign = application.get(f"{fhir_url}/ImagingStudy/{other.study_instance_uid}", timeout=60)
        again = requests.post(
            smart["token_endpoint"],
            data={
                "grant_type": "authorization_code",
                "client_id": described["client_id"],
                "redirect_uri": described["redirect_uri"],
                "code": told["code"][0],
                "code_verifier": VERIFIER,
            },
            timeout=30,
        )
        return token, exams, foreign.status_code, again.status_code

    token, exams, foreign, again = await asyncio.to_thread(read)
    demo.secrets.add(token["access_token"])
    assert exams == OF_LUCIE
    assert (foreign, again) == (404, 400)
