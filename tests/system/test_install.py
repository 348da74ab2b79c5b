"""The image, step by step, where no container engine runs: its scripts, on a real PostgreSQL."""

import asyncio
import os
import re
import shutil
import signal
import stat
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel
from tests.fixtures.postgresql import PostgresqlServer
from tests.house.source_files import ROOT
from tests.system.ports import free_addresses

from drimbox.sandbox.network.addresses import Addresses
from drimbox.sandbox.network.box_settings import source_settings
from drimbox.sandbox.network.keys import NetworkKeys
from drimbox.sandbox.network.national_services import NationalServices
from drimbox.sandbox.network.site_pacs import PacsAddress
from drimbox.settings.load import Settings

pytestmark = [pytest.mark.system, pytest.mark.anyio]
CONTAINER = ROOT / "scripts" / "container"
_START_SECONDS = 60


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The environment that scripts/install makes, as `RUN scripts/install` does."""
    target = tmp_path_factory.mktemp("opt") / "drimbox"
    subprocess.run([ROOT / "scripts" / "install", target], check=True, timeout=300)
    yield target
    shutil.rmtree(target)


@dataclass(frozen=True)
class Container:
    """What the image and compose.yaml set around the entrypoint."""

    installed: Path
    volume: Path
    settings_file: Path
    addresses: Addresses
    storage_url: str

    @property
    def environment(self) -> dict[str, str]:
        health = f"http://127.0.0.1:{self.addresses.source_operator}/health/ready"
        return {
            # No Python of this checkout: what is not in the wheel is not there.
            "PATH": f"{self.installed / 'bin'}:/usr/bin:/bin",
            "HOME": str(self.volume),
            "DRIMBOX_SETTINGS": str(self.settings_file),
            "DRIMBOX_KEYS": str(self.volume / "keys"),
            "DRIMBOX_STORAGE__URL": self.storage_url,
            "DRIMBOX_STORAGE__CACHE_DIRECTORY": str(self.volume / "images"),
            "DRIMBOX_TRUSTED_SPACE__STATE_DIRECTORY": str(self.volume / "trusted-space"),
            "DRIMBOX_HEALTH_URL": health,
        }

    async def start(self, *arguments: str, **variables: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            CONTAINER / "entrypoint",
            *arguments,
            cwd=self.volume,
            env=self.environment | variables,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    def is_healthy(self) -> bool:
        check = [CONTAINER / "healthcheck"]
        return subprocess.run(check, env=self.environment, check=False).returncode == 0


@pytest.fixture
async def container(
    installed: Path, tmp_path: Path, network_keys: NetworkKeys, postgresql_server: PostgresqlServer
) -> AsyncIterator[Container]:
    addresses = free_addresses()
    services = NationalServices(tmp_path / "services", addresses, network_keys)
    service_addresses = await services.start()
    pacs = PacsAddress("127.0.0.1", addresses.source_pacs, "PACSDEMO1")
    settings_file = tmp_path / "box.toml"
    settings_file.write_text(
        source_settings(tmp_path, addresses, network_keys, service_addresses, pacs)
    )
    volume = tmp_path / "volume"
    volume.mkdir(mode=0o700)
    url = postgresql_server.create_database()
    yield Container(installed, volume, settings_file, addresses, url)
    await services.stop()


async def test_the_image_s_entrypoint_runs_a_healthy_box_on_postgresql(
    container: Container,
) -> None:
    assert not await asyncio.to_thread(container.is_healthy)
    process = await container.start("serve", "--workers", "2")
    try:
        async with asyncio.timeout(_START_SECONDS):
            while not await asyncio.to_thread(container.is_healthy):
                assert process.returncode is None, await _output(process)
                await asyncio.sleep(0.2)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 40) == 0
    keys = sorted((container.volume / "keys").iterdir())
    assert [key.name for key in keys] == ["signing.json", "storage.key"]
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    # Another start keeps them, and another command sees the same database.
    content = [key.read_bytes() for key in keys]
    other = await container.start("audit", "verify", "--settings", str(container.settings_file))
    assert await other.wait() == 0, await _output(other)
    assert [key.read_bytes() for key in keys] == content


async def test_a_container_with_other_keys_does_not_open_the_database(
    container: Container,
) -> None:
    arguments = ("publications", "list", "--settings", str(container.settings_file))
    first = await container.start(*arguments)
    assert await first.wait() == 0, await _output(first)
    second = await container.start(*arguments, DRIMBOX_KEYS=str(container.volume / "others"))
    assert await second.wait() == 1
    assert "not the key that this database was sealed with" in await _output(second)


def test_the_wheel_has_what_a_box_shows_and_needs(installed: Path) -> None:
    (package,) = (installed / "lib").glob("python3*/site-packages/drimbox")
    missing = {
        path.relative_to(ROOT / "src/drimbox")
        for path in (ROOT / "src/drimbox").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
        if not (package / path.relative_to(ROOT / "src/drimbox")).is_file()
    }
    assert not missing
    # A read-only image compiles nothing later.
    assert list(package.glob("__pycache__/errors.*.pyc"))


def test_every_step_of_the_dockerfile_is_a_script_of_ours() -> None:
    steps = (ROOT / "Dockerfile").read_text()
    commands = re.findall(r"^RUN (\S+)", steps, re.MULTILINE)
    assert commands == ["scripts/install", "useradd"]
    named = re.findall(r"container/(\w+)", steps)
    assert set(named) == {path.name for path in CONTAINER.iterdir()}
    for script in (ROOT / "scripts" / "install", *CONTAINER.iterdir()):
        assert os.access(script, os.X_OK)


def test_every_variable_of_compose_is_a_setting() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert set(compose["services"]) == {"postgresql", "drimbox"}
    box = compose["services"]["drimbox"]["environment"]
    assert box["DRIMBOX_STORAGE__URL"].startswith("postgresql+psycopg://")
    for variable in box:
        _find_setting(Settings, variable.removeprefix("DRIMBOX_").lower().split("__"))


def _find_setting(model: type[BaseModel], path: list[str]) -> None:
    name, *rest = path
    assert name in model.model_fields, name
    annotation = model.model_fields[name].annotation
    if rest:
        assert isinstance(annotation, type)
        assert issubclass(annotation, BaseModel)
        _find_setting(annotation, rest)


async def _output(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.read()).decode()
