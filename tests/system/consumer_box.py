"""A Consommatrice in its own process, beside a site: started, killed, started again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.system.demo_client import good_call
from tests.system.source_site import SourceSite

from drimbox.sandbox.journey.browser import Browser, Page
from drimbox.sandbox.network.addresses import Addresses
from drimbox.sandbox.network.box_settings import consumer_settings
from drimbox.sandbox.network.processes import Child, accepts_connections
from drimbox.sandbox.patients.identities import LUCIE
from drimbox.sandbox.patients.professionals import REFERRING_PHYSICIAN

_START_SECONDS = 60.0


@dataclass
class ConsumerBox:
    """variables are set anew at each start; others may be given to one start alone."""

    child: Child
    addresses: Addresses
    settings_file: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.addresses.consumer_browser}"

    async def start(self, **variables: str) -> None:
        """Start it; it listens when this returns."""
        await self.child.start({**self.variables, **variables})
        await self.child.wait_until(
            lambda: accepts_connections("127.0.0.1", self.addresses.consumer_browser),
            timeout_seconds=_START_SECONDS,
        )


def make_consumer_box(
    site: SourceSite,
    own: Addresses,
    *,
    storage_url: str | None = None,
    more_settings: str = "",
    variables: Mapping[str, str] | None = None,
) -> ConsumerBox:
    """Write its settings: those of the site, less its ports; more_settings is TOML to follow."""
    folder = site.options.folder / f"consumer{own.base}"
    folder.mkdir(mode=0o700)
    settings_file = folder / "consumer.toml"
    settings = consumer_settings(
        folder,
        site.box.addresses,
        site.keys,
        site.service_addresses,
        site.pacs,
        storage_url=storage_url,
    )
    settings_file.write_text(f"{settings}\n{more_settings}", encoding="utf-8")
    ports = {
        "DRIMBOX_BROWSER__PORT": str(own.consumer_browser),
        "DRIMBOX_OPERATOR__PORT": str(own.consumer_operator),
        "DRIMBOX_DICOM__PORT": str(own.consumer_dicom),
        "DRIMBOX_LOCAL_QUERY__PORT": str(own.consumer_query),
    }
    arguments = ["-m", "drimbox", "serve", "--settings", str(settings_file)]
    child = Child(f"consumer {own.base}", arguments, folder / "consumer.log")
    return ConsumerBox(child, own, settings_file, ports | dict(variables or {}))


async def open_consultation(browser: Browser, box: str) -> Page:
    """Call, sign in and say yes to the patient, as a professional does; return the page then."""
    status, location = await browser.post_without_following(f"{box}/drim", good_call(LUCIE))
    assert status == 303
    provider = await browser.open(location)
    subject = {"subject": REFERRING_PHYSICIAN.rpps}
    confirmation = await browser.submit(provider, "/auth/choose", subject)
    return await browser.submit(confirmation, "/confirmation", {})
