"""Two Consommatrice processes on one PostgreSQL: what one begins, the other goes on with.

Both say the same public address, as behind a load balancer; each listens on ports of its own.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import aiohttp
import pytest
from tests.fixtures.postgresql import PostgresqlServer
from tests.system.consumer_box import make_consumer_box
from tests.system.demo_client import good_call
from tests.system.numbered_reports import numbered_report, numbered_study, write_numbered_studies
from tests.system.ports import free_addresses
from tests.system.source_site import SiteOptions, SourceSite, source_site

from drimbox.sandbox.journey.browser import Browser, Page
from drimbox.sandbox.network.addresses import Addresses
from drimbox.sandbox.patients.identities import LUCIE
from drimbox.sandbox.patients.professionals import REFERRING_PHYSICIAN

pytestmark = [pytest.mark.anyio, pytest.mark.system, pytest.mark.xdist_group("shared")]


STUDIES = 2


@dataclass(frozen=True)
class TwoConsumers:
    """Where each process listens, and the site around them."""

    site: SourceSite
    first: str
    second: str


@pytest.fixture(scope="module")
async def consumers(
    tmp_path_factory: pytest.TempPathFactory, postgresql_server: PostgresqlServer
) -> AsyncIterator[TwoConsumers]:
    folder = tmp_path_factory.mktemp("shared")
    images = folder / "images"
    await asyncio.to_thread(write_numbered_studies, STUDIES, images)
    async with source_site(SiteOptions(folder, images, (LUCIE.traits.ins,))) as site:
        reports = [numbered_report(number) for number in range(1, STUDIES + 1)]
        for _, message in reports:
            await site.send(message)
        await site.wait_for_kos([study for study, _ in reports])
        url = postgresql_server.create_database()
        public = site.box.addresses
        async with AsyncExitStack() as stack:
            first = await start_consumer(site, url, public, stack)
            second = await start_consumer(site, url, free_addresses(), stack)
            yield TwoConsumers(site, first, second)


async def start_consumer(site: SourceSite, url: str, own: Addresses, stack: AsyncExitStack) -> str:
    """Start a process with the settings of the other, less its ports; return where it listens."""
    box = make_consumer_box(site, own, storage_url=url)
    stack.push_async_callback(box.child.stop)
    await box.start()
    return box.url


def at(process: str, url: str) -> str:
    """Return the same address at another process, as a load balancer would choose it."""
    return process + "/" + url.split("/", 3)[3]


@pytest.mark.requirement("CO.48")
async def test_a_context_made_at_one_process_is_consulted_at_the_other(
    consumers: TwoConsumers,
) -> None:
    first, second = consumers.first, consumers.second
    async with aiohttp.ClientSession(trust_env=False) as session:
        browser = Browser(session)
        status, location = await browser.post_without_following(f"{first}/drim", good_call(LUCIE))
        assert status == 303
        # Signing in begins at the second and ends at the first, whose address is the public one.
        provider = await browser.open(at(second, location))
        subject = {"subject": REFERRING_PHYSICIAN.rpps}
        confirmation = await browser.submit(provider, "/auth/choose", subject)
        assert confirmation.url.startswith(first)
        seen = Page(at(second, confirmation.url), confirmation.text)
        page = await browser.submit(seen, "/confirmation", {})
        exams = await browser.open(at(first, page.url) + "/exams")
        assert numbered_study(1).study_instance_uid in exams.text
        await browser.submit(Page(at(first, page.url), page.text), "/sign-out", {})
        async with session.get(f"{at(second, page.url)}/exams", allow_redirects=False) as answer:
            assert answer.status in {303, 401}, "signed out at one, signed out at both"


async def test_a_token_of_one_process_opens_the_same_at_the_other(consumers: TwoConsumers) -> None:
    first, second = consumers.first, consumers.second
    issuer = consumers.site.service_addresses.pro_sante_connect_issuer
    async with aiohttp.ClientSession(trust_env=False) as session:
        opened = await open_context(session, issuer, first)
        bound = opened["access_token"]
        for process in (second, first):
            async with session.get(
                f"{process}/dicom-web/studies", headers={"Authorization": f"Bearer {bound}"}
            ) as answer:
                assert answer.status == 200
                studies = await answer.json(content_type="application/dicom+json")
                found = {one["0020000D"]["Value"][0] for one in studies}
                assert found == {
                    numbered_study(number).study_instance_uid for number in range(1, STUDIES + 1)
                }


@pytest.mark.requirement("FA.2")
async def test_a_search_goes_on_at_the_other_process(consumers: TwoConsumers) -> None:
    """Nothing of a page is kept where it was made: its link holds the search, sealed."""
    first, second = consumers.first, consumers.second
    issuer = consumers.site.service_addresses.pro_sante_connect_issuer
    async with aiohttp.ClientSession(trust_env=False) as session:
        opened = await open_context(session, issuer, first)
        headers = {"Authorization": f"Bearer {opened['access_token']}"}
        form = {"patient": opened["patient"], "_count": "1", "_sort": "_id"}
        search = f"{first}/fhir/ImagingStudy/_search"
        async with session.post(search, data=form, headers=headers) as answer:
            assert answer.status == 200
            page = await answer.json(content_type="application/fhir+json")
        seen = [page["entry"][0]["resource"]["id"]]
        for process in (second, first):
            (following,) = (one["url"] for one in page["link"] if one["relation"] == "next")
            async with session.get(at(process, following), headers=headers) as answer:
                assert answer.status == 200
                last = await answer.json(content_type="application/fhir+json")
            assert last["total"] == STUDIES
            seen.append(last["entry"][0]["resource"]["id"])
        assert seen[0] < seen[1] == seen[2], "the same page, whichever process answers"
        (itself,) = (one["url"] for one in page["link"] if one["relation"] == "self")
        async with session.get(at(second, itself), headers=headers) as answer:
            again = await answer.json(content_type="application/fhir+json")
        assert again["entry"][0]["resource"] == page["entry"][0]["resource"]
        other = await open_context(session, issuer, second)
        headers = {"Authorization": f"Bearer {other['access_token']}"}
        async with session.get(at(second, following), headers=headers) as answer:
            assert answer.status == 404, "a page of another context"


async def open_context(session: aiohttp.ClientSession, issuer: str, process: str) -> dict[str, str]:
    """Call as a program does, and return what it is told: a token, the patient."""
    form = {"subject": REFERRING_PHYSICIAN.rpps}
    async with session.post(f"{issuer}/sandbox/token", data=form) as answer:
        token = (await answer.json())["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    async with session.post(f"{process}/drim", data=good_call(LUCIE), headers=headers) as answer:
        opened: dict[str, str] = await answer.json()
    return opened
