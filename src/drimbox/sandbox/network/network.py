"""Start the demo in order, and end it in the reverse one, whatever happens between."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import aiohttp

from drimbox.sandbox.dpi.server import SandboxDpi
from drimbox.sandbox.network.addresses import Addresses
from drimbox.sandbox.network.box_settings import (
    CONSUMER_AE_TITLE,
    SOURCE_AE_TITLE,
    consumer_settings,
    source_settings,
)
from drimbox.sandbox.network.descriptor import RunningDemo
from drimbox.sandbox.network.keys import NetworkKeys, make_keys
from drimbox.sandbox.network.national_services import NationalServices, ServiceAddresses
from drimbox.sandbox.network.orthanc_site import OrthancSite
from drimbox.sandbox.network.processes import Child
from drimbox.sandbox.network.report_deposit import deposit_reports
from drimbox.sandbox.network.reports import send_reports, wait_for_kos, write_report_file
from drimbox.sandbox.network.site_pacs import BuiltInPacs, PacsAddress, SitePacs
from drimbox.sandbox.pacs.orthanc import OrthancPorts
from drimbox.sandbox.patients.images.header import facts_of
from drimbox.sandbox.patients.images.study_files import draw_studies, link_studies
from drimbox.sandbox.patients.scenario import Holder, ScenarioStudy
from drimbox.sandbox.patients.studies import STUDIES, studies_held_by

_BOX_SECONDS = 60.0
_SOURCE_PACS_AE, _CONSUMER_PACS_AE = "PACSDEMO1", "PACSDEMO2"

Announce = Callable[[str, float], None]
"""Called after each step: what was done, in how many seconds."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """folder holds the state of this run, image_cache the drawings shared by all runs.

    is_without_delay sets TCP_NODELAY in Orthanc, which Debian's build leaves off.
    """

    folder: Path
    image_cache: Path
    addresses: Addresses
    has_orthanc: bool = False
    is_without_delay: bool = False


@asynccontextmanager
async def demo_network(options: DemoOptions, announce: Announce) -> AsyncIterator[RunningDemo]:
    """Run the whole demo for as long as the context lasts.

    Raises:
        Unavailable, TimedOut: something did not start; the end of its log is in the text.
        SettingsError: a program of the system is missing.
    """
    options.folder.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        network = _Network(options, announce, stack)
        yield await network.start()


class _Network:
    def __init__(self, options: DemoOptions, announce: Announce, stack: AsyncExitStack) -> None:
        self._options = options
        self._announce = announce
        self._stack = stack
        self._ports = options.addresses
        self._since = time.monotonic()

    async def start(self) -> RunningDemo:
        images = await asyncio.to_thread(self._draw)
        self._step("images of the synthetic patients")
        crl_url = f"http://127.0.0.1:{self._ports.trusted_space}/organisations.crl"
        keys = await asyncio.to_thread(make_keys, self._options.folder / "keys", crl_url=crl_url)
        services = await self._start_services(keys)
        self._step("national services: DMP, Pro Santé Connect, FranceConnect+, trusted space")
        pacs = await self._start_pacs(images)
        source_pacs, consumer_pacs = (pacs[holder].address for holder in Holder)
        self._step("PACS of both sites")
        boxes = await self._start_boxes(keys, services, source_pacs, consumer_pacs)
        await self._start_dpi()
        self._step("Source and Consommatrice boxes, DPI page")
        kos, files = await self._publish(services)
        self._step("reports sent, KOS in the DMP")
        return RunningDemo(
            folder=self._options.folder,
            addresses=self._ports,
            keys=keys,
            services=services,
            source_pacs=source_pacs,
            consumer_pacs=consumer_pacs,
            kos=kos,
            report_files=files,
            boxes=boxes,
            pacs=pacs,
        )

    def _draw(self) -> dict[Holder, Path]:
        """Draw what the cache lacks, and give each PACS a fresh tree of its studies."""
        folders = draw_studies([facts_of(s) for s in STUDIES], self._options.image_cache)
        of_study = dict(zip([s.key for s in STUDIES], folders, strict=True))
        trees = {}
        for holder in Holder:
            tree = self._options.folder / f"pacs-{holder.value}"
            if not tree.exists():
                link_studies([of_study[s.key] for s in studies_held_by(holder)], tree)
            trees[holder] = tree
        return trees

    async def _start_services(self, keys: NetworkKeys) -> ServiceAddresses:
        services = NationalServices(self._options.folder, self._ports, keys)
        self._stack.push_async_callback(services.stop)
        return await services.start()

    async def _start_pacs(self, images: dict[Holder, Path]) -> dict[Holder, SitePacs]:
        boxes = {
            Holder.SOURCE: (SOURCE_AE_TITLE, self._ports.source_dicom),
            Holder.CONSUMER: (CONSUMER_AE_TITLE, self._ports.consumer_dicom),
        }
        made = {holder: await self._make_pacs(holder, images) for holder in Holder}
        for holder, pacs in made.items():
            ae_title, port = boxes[holder]
            self._stack.push_async_callback(pacs.stop)
            await pacs.start([(ae_title, pacs.address.box_host, port)])
        return made

    async def _make_pacs(self, holder: Holder, images: dict[Holder, Path]) -> SitePacs:
        is_source = holder is Holder.SOURCE
        ports = self._ports
        ae_title = _SOURCE_PACS_AE if is_source else _CONSUMER_PACS_AE
        port = ports.source_pacs if is_source else ports.consumer_pacs
        name = f"pacs-{holder.value}"
        if self._options.has_orthanc:
            http_port = ports.source_pacs_http if is_source else ports.consumer_pacs_http
            folder = self._options.folder / f"orthanc-{holder.value}"
            site = OrthancSite(
                ae_title,
                OrthancPorts(port, http_port),
                images[holder],
                folder,
                is_without_delay=self._options.is_without_delay,
            )
            await site.prepare(self._announce_warning)
            return site
        address = PacsAddress("127.0.0.1", port, ae_title)
        log_file = self._options.folder / f"{name}.log"
        return BuiltInPacs(name, address, images[holder], log_file)

    def _announce_warning(self, text: str) -> None:
        self._announce(text, 0.0)

    async def _start_boxes(
        self,
        keys: NetworkKeys,
        services: ServiceAddresses,
        source_pacs: PacsAddress,
        consumer_pacs: PacsAddress,
    ) -> dict[str, Child]:
        texts = {
            "source": source_settings(
                self._folder_of("source"), self._ports, keys, services, source_pacs
            ),
            "consumer": consumer_settings(
                self._folder_of("consumer"), self._ports, keys, services, consumer_pacs
            ),
        }
        ports = {
            "source": self._ports.source_browser,
            "consumer": self._ports.consumer_browser,
        }
        children = {name: self._make_box(name, text) for name, text in texts.items()}
        for child in children.values():
            self._stack.push_async_callback(child.stop)
            await child.start()
        for name, child in children.items():
            url = f"http://127.0.0.1:{ports[name]}/health/ready"
            await child.wait_until(partial(_is_ready, url), timeout_seconds=_BOX_SECONDS)
        return children

    async def _start_dpi(self) -> None:
        dpi = SandboxDpi(f"http://localhost:{self._ports.consumer_browser}/drim")
        self._stack.push_async_callback(dpi.stop)
        await dpi.start("127.0.0.1", self._ports.dpi)

    def _folder_of(self, name: str) -> Path:
        folder = self._options.folder / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def _make_box(self, name: str, settings: str) -> Child:
        settings_file = self._options.folder / f"{name}.toml"
        settings_file.write_text(settings, encoding="utf-8")
        arguments = ["-m", "drimbox", "serve", "--settings", str(settings_file)]
        return Child(f"drimbox {name}", arguments, self._options.folder / f"{name}.log")

    async def _publish(self, services: ServiceAddresses) -> tuple[dict[str, str], dict[str, Path]]:
        published = [s for s in STUDIES if s.is_published]
        await send_reports("127.0.0.1", self._ports.source_mllp, published)
        await deposit_reports(self._options.folder / "source.toml", published)
        kos = {s.key: (await wait_for_kos(services.documents_url, s)).unique_id for s in published}
        folder = self._options.folder / "reports"
        folder.mkdir(exist_ok=True)
        return kos, {s.key: write_report_file(s, folder) for s in _sendable(STUDIES)}

    def _step(self, what: str) -> None:
        now = time.monotonic()
        self._announce(what, now - self._since)
        self._since = now


def _sendable(studies: Sequence[ScenarioStudy]) -> list[ScenarioStudy]:
    return [s for s in studies if s.report is not None and not s.is_published]


async def _is_ready(url: str) -> bool:
    try:
        async with (
            aiohttp.ClientSession(trust_env=False) as session,
            session.get(url, timeout=aiohttp.ClientTimeout(total=2)) as answer,
        ):
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False
