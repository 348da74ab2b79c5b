"""A client of the loopback DMP, with certificates made on the spot."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.fakes.dmp_bench import Bench, served_bench
from tests.fakes.fake_clock import FakeClock, FakeIdentifiers
from tests.fakes.loopback_dmp import LoopbackDmp
from tests.fakes.seals import STRUCTURE, write_tls_files

from drimbox.adapters.dmp_soap.dmp import SoapDmpConsultation, SoapDmpFeeding
from drimbox.adapters.dmp_soap.establishments import Establishments
from drimbox.adapters.dmp_soap.soap_client import DmpSoapClient
from drimbox.sandbox.trusted_space.pki import TestPki
from drimbox.settings.partners import DmpSettings, Establishment


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> TestPki:
    return TestPki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
async def bench(pki: TestPki, tmp_path: Path) -> AsyncIterator[Bench]:
    async with served_bench(pki, tmp_path) as running:
        yield running


@pytest.fixture
async def dmp() -> AsyncIterator[LoopbackDmp]:
    async with LoopbackDmp().serve() as running:
        yield running


@pytest.fixture
def settings(dmp: LoopbackDmp, tmp_path: Path) -> DmpSettings:
    files = write_tls_files(tmp_path)
    return DmpSettings(
        registry_url=f"{dmp.base_url}/registry",
        repository_url=f"{dmp.base_url}/repository",
        patients_url=f"{dmp.base_url}/patients",
        establishments=(
            Establishment(
                identifier=STRUCTURE, name="Clinique", authentication=files, signature=files
            ),
        ),
        homologation_id=SecretStr("H-1"),
        connect_timeout_seconds=30,
        read_timeout_seconds=30,
        max_response_bytes=1024 * 1024,
    )


@asynccontextmanager
async def soap_client(settings: DmpSettings) -> AsyncIterator[DmpSoapClient]:
    client = DmpSoapClient(
        settings,
        establishments=Establishments(settings.establishments),
        clock=FakeClock(),
        identifiers=FakeIdentifiers(),
    )
    yield client
    await client.aclose()


@pytest.fixture
async def client(settings: DmpSettings) -> AsyncIterator[DmpSoapClient]:
    async with soap_client(settings) as made:
        yield made


@pytest.fixture
def impatient_settings(settings: DmpSettings) -> DmpSettings:
    """Half a second is enough, for a DMP that is not to answer at all."""
    changes = {"connect_timeout_seconds": 0.5, "read_timeout_seconds": 0.5}
    return settings.model_copy(update=changes)


@pytest.fixture
async def impatient_feeding(impatient_settings: DmpSettings) -> AsyncIterator[SoapDmpFeeding]:
    async with soap_client(impatient_settings) as client:
        yield SoapDmpFeeding(client, impatient_settings, FakeClock(), FakeIdentifiers())


@pytest.fixture
async def impatient_consultation(
    impatient_settings: DmpSettings,
) -> AsyncIterator[SoapDmpConsultation]:
    async with soap_client(impatient_settings) as client:
        yield SoapDmpConsultation(client, impatient_settings, FakeClock())


@pytest.fixture
def feeding(client: DmpSoapClient, settings: DmpSettings) -> SoapDmpFeeding:
    return SoapDmpFeeding(client, settings, FakeClock(), FakeIdentifiers())


@pytest.fixture
def consultation(client: DmpSoapClient, settings: DmpSettings) -> SoapDmpConsultation:
    return SoapDmpConsultation(client, settings, FakeClock())
