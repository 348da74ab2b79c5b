"""A program finds where an exam is looked at; its professional opens that address in a browser."""

import asyncio

import aiohttp
import pytest
import requests
from tests.system.demo_session import DemoSession

from drimbox.errors import RejectedByPartner
from drimbox.sandbox.journey.browser import Browser
from drimbox.sandbox.patients.identities import LUCIE
from drimbox.sandbox.patients.professionals import REFERRING_PHYSICIAN

pytestmark = [pytest.mark.anyio, pytest.mark.system, pytest.mark.xdist_group("demo")]


def _viewer_of_an_exam(url: str, token: str) -> tuple[str, str]:
    """Return the exam, and the address of its viewer."""
    query = {"_include": "ImagingStudy:endpoint", "_count": "1"}
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.get(f"{url}/ImagingStudy", params=query, headers=headers, timeout=60)
    found = [entry["resource"] for entry in answer.json()["entry"]]
    (study,) = (one["id"] for one in found if one["resourceType"] == "ImagingStudy")
    (address,) = (
        one["address"]
        for one in found
        if one["resourceType"] == "Endpoint" and one["connectionType"]["code"] == "ihe-iid"
    )
    return study, address


@pytest.mark.requirement("FA.1")
async def test_the_address_of_a_viewer_opens_its_exam_once(demo: DemoSession) -> None:
    token = await demo.context_token(LUCIE)
    url = str(demo.descriptor["consumer"]["fhir_url"])
    study, address = await asyncio.to_thread(_viewer_of_an_exam, url, token)
    assert study not in address
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar, trust_env=False) as session:
        browser = Browser(session)
        provider = await browser.open(address)
        question = await browser.submit(
            provider, "/auth/choose", {"subject": REFERRING_PHYSICIAN.rpps}
        )
        # Whose exam it is, first: the page of the images once that is confirmed in this browser.
        assert LUCIE.traits.family_name in question.text
        context = question.url.rpartition("/")[2]
        await browser.submit(question, "/confirmation", {})
        viewer = await browser.open(f"{demo.consumer}/viewer/{context}/{study}")
        assert study in viewer.text
        with pytest.raises(RejectedByPartner, match="404"):
            await browser.open(address)
