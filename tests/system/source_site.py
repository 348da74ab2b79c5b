"""One site of its own: national services, a PACS, and real Source boxes (`drimbox serve`)."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
from tests.system.ports import free_addresses

from drimbox.model.patient import Ins
from drimbox.model.practice import Structure
from drimbox.sandbox.dmp.store import Store, StoredEntry
from drimbox.sandbox.network.addresses import Addresses
from drimbox.sandbox.network.box_settings import SOURCE_AE_TITLE, source_settings
from drimbox.sandbox.network.keys import EstablishmentKeys, NetworkKeys, make_keys
from drimbox.sandbox.network.national_services import NationalServices, ServiceAddresses
from drimbox.sandbox.network.processes import Child
from drimbox.sandbox.network.reports import HeldDocument, held_documents
from drimbox.sandbox.network.site_pacs import BuiltInPacs, PacsAddress
from drimbox.sandbox.ris.mllp_client import Answer, send
from drimbox.sandbox.trusted_space.pki import organisation_name

_START_SECONDS = 60.0
_WAIT_SECONDS = 30.0


@dataclass(frozen=True)
class SiteOptions:
    """patients have a DMP; structures are installed in the box beside the demo's establishment.

    images is the PACS's folder, filled before; storage_url is a database other than SQLite in the
    box's folder; variables override settings by the environment.
    """

    folder: Path
    images: Path
    patients: tuple[Ins, ...]
    structures: tuple[Structure, ...] = ()
    storage_url: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass
class SourceBox:
    """A Source in its own process; it may be killed and started again."""

    child: Child
    addresses: Addresses
    settings_file: Path
    variables: Mapping[str, str]

    async def start(self) -> None:
        """Start it; it may not listen yet when this returns."""
        await self.child.start(self.variables)

    async def wait_until_ready(self) -> None:
        await self.child.wait_until(self._is_ready, timeout_seconds=_START_SECONDS)

    async def admin(self, path: str) -> Any:
        """Return what the operator listener tells, as JSON."""
        url = f"http://127.0.0.1:{self.addresses.source_operator}/admin/{path}"
        async with aiohttp.ClientSession(trust_env=False) as http, http.get(url) as answer:
            assert answer.status == 200
            return await answer.json()

    async def _is_ready(self) -> bool:
        url = f"http://127.0.0.1:{self.addresses.source_browser}/health/ready"
        try:
            async with aiohttp.ClientSession(trust_env=False) as http, http.get(url) as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False


@dataclass
class SourceSite:
    """What a RIS, an operator and the DMP see of the site."""

    options: SiteOptions
    keys: NetworkKeys
    services: NationalServices
    service_addresses: ServiceAddresses
    pacs: PacsAddress
    boxes: Sequence[SourceBox]

    @property
    def box(self) -> SourceBox:
        return self.boxes[0]

    async def send(self, message: bytes) -> Answer:
        """Send by MLLP, as a RIS."""
        return await send("127.0.0.1", self.box.addresses.source_mllp, message)

    async def alerts_of(self, studies: Sequence[str]) -> list[dict[str, Any]]:
        """Return the open alerts about these studies, as an operator reads them."""
        return [a for a in await self.box.admin("alerts") if a["study_instance_uid"] in studies]

    async def wait_for_alerts(self, studies: Sequence[str]) -> dict[str, str]:
        """Wait until each of these studies has its alert; return the kind of each."""
        async with asyncio.timeout(_WAIT_SECONDS):
            while len(alerts := await self.alerts_of(studies)) < len(studies):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return {alert["study_instance_uid"]: alert["kind"] for alert in alerts}

    async def kos_of(self, studies: Sequence[str]) -> list[HeldDocument]:
        """Return every KOS of these studies that the DMP has ever taken, whatever its status."""
        url = self.service_addresses.documents_url
        held = [
            row for ins in self.options.patients for row in await held_documents(url, ins.value)
        ]
        return [
            row for row in held if row.type_code == "IMG-KOS" and row.study_instance_uid in studies
        ]

    async def wait_for_kos(self, studies: Sequence[str]) -> list[HeldDocument]:
        """Wait until each of these studies has a KOS in the DMP; return all of theirs."""
        async with asyncio.timeout(_WAIT_SECONDS):
            while True:
                found = await self.kos_of(studies)
                if {row.study_instance_uid for row in found} == set(studies):
                    return found
                await asyncio.sleep(0.05)

    def stored(self, unique_id: str) -> tuple[StoredEntry, bytes]:
        """Return a document of the DMP: its entry as registered, and its octets."""
        store = Store(self.options.folder / "dmp" / "dmp.sqlite")
        try:
            document = store.find_document(unique_id)
            (entry,) = store.find_entries_by_unique_id(unique_id)
        finally:
            store.close()
        assert document is not None
        return entry, document.content


@asynccontextmanager
async def source_site(options: SiteOptions, *, boxes: int = 1) -> AsyncIterator[SourceSite]:
    """Run a site whose boxes share one storage; they are started and ready."""
    async with AsyncExitStack() as stack:
        site = await _start(options, boxes, stack)
        yield site


async def _start(options: SiteOptions, boxes: int, stack: AsyncExitStack) -> SourceSite:
    addresses = free_addresses()
    crl_url = f"http://127.0.0.1:{addresses.trusted_space}/organisations.crl"
    keys = await asyncio.to_thread(make_keys, options.folder / "keys", crl_url=crl_url)
    keys = await asyncio.to_thread(_with_structures, keys, options.structures)
    services = NationalServices(options.folder, addresses, keys, patients=options.patients)
    stack.push_async_callback(services.stop)
    service_addresses = await services.start()
    pacs = PacsAddress("127.0.0.1", addresses.source_pacs, "PACSDEMO1")
    program = BuiltInPacs("pacs", pacs, options.images, options.folder / "pacs.log")
    stack.push_async_callback(program.stop)
    await program.start([(SOURCE_AE_TITLE, "127.0.0.1", addresses.source_dicom)])
    made = []
    for number in range(1, boxes + 1):
        # The first box stands where the services expect it; each other one has its own ports.
        own = addresses if number == 1 else free_addresses()
        box = _make_box(options, number, own, source_settings(
            _folder(options, number), own, keys, service_addresses, pacs,
            storage_url=options.storage_url,
        ))  # fmt: skip
        stack.push_async_callback(box.child.stop)
        await box.start()
        await box.wait_until_ready()
        made.append(box)
    return SourceSite(options, keys, services, service_addresses, pacs, made)


def _make_box(options: SiteOptions, number: int, addresses: Addresses, settings: str) -> SourceBox:
    settings_file = options.folder / f"source{number}.toml"
    settings_file.write_text(settings, encoding="utf-8")
    arguments = ["-m", "drimbox", "serve", "--role", "source", "--settings", str(settings_file)]
    child = Child(f"source {number}", arguments, options.folder / f"source{number}.log")
    return SourceBox(child, addresses, settings_file, options.variables)


def _folder(options: SiteOptions, number: int) -> Path:
    folder = options.folder / f"source{number}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _with_structures(keys: NetworkKeys, structures: Sequence[Structure]) -> NetworkKeys:
    """Install the certificates of more structures in the Source box."""
    installed = (*keys.source.establishments, *(_issue(keys, one) for one in structures))
    return replace(keys, source=replace(keys.source, establishments=installed))


def _issue(keys: NetworkKeys, structure: Structure) -> EstablishmentKeys:
    subject = organisation_name(
        "drimbox", structure=structure.identifier, organisation=structure.name
    )
    return EstablishmentKeys(
        structure,
        keys.pki.issue_client(f"{structure.identifier}-authentication", subject),
        keys.pki.issue_signing(f"{structure.identifier}-signature", subject),
    )
