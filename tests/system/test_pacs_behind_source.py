"""A PACS that fails behind the Source, and a client that leaves before its end (R4).

Once by DIMSE and once by DICOMweb, on sockets, with a network between that cuts and stalls.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from anyio.from_thread import BlockingPortal, start_blocking_portal
from tests.fakes.chaos_proxy import SOUND, ChaosProxy, Fault, Then, chaos_proxy
from tests.fakes.conditions import until_blocking
from tests.fakes.dicom_objects import made_up_object
from tests.fakes.dicomweb_service import DicomwebService
from tests.fakes.dicomweb_site import SYSTEM, DicomwebSite

from drimbox.adapters.pacs_dicomweb.pacs import DicomwebPacs
from drimbox.adapters.pacs_dimse.pacs import DimsePacs
from drimbox.ports.circuit_breaker import FAILURES
from drimbox.sandbox.pacs.process import PacsProcess
from drimbox.settings.partners import DicomwebServiceSettings, PacsSettings

pytestmark = pytest.mark.system
STUDY = "1.2.250.1.999.70"
SERIES = f"/studies/{STUDY}/series/{STUDY}.1"
IMAGES = 16
AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
SLOW = Fault(octets_per_second=2_000_000)
CUT = Fault(after=3_000_000)
RESET = Fault(after=3_000_000, then=Then.RESET)
STALLED = Fault(after=3_000_000, then=Then.BLACKHOLE)
SILENT = Fault(after=0, then=Then.BLACKHOLE)


Way = tuple[ChaosProxy, DimsePacs | DicomwebPacs]


@dataclass
class Source:
    """A Source whose PACS is reached through a network of our making."""

    site: DicomwebSite
    network: ChaosProxy

    def get(self, path: str = SERIES, accept: str = AS_STORED) -> requests.Response:
        headers = {"Accept": accept, "Authorization": SYSTEM}
        return requests.get(self.site.url + path, headers=headers, stream=True, timeout=20)


@pytest.fixture(scope="module")
def pacs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pacs")
    for number in range(1, IMAGES + 1):
        image = made_up_object(number, study=STUDY, side=512)
        image.save_as(folder / f"{number:02d}.dcm", enforce_file_format=True)
    return folder


@pytest.fixture(scope="module")
def pacs_process(pacs_folder: Path) -> Iterator[PacsProcess]:
    with PacsProcess("PACS", pacs_folder) as process:
        yield process


def _patience(faults: Sequence[Fault]) -> float:
    """Return how long a PACS may be silent: no longer than a test of silence wants to wait."""
    return 2 if any(fault.then is Then.BLACKHOLE for fault in faults) else 30


@contextmanager
def by_dimse(portal: BlockingPortal, server: PacsProcess, faults: Sequence[Fault]) -> Iterator[Way]:
    """The first connection is that of the C-FIND: it is sound."""
    proxy = chaos_proxy(server.dicom_port, [SOUND, *faults])
    with portal.wrap_async_context_manager(proxy) as network:
        settings = PacsSettings(
            host="127.0.0.1",
            port=network.port,
            ae_title="PACS",
            retrieve_mode="c-get",
            idle_timeout_seconds=_patience(faults),
        )
        yield network, DimsePacs(settings, None)


@contextmanager
def by_dicomweb(
    portal: BlockingPortal, server: PacsProcess, faults: Sequence[Fault]
) -> Iterator[Way]:
    del server
    service = DicomwebService(
        [made_up_object(number, study=STUDY, side=512) for number in range(1, IMAGES + 1)]
    )
    with portal.wrap_async_context_manager(service.running()):
        port = int(service.url.split(":")[2].split("/")[0])
        with portal.wrap_async_context_manager(chaos_proxy(port, faults)) as network:
            url = f"http://127.0.0.1:{network.port}/dicom-web"
            settings = DicomwebServiceSettings(url=url, idle_timeout_seconds=_patience(faults))
            yield network, DicomwebPacs(settings)


@pytest.fixture(params=[by_dimse, by_dicomweb], ids=["DIMSE", "DICOMweb"])
def source(
    request: pytest.FixtureRequest, tmp_path: Path, pacs_folder: Path, pacs_process: PacsProcess
) -> Iterator[Callable[[Sequence[Fault]], Source]]:
    with ExitStack() as stack:

        def build(faults: Sequence[Fault]) -> Source:
            portal = stack.enter_context(start_blocking_portal("asyncio"))
            network, pacs = stack.enter_context(request.param(portal, pacs_process, faults))
            site = stack.enter_context(DicomwebSite(tmp_path, pacs))
            stack.callback(lambda: site.portal.call(pacs.close))
            for path in sorted(pacs_folder.iterdir()):
                site.publish(path)
            return Source(site, network)

        yield build


def test_a_client_that_leaves_ends_the_transfer_within_a_second(
    source: Callable[[Sequence[Fault]], Source],
) -> None:
    """The best of three: a machine that does something else for a second proves nothing."""
    behind, seconds = source([SLOW]), []
    for _ in range(3):
        before = behind.network.passed
        with behind.get() as answer:
            assert answer.status_code == 200
            next(answer.iter_content(100_000))
            assert behind.network.open == 1
        seconds.append(until_blocking(lambda: not behind.network.open))
        assert behind.network.passed - before < IMAGES * 512 * 512 * 2 / 2
    assert min(seconds) < 1


@pytest.mark.parametrize("fault", [CUT, RESET, STALLED], ids=["closes", "resets", "falls silent"])
def test_a_pacs_that_ends_in_the_middle_leaves_an_answer_without_end(
    source: Callable[[Sequence[Fault]], Source], fault: Fault
) -> None:
    received = bytearray()
    with source([fault]).get() as answer:
        assert answer.status_code == 200
        boundary = answer.headers["Content-Type"].rpartition("boundary=")[2].strip('"')
        with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):  # noqa: PT012
            for chunk in answer.iter_content(100_000):
                received += chunk
    assert received
    assert f"--{boundary}--".encode() not in received


def test_a_pacs_that_says_nothing_is_a_504_and_then_left_alone(
    source: Callable[[Sequence[Fault]], Source],
) -> None:
    behind = source([SILENT])
    statuses = []
    for _ in range(FAILURES):
        with behind.get() as answer:
            statuses.append(answer.status_code)
    assert set(statuses) <= {503, 504}
    assert statuses[0] == 504
    connections = behind.network.connections
    with behind.get() as answer:
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
    assert behind.network.connections == connections
    # What needs no PACS goes on: the register answers.
    with behind.get("/studies", "application/dicom+json") as answer:
        assert answer.status_code == 200
        assert len(answer.json()) == 1


def test_the_whole_series_comes_where_nothing_fails(
    source: Callable[[Sequence[Fault]], Source],
) -> None:
    behind = source([SOUND])
    with behind.get() as answer:
        assert len(answer.content) > IMAGES * 512 * 512 * 2
