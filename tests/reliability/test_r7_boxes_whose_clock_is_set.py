"""R7 on running boxes: the clock an hour behind, an hour ahead, and right again.

RIS ──MLLP──> Source ──ITI-41──> DMP, whose clock is right: it refuses what comes from another hour
                 │
program, browser ┴─ Consommatrice     both boxes follow one clock that the test sets (libfaketime)

While it is wrong, tokens are judged by it and refused by name. Once it is right, all goes on by
itself, and soon.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.system.consumer_box import ConsumerBox, make_consumer_box, open_consultation
from tests.system.demo_client import DemoClient
from tests.system.faked_clock import HOUR, FakedClock
from tests.system.numbered_reports import numbered_report, numbered_study, write_numbered_studies
from tests.system.source_site import SiteOptions, SourceSite, source_site

from drimbox.sandbox.journey.browser import Browser
from drimbox.sandbox.network.keys import FHIR_CLIENT_ID, FHIR_CLIENT_SCOPES
from drimbox.sandbox.network.reports import HeldDocument
from drimbox.sandbox.patients.identities import LUCIE

pytestmark = [pytest.mark.anyio, pytest.mark.system, pytest.mark.xdist_group("clock")]

_SOON_SECONDS = 60.0
_SECONDS_LOOKED_AT = 30
_AT_REST_SECONDS = 0.3
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Boxes:
    """The boxes that follow one clock, and a program and a professional who met them before."""

    site: SourceSite
    consumer: ConsumerBox
    clock: FakedClock
    http: aiohttp.ClientSession
    program: DemoClient

    @property
    def source_url(self) -> str:
        return f"http://localhost:{self.site.box.addresses.source_browser}"

    async def set_clock(self, seconds: int) -> None:
        await self.clock.set(seconds, self.source_url, self.consumer.url)

    async def send(self, number: int) -> str:
        """Send a report, as a RIS; return its study."""
        study, message = numbered_report(number)
        assert (await self.site.send(message)).code == "AA"
        return study

    async def wait_until_refused(self, study: str, *, in_the_future: bool = False) -> None:
        """Wait until the DMP has refused the lot of this study, and its next try is to come."""
        earliest = datetime.now(UTC) + timedelta(minutes=30) if in_the_future else _LONG_AGO
        async with asyncio.timeout(_SOON_SECONDS):
            while True:
                for job in await self.site.box.admin("publications"):
                    is_it = job["study_instance_uid"] == study and job["state"] == "retry"
                    due_at = datetime.fromisoformat(job["next_attempt_at"])
                    if is_it and job["last_error"] and due_at > earliest:
                        return
                await asyncio.sleep(0.05)

    async def look(self, token: str, page: str) -> "Look":
        return Look(
            search=await self.search(token),
            token=await self.ask_for_a_token(),
            page=await status_of(self.http, f"{page}/exams"),
            is_at_rest=await self.wait_until_at_rest(),
        )

    async def search(self, token: str) -> tuple[int, str]:
        """Search at the Source with a token; return the status, and how a refusal is named."""
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{self.source_url}/dicom-web/studies?limit=1"
        async with self.http.get(url, headers=headers) as answer:
            is_named = 'error="invalid_token"' in answer.headers.get("WWW-Authenticate", "")
            return answer.status, "invalid_token" if is_named else ""

    async def ask_for_a_token(self) -> tuple[int, str]:
        """Ask as the program does, whose clock is right; return the status and the error."""
        url = self.program.descriptor["fhir_client"]["token_url"]
        async with self.http.post(url, data=self.program.token_request()) as answer:
            return answer.status, (await answer.json()).get("error", "")

    async def wait_until_at_rest(self) -> bool:
        """Tell whether there is a second in which both boxes leave the processor alone."""
        pids = (self.site.box.child.pid, self.consumer.child.pid)
        for _ in range(_SECONDS_LOOKED_AT):
            before = [processor_seconds(pid) for pid in pids]
            await asyncio.sleep(1)
            taken = [processor_seconds(pid) - was for pid, was in zip(pids, before, strict=True)]
            if max(taken) < _AT_REST_SECONDS:
                return True
        return False


@dataclass(frozen=True)
class Look:
    """What is met at one setting of the clock.

    search and token: status and error of a search with a token of before, and of asking for one;
    page: status of a page opened before; is_at_rest: see wait_until_at_rest.
    """

    search: tuple[int, str]
    token: tuple[int, str]
    page: int
    is_at_rest: bool


@dataclass(frozen=True)
class Seen:
    """The clock was set behind, then ahead, then right.

    kos are those of a report of each wrong hour, jobs the publications, as operators see them.
    """

    behind: Look
    ahead: Look
    right: Look
    sent_behind: str
    sent_ahead: str
    kos: Sequence[HeldDocument]
    jobs: Mapping[str, Mapping[str, Any]]
    alerts: Sequence[Mapping[str, Any]]
    exams: str


@pytest.fixture(scope="module")
async def boxes(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Boxes]:
    folder = tmp_path_factory.mktemp("clock")
    clock = FakedClock.in_folder(folder)
    images = folder / "images"
    await asyncio.to_thread(write_numbered_studies, 3, images)
    options = SiteOptions(folder, images, (LUCIE.traits.ins,), variables=clock.variables)
    async with (
        source_site(options) as site,
        aiohttp.ClientSession(trust_env=False) as http,
    ):
        consumer = make_consumer_box(site, site.box.addresses, variables=clock.variables)
        program = DemoClient(descriptor=descriptor(site), http=http)
        boxes = Boxes(site, consumer, clock, http, program)
        await consumer.start()
        try:
            await site.wait_for_kos([await boxes.send(1)])
            yield boxes
        finally:
            await consumer.child.stop()


@pytest.fixture(scope="module")
async def seen(boxes: Boxes) -> Seen:
    token = await boxes.program.source_token()
    browser = Browser(boxes.http)
    page = (await open_consultation(browser, boxes.consumer.url)).url
    await boxes.set_clock(-HOUR)
    sent_behind = await boxes.send(2)
    await boxes.wait_until_refused(sent_behind)
    behind = await boxes.look(token, page)
    await boxes.set_clock(HOUR)
    sent_ahead = await boxes.send(3)
    for study in (sent_behind, sent_ahead):
        await boxes.wait_until_refused(study, in_the_future=True)
    ahead = await boxes.look(token, page)
    await boxes.set_clock(0)
    await boxes.site.wait_for_kos([sent_behind])
    boxes.http.cookie_jar.clear()
    page = (await open_consultation(browser, boxes.consumer.url)).url
    return Seen(
        behind,
        ahead,
        await boxes.look(token, page),
        sent_behind,
        sent_ahead,
        kos=await boxes.site.kos_of([sent_behind, sent_ahead]),
        jobs={one["study_instance_uid"]: one for one in await boxes.site.box.admin("publications")},
        alerts=await boxes.site.box.admin("alerts"),
        exams=(await browser.open(f"{page}/exams")).text,
    )


async def test_what_the_dmp_refused_meanwhile_is_published_once_the_clock_is_right(
    seen: Seen,
) -> None:
    """Set back an hour, its next try is due in an hour; that is not waited for."""
    (document,) = seen.kos
    assert (document.study_instance_uid, document.status) == (seen.sent_behind, "Approved")
    assert seen.jobs[seen.sent_behind]["state"] == "done"


async def test_what_was_made_in_the_future_waits_for_it_and_operators_know(seen: Seen) -> None:
    """Its submissionTime is signed with it; the DMP would refuse it for good until then."""
    assert seen.jobs[seen.sent_ahead]["state"] == "retry"
    assert [alert["kind"] for alert in seen.alerts] == ["dmp-unavailable"]
    assert "clock that was ahead" in seen.jobs[seen.sent_ahead]["last_error"]


async def test_a_box_whose_clock_is_set_does_not_turn(seen: Seen) -> None:
    assert (seen.behind.is_at_rest, seen.ahead.is_at_rest, seen.right.is_at_rest) == (True,) * 3


async def test_tokens_are_judged_by_the_clock_and_hold_again_once_it_is_right(seen: Seen) -> None:
    for look in (seen.behind, seen.ahead):
        assert look.search == (401, "invalid_token")
        assert look.token == (401, "invalid_client")
    assert (seen.right.search, seen.right.token) == ((200, ""), (200, ""))


async def test_a_professional_meets_no_fault_and_goes_on_once_the_clock_is_right(
    seen: Seen,
) -> None:
    """Behind, the DMP refuses what we sign; ahead, the session has been idle for an hour."""
    assert seen.behind.page in {502, 503}
    assert seen.ahead.page in {303, 401}
    assert seen.right.page == 200
    assert numbered_study(1).study_instance_uid in seen.exams


def processor_seconds(pid: int) -> float:
    """Return what a process has taken of the processor, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def status_of(http: aiohttp.ClientSession, url: str) -> int:
    async with http.get(url, allow_redirects=False) as answer:
        return answer.status


def descriptor(site: SourceSite) -> Mapping[str, Any]:
    """Tell a program what the demo's descriptor would."""
    return {
        "fhir_client": {
            "client_id": FHIR_CLIENT_ID,
            "key_file": str(site.keys.fhir_client_key),
            "token_url": f"http://localhost:{site.box.addresses.source_browser}/oauth2/token",
            "scope": " ".join(FHIR_CLIENT_SCOPES),
        }
    }
