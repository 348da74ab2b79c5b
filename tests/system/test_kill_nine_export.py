"""R1 for exports: the Consommatrice killed while it stores in a PACS by C-STORE and by STOW-RS.

browser ──> Consommatrice, killed ─┬─C-STORE──> pynetdicom    each takes some images, then holds one
                                   └─STOW-RS──> aiohttp       until the box is dead
"""

import asyncio
import io
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import pydicom
import pytest
from aiohttp import web
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    ComputedRadiographyImageStorage,
)
from tests.fakes.dicomweb_service import DicomwebService
from tests.system.consumer_box import ConsumerBox, make_consumer_box, open_consultation
from tests.system.faked_clock import FakedClock
from tests.system.numbered_reports import numbered_report, numbered_study
from tests.system.ports import free_port
from tests.system.small_studies import write_study
from tests.system.source_site import SiteOptions, SourceSite, source_site
from tests.system.trails import find_events, verify_trail

from drimbox.flows.consumer.import_studies import GONE_AFTER
from drimbox.model.audit import AuditAction
from drimbox.ports.audit_repository import AuditSearch
from drimbox.sandbox.journey.browser import Browser, Page
from drimbox.sandbox.patients.identities import LUCIE
from drimbox.sandbox.patients.images.header import facts_of

pytestmark = [pytest.mark.anyio, pytest.mark.system, pytest.mark.xdist_group("clock")]

IMAGES = 8
_TAKEN_FIRST = 3
_WAIT_SECONDS = 60.0


class Destination(Protocol):
    """What a PACS holds, and whether it takes more."""

    def held(self) -> Sequence[Dataset]: ...

    def let_go(self) -> None:
        """Take all that comes from now on."""


@dataclass
class Archive:
    """By C-STORE, which pynetdicom serves in threads of its own."""

    port: int
    goes_on: threading.Event = field(default_factory=threading.Event)
    stored: list[Dataset] = field(default_factory=list)

    def held(self) -> Sequence[Dataset]:
        return tuple(self.stored)

    def let_go(self) -> None:
        self.goes_on.set()

    @contextmanager
    def serving(self) -> Iterator["Archive"]:
        entity = AE(ae_title="ARCHIVE")
        entity.add_supported_context(ComputedRadiographyImageStorage)
        handlers = [(evt.EVT_C_STORE, self._store)]
        server = entity.start_server(
            ("127.0.0.1", self.port), block=False, evt_handlers=handlers  # type: ignore[arg-type]
        )  # fmt: skip
        try:
            yield self
        finally:
            self.goes_on.set()
            server.shutdown()

    def _store(self, event: evt.Event) -> int:
        if len(self.stored) >= _TAKEN_FIRST:
            self.goes_on.wait(_WAIT_SECONDS)
        self.stored.append(event.dataset)
        return 0x0000


@dataclass
class Console(DicomwebService):
    """By STOW-RS."""

    goes_on: asyncio.Event = field(default_factory=asyncio.Event)

    def held(self) -> Sequence[Dataset]:
        return [pydicom.dcmread(io.BytesIO(octets)) for octets in self.stored]

    def let_go(self) -> None:
        self.goes_on.set()

    async def _store(self, request: web.Request) -> web.Response:
        if len(self.stored) >= _TAKEN_FIRST:
            await self.goes_on.wait()
        return await super()._store(request)


