"""The network that is measured: the demo on real Orthancs, and who may ask its boxes."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import aiohttp

from drimbox.errors import RejectedByPartner, Unavailable
from drimbox.sandbox.bench.images_in_memory import images_in_memory
from drimbox.sandbox.dpi.calls import call_parameters
from drimbox.sandbox.network.addresses import choose_addresses
from drimbox.sandbox.network.descriptor import RunningDemo
from drimbox.sandbox.network.keys import FHIR_CLIENT_ID, FHIR_CLIENT_SCOPES
from drimbox.sandbox.network.network import Announce, DemoOptions, demo_network
from drimbox.sandbox.network.orthanc_site import OrthancSite
from drimbox.sandbox.patients.professionals import REFERRING_PHYSICIAN
from drimbox.sandbox.patients.scenario import Holder, ScenarioStudy
from drimbox.sandbox.patients.studies import CT_OF_LUCIE
from drimbox.standards.iua.client_assertion import CLIENT_ASSERTION_TYPE, encode_client_assertion
from drimbox.standards.iua.jwks import parse_signing_key

_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=10, sock_read=60)
_IMAGE_CACHE = Path.home() / ".cache" / "drimbox" / "images"


@dataclass(frozen=True, slots=True)
class BenchSite:
    """One running demo; study is what the rows are measured with (CT, 300 slices, 158 MB)."""

    demo: RunningDemo
    http: aiohttp.ClientSession
    study: ScenarioStudy = CT_OF_LUCIE

    @property
    def source(self) -> str:
        """The DICOMweb root of the Source's browser listener."""
        return f"http://localhost:{self.demo.addresses.source_browser}/dicom-web"

    @property
    def consumer(self) -> str:
        """The address of the Consommatrice's browser listener."""
        return f"http://localhost:{self.demo.addresses.consumer_browser}"

    @property
    def orthanc(self) -> str:
        """The DICOMweb root of the Source's PACS."""
        url = self.demo.source_pacs.dicomweb_url
        assert url is not None  # noqa: S101  # both PACS are Orthancs here
        return url

    async def source_token(self) -> Mapping[str, str]:
        """Return what a FHIR client of the Source's site sends with each request."""
        token_url = f"{self.source.removesuffix('/dicom-web')}/oauth2/token"
        assertion = encode_client_assertion(
            parse_signing_key(self.demo.keys.fhir_client_key.read_bytes()),
            client_id=FHIR_CLIENT_ID,
            audience=token_url,
            identifier=str(uuid4()),
            now=datetime.now(UTC),
        )
        form = {
            "grant_type": "client_credentials",
            "scope": " ".join(FHIR_CLIENT_SCOPES),
            "client_assertion_type": CLIENT_ASSERTION_TYPE,
            "client_assertion": assertion,
        }
        return await self._bearer(token_url, form, {})

    async def consumer_token(self) -> Mapping[str, str]:
        """Return what a program sends in the name of the professional, after a contextual call."""
        issuer = self.demo.services.pro_sante_connect_issuer
        form = {"subject": REFERRING_PHYSICIAN.rpps}
        headers = await self._bearer(f"{issuer}/sandbox/token", form, {})
        call = call_parameters(self.study.patient) | {
            "InformationEtOppositionConsultation": "InforméEtNonOpposé",
            "Situation": REFERRING_PHYSICIAN.situations[0].value,
        }
        accept = {"Accept": "application/json"}
        return await self._bearer(f"{self.consumer}/drim", call, {**headers, **accept})

    async def _bearer(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> Mapping[str, str]:
        async with self.http.post(url, data=form, headers=headers) as answer:
            if answer.status != 200:
                raise RejectedByPartner("bench", str(answer.status), await answer.text())
            return {"Authorization": f"Bearer {(await answer.json())['access_token']}"}

    async def empty_caches(self, roles: Collection[str] = ("source", "consumer")) -> None:
        """Forget the images on disk of these boxes, as age or size would."""
        for role in roles:
            for folder in (self.demo.folder / role / "images").glob("*"):
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def forget_metadata(self) -> None:
        """Remove what was derived from the images on disk, but not the images."""
        for role in self.demo.boxes:
            for path in (self.demo.folder / role / "images").glob("*/metadata*"):
                path.unlink(missing_ok=True)

    async def restart_pacs(self, *, is_without_delay: bool) -> None:
        """Start the Source's PACS anew, with or without TCP_NODELAY, on what it holds."""
        pacs = self.demo.pacs[Holder.SOURCE]
        assert isinstance(pacs, OrthancSite)  # noqa: S101  # both PACS are Orthancs here
        before = pacs.address
        await pacs.restart(is_without_delay=is_without_delay)
        if pacs.address != before:
            raise Unavailable("bench", "Orthanc is back at another address")

    def memory_of(self, role: str) -> float:
        """Return the most that a box has had resident, in MiB."""
        status = Path(f"/proc/{self.demo.boxes[role].pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024

    def forget_memory(self, role: str) -> None:
        """Begin the count of memory_of anew."""
        Path(f"/proc/{self.demo.boxes[role].pid}/clear_refs").write_text("5")


@asynccontextmanager
async def bench_site(
    folder: Path, announce: Announce, *, is_without_delay: bool = True
) -> AsyncIterator[BenchSite]:
    """Run the demo on Orthanc for as long as the context lasts.

    Raises:
        SettingsError, Unavailable, TimedOut: as for the demo.
    """
    options = DemoOptions(
        folder=folder,
        image_cache=_IMAGE_CACHE,
        addresses=choose_addresses(None),
        has_orthanc=True,
        is_without_delay=is_without_delay,
    )
    async with (
        images_in_memory(folder),
        demo_network(options, announce) as demo,
        aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=False) as http,
    ):
        yield BenchSite(demo, http)
