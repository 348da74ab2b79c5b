"""A Source box that was set up and never started: settings, keys, and nobody who answers."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import anyio
import pytest
import structlog
from tests.system.ports import free_addresses
from typer.testing import CliRunner, Result

from drimbox.__main__ import app
from drimbox.gateway.administration import Administration, administration
from drimbox.sandbox.network.addresses import Addresses
from drimbox.sandbox.network.box_settings import source_settings
from drimbox.sandbox.network.keys import NetworkKeys, make_keys
from drimbox.sandbox.network.national_services import ServiceAddresses
from drimbox.sandbox.network.site_pacs import PacsAddress
from drimbox.settings.load import load_settings

T = TypeVar("T")
Run = Callable[..., Result]


@dataclass(frozen=True)
class SetUpBox:
    """settings_file is complete; the folder is the box's own, empty before its first start."""

    folder: Path
    settings_file: Path
    keys: NetworkKeys
    drimbox: Run

    def run(self, *arguments: str, **more: str) -> Result:
        """Run a command with the settings of this box."""
        return self.drimbox(*arguments, "--settings", str(self.settings_file), **more)

    def do(self, work: Callable[[Administration], Awaitable[T]]) -> T:
        """Do something with the stores of this box."""

        async def opened() -> T:
            async with administration(load_settings(self.settings_file)) as box:
                return await work(box)

        return anyio.run(opened)


@pytest.fixture(scope="session")
def network_keys(tmp_path_factory: pytest.TempPathFactory) -> NetworkKeys:
    return make_keys(tmp_path_factory.mktemp("keys"), crl_url="http://127.0.0.1:9/crl")


@pytest.fixture
def drimbox() -> Iterator[Run]:
    """The `drimbox` command, in this process; standard output and error are apart."""

    def run(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, list(arguments), input=stdin, catch_exceptions=False)

    yield run
    structlog.reset_defaults()


@pytest.fixture
def source_box(tmp_path: Path, network_keys: NetworkKeys, drimbox: Run) -> SetUpBox:
    folder = tmp_path / "source"
    folder.mkdir(mode=0o700)
    addresses = free_addresses()
    pacs = PacsAddress("127.0.0.1", addresses.source_pacs, "PACSDEMO1")
    settings_file = tmp_path / "source.toml"
    settings_file.write_text(
        source_settings(folder, addresses, network_keys, _nobody(addresses), pacs),
        encoding="utf-8",
    )
    return SetUpBox(folder, settings_file, network_keys, drimbox)


def _nobody(addresses: Addresses) -> ServiceAddresses:
    """Addresses of national services at which nothing listens."""
    dmp = f"https://localhost:{addresses.dmp}"
    issuer = f"http://localhost:{addresses.pro_sante_connect}/realm"
    trusted_space = f"http://localhost:{addresses.trusted_space}"
    return ServiceAddresses(
        registry_url=f"{dmp}/registry",
        repository_url=f"{dmp}/repository",
        patients_url=f"{dmp}/patients",
        documents_url=f"{dmp}/documents",
        pro_sante_connect_issuer=issuer,
        pro_sante_connect_discovery_url=f"{issuer}/.well-known/openid-configuration",
        france_connect_issuer=issuer,
        white_list_url=f"{trusted_space}/list.xml",
        crl_url=f"{trusted_space}/list.crl",
    )