@dataclass
class Export:
    """A professional who exports one exam to both destinations."""

    box: ConsumerBox
    http: aiohttp.ClientSession
    destinations: dict[str, Destination]
    page: Page | None = None

    async def ask(self) -> None:
        """Ask for one export a destination; signing in is kept across a kill."""
        if self.page is None:
            self.page = await open_consultation(Browser(self.http), self.box.url)
        study = numbered_study(1).study_instance_uid
        for name in self.destinations:
            form = {**self.page.hidden_fields(), "study": study, "destination": name}
            async with self.http.post(f"{self.page.url}/exports", data=form) as answer:
                assert answer.status == 202, await answer.text()

    async def listed(self) -> list[dict[str, Any]]:
        assert self.page is not None
        async with self.http.get(f"{self.page.url}/exports") as answer:
            found: list[dict[str, Any]] = await answer.json()
            return found

    async def wait_until_over(self) -> list[dict[str, Any]]:
        async with asyncio.timeout(_WAIT_SECONDS):
            while True:
                found = await self.listed()
                if {one["state"] for one in found} <= {"done", "failed"}:
                    return found
                await asyncio.sleep(0.2)

    async def wait_until_held(self) -> None:
        """Wait until each destination has taken what it takes at first."""
        async with asyncio.timeout(_WAIT_SECONDS):
            while any(len(d.held()) < _TAKEN_FIRST for d in self.destinations.values()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)


@asynccontextmanager
async def running_site(folder: Path) -> AsyncIterator[SourceSite]:
    images = folder / "images"
    await asyncio.to_thread(write_study, facts_of(numbered_study(1)), images, instances=IMAGES)
    async with source_site(SiteOptions(folder, images, (LUCIE.traits.ins,))) as site:
        study, message = numbered_report(1)
        await site.send(message)
        await site.wait_for_kos([study])
        yield site


def settings_of(archive: Archive, console: Console) -> str:
    return f"""
[[export_destinations]]
name = "Archive"
host = "127.0.0.1"
port = {archive.port}
ae_title = "ARCHIVE"

[[export_destinations]]
name = "Console"
[export_destinations.dicomweb]
url = "{console.url}"
"""


@pytest.mark.requirement("CO.61")
async def test_an_export_that_a_kill_interrupts_is_told_so_and_may_be_repeated(
    tmp_path: Path,
) -> None:
    """Nothing lost, nothing doubled, nothing in half; and a trace of what left before the kill."""
    clock = FakedClock.in_folder(tmp_path)
    archive, console = Archive(free_port()), Console([])
    async with (
        running_site(tmp_path) as site,
        console.running(),
        aiohttp.ClientSession(trust_env=False) as http,
    ):
        box = make_consumer_box(
            site,
            site.box.addresses,
            more_settings=settings_of(archive, console),
            variables=clock.variables,
        )
        export = Export(box, http, {"Archive": archive, "Console": console})
        with archive.serving():
            await box.start()
            try:
                await interrupt(export)
                await check_what_is_told(export, clock)
                await export.ask()
                told = await export.wait_until_over()
            finally:
                await box.child.stop()
    assert [one["state"] for one in told] == ["failed", "failed", "done", "done"]
    for name, destination in export.destinations.items():
        check_objects(destination.held(), name)


async def interrupt(export: Export) -> None:
    await export.ask()
    await export.wait_until_held()
    await export.box.child.kill()
    begun = AuditSearch(actions=(AuditAction.IMAGES_EXPORT_BEGUN,))
    events = await find_events(export.box.settings_file, begun)
    assert {event.destination for event in events} == set(export.destinations)
    assert await verify_trail(export.box.settings_file) > 0
    for destination in export.destinations.values():
        destination.let_go()


async def check_what_is_told(export: Export, clock: FakedClock) -> None:
    """Start again most of the time later after which a silent export is gone: it is told so."""
    clock.set_off_by(int(GONE_AFTER.total_seconds()) - 5)
    await export.box.start()
    told = await export.wait_until_over()
    assert {(one["state"], one["failure"]) for one in told} == {("failed", "interrupted")}
    # Right again: the DMP refuses what is signed in another minute.
    await clock.set(0, export.box.url)


def check_objects(objects: Sequence[Dataset], name: str) -> None:
    by_uid = {str(one.SOPInstanceUID): one for one in objects}
    assert len(by_uid) == IMAGES, f"{name} holds {len(by_uid)} of {IMAGES}"
    local = LUCIE.consumer_patient_id.value
    for one in objects:
        assert one.PatientID == local
        assert len(one.PixelData) == 8 * 8 * 2
