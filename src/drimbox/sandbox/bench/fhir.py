"""FHIR searches at a Consommatrice whose DMP answers in 100 ms: 50 exams of 500 instances.

cold   the first search of a context: TD0.2, ITI-18, fifty KOS, read and written
warm   the same search again
load   200 searches a second, for ten seconds, of several contexts, ten exams a page
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import orjson

from drimbox.errors import RejectedByPartner
from drimbox.model.imaging_record import ImagingRecord, Subject
from drimbox.model.prior_study import PriorStudy
from drimbox.sandbox.bench.fhir_box import bench_entry, bench_manifest
from drimbox.sandbox.bench.ground import MILLISECONDS, RATE, Ground
from drimbox.sandbox.bench.row import Better, Goal, Row, at_least, at_most
from drimbox.sandbox.patients.studies import CT_OF_LUCIE
from drimbox.standards.fhir.imaging_study import encode_imaging_study
from drimbox.standards.fhir.json import encode_json

_RATE = 200
_SECONDS = 10
_PAGE = "?_count=10&_summary=true"
_NO_PEER = "no peer"
_EXAMS = "50 exams of 500 instances"


@dataclass(frozen=True, slots=True)
class FhirBox:
    """One running box; bearers are tokens of as many contexts. A first use of one is cold."""

    url: str
    bearers: Sequence[str]
    http: aiohttp.ClientSession

    async def search(self, bearer: str, query: str = "") -> float:
        """Search once; return milliseconds until the whole answer is there.

        Raises:
            RejectedByPartner: not answered with 200.
        """
        since = time.perf_counter()
        headers = {"Authorization": f"Bearer {bearer}"}
        async with self.http.get(self.url + query, headers=headers) as answer:
            content = await answer.read()
            if answer.status != 200:
                raise RejectedByPartner("bench", str(answer.status), content.decode()[:200])
        return (time.perf_counter() - since) * 1000


async def searches(ground: Ground) -> Sequence[Row]:
    """Measure a box of its own; the running site is left alone."""
    held: list[float] = []
    async with _fhir_box(held) as box:
        cold, warm = [], []
        for bearer in box.bearers[:5]:
            cold.append(await box.search(bearer))
            warm += [await box.search(bearer) for _ in range(5)]
        ground.tell(f"200 searches a second for {_SECONDS} s")
        rate, p99 = await _load(box)
    return [
        _row("ImagingStudy of 500 instances, built and written", _one_study(), 1),
        _row(f"FHIR search of {_EXAMS}, cold DMP of 100 ms", statistics.median(cold), 1000),
        _row(f"FHIR search of {_EXAMS}, warm", statistics.median(warm), 20),
        Row(
            f"FHIR searches held of {_RATE} a second, ten exams a page",
            RATE, rate, None, _NO_PEER, Better.HIGHER, at_least(0.98 * _RATE, RATE),
        ),
        _row("FHIR search under that load, 99th percentile", p99, 100),
        _row("FHIR: event loop held at most, processor time", held[0], 50),
    ]  # fmt: skip


def _one_study() -> float:
    """Build and write one ImagingStudy from its manifest, nothing kept; return milliseconds."""
    manifest = bench_manifest(1)
    entry = bench_entry(manifest, {str(manifest.sop_instance_uid): b""})
    subject = Subject("patient", CT_OF_LUCIE.patient.traits)
    times = []
    for _ in range(100):
        study = PriorStudy(manifest, entry, b"")
        record = ImagingRecord(subject, entry, entry.creation_time, study)
        since = time.perf_counter()
        encode_json(encode_imaging_study(record, "http://bench/dicom-web"))
        times.append((time.perf_counter() - since) * 1000)
    return statistics.median(times)


async def _load(box: FhirBox) -> tuple[float, float]:
    """Ask at a fixed rate, whatever comes; return answers a second and the 99th percentile."""
    times: list[float] = []
    bearers = box.bearers[:5]
    start = time.perf_counter()

    async def ask(number: int) -> None:
        await asyncio.sleep(start + number / _RATE - time.perf_counter())
        times.append(await box.search(bearers[number % len(bearers)], _PAGE))

    async with asyncio.TaskGroup() as tasks:
        for number in range(_RATE * _SECONDS):
            tasks.create_task(ask(number))
    elapsed = time.perf_counter() - start
    times.sort()
    return len(times) / elapsed, times[len(times) * 99 // 100]


@asynccontextmanager
async def _fhir_box(held: list[float]) -> AsyncIterator[FhirBox]:
    """Run a box; once it has ended, put into held the longest time its event loop was held, ms."""
    with tempfile.TemporaryDirectory(prefix="drimbox-bench-") as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "drimbox.sandbox.bench.fhir_box", folder,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018
        try:
            told = orjson.loads(await process.stdout.readline() or b"{}")
            if "port" not in told:
                raise RejectedByPartner("bench", "the FHIR box does not start")
            url = f"http://127.0.0.1:{told['port']}/fhir/ImagingStudy"
            connector = aiohttp.TCPConnector(limit=100)
            async with aiohttp.ClientSession(connector=connector, trust_env=False) as http:
                yield FhirBox(url, told["bearers"], http)
            process.stdin.close()
            held.append(float(orjson.loads(await process.stdout.readline())["held_ms"]))
        finally:
            if process.returncode is None:
                process.stdin.close()
                await process.wait()


def _row(work: str, ours: float, most: float) -> Row:
    goal: Goal = at_most(most, MILLISECONDS)
    return Row(work, MILLISECONDS, ours, None, _NO_PEER, Better.LOWER, goal)
