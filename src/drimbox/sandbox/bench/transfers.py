"""Whole studies and metadata through the Source, beside Orthanc's own DICOMweb."""

import statistics
import time
from collections.abc import Sequence

from drimbox.adapters.pacs_dimse.pacs import DimsePacs
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import SeriesInstanceUid
from drimbox.sandbox.bench.addresses import DICOM_JSON, GZIPPED_JSON, OBJECTS
from drimbox.sandbox.bench.ground import MEBIBYTES, MEGABYTES, MILLISECONDS, ORTHANC, Ground
from drimbox.sandbox.bench.http_tools import transfer
from drimbox.sandbox.bench.row import (
    ROUNDS,
    STUDY_ROUNDS,
    Better,
    Row,
    alternately,
    at_least_times,
    at_most,
    repeatedly,
)
from drimbox.settings.partners import PacsSettings

MAX_MEMORY = 200.0


async def study_cold(ground: Ground) -> Sequence[Row]:
    """A study that the box has never seen, its PACS reached only by DIMSE."""
    headers, firsts = await ground.headers(OBJECTS), list[float]()
    ground.site.forget_memory("source")

    async def ours() -> float:
        answer = await ground.cold(ground.target.study_at(ground.ours), headers)
        firsts.append(answer.first_byte * 1000)
        return answer.megabytes_per_second

    mine, theirs = await alternately(ours, lambda: _orthanc_speed(ground), rounds=STUDY_ROUNDS)
    memory = ground.site.memory_of("source")
    pacs_first = await _first_octet_of_pacs(ground)
    later = max(statistics.median(firsts) - pacs_first, 0.0)
    first = "its first octet, after the first that a C-GET gives"
    return [
        Row(
            "study, cold, PACS reached only by DIMSE",
            MEGABYTES,
            mine,
            theirs,
            ORTHANC,
            Better.HIGHER,
            at_least_times(0.6),
        ),
        Row(
            first, MILLISECONDS, later, pacs_first, "C-GET", Better.LOWER, at_most(10, MILLISECONDS)
        ),
        Row(
            "memory of the box, at most",
            MEBIBYTES,
            memory,
            None,
            "",
            Better.LOWER,
            at_most(MAX_MEMORY, MEBIBYTES),
        ),
    ]


async def study_as_shipped(ground: Ground) -> Sequence[Row]:
    """The same with Nagle's algorithm on in the PACS, as Debian ships it."""
    await ground.site.restart_pacs(is_without_delay=False)
    try:
        headers = await ground.headers(OBJECTS)

        async def ours() -> float:
            answer = await ground.cold(ground.target.study_at(ground.ours), headers)
            return answer.megabytes_per_second

        mine, theirs = await alternately(ours, lambda: _orthanc_speed(ground), rounds=STUDY_ROUNDS)
    finally:
        await ground.site.restart_pacs(is_without_delay=True)
    work = "study, cold, PACS as Debian ships it"
    return [Row(work, MEGABYTES, mine, theirs, ORTHANC, Better.HIGHER, None)]


async def study_warm(ground: Ground) -> Sequence[Row]:
    """The study again, from the copies on disk."""
    headers = await ground.headers(OBJECTS)
    url = ground.target.study_at(ground.ours)
    await transfer(url, headers)

    async def ours() -> float:
        return (await transfer(url, headers)).megabytes_per_second

    mine, theirs = await alternately(ours, lambda: _orthanc_speed(ground), rounds=STUDY_ROUNDS)
    goal = at_least_times(1.5)
    return [Row("study, warm", MEGABYTES, mine, theirs, ORTHANC, Better.HIGHER, goal)]


async def metadata(ground: Ground) -> Sequence[Row]:
    """Metadata of a series of 300 images: ready, parsed from the files, brought from the PACS."""
    headers = await ground.headers(GZIPPED_JSON)
    url = f"{ground.target.series_at(ground.ours)}/metadata"

    async def peer() -> float:
        answer = await transfer(f"{ground.target.series_at(ground.orthanc)}/metadata", DICOM_JSON)
        return answer.total * 1000

    async def warm() -> float:
        return (await transfer(url, headers)).total * 1000

    async def parsed() -> float:
        await ground.site.forget_metadata()
        return await warm()

    async def cold() -> float:
        return (await ground.cold(url, headers)).total * 1000

    await transfer(url, headers)
    name = f"metadata of {len(ground.target.instances)} images"
    of_parse = await repeatedly(parsed)
    of_warm = await alternately(warm, peer)
    of_cold = await alternately(cold, peer)
    rows = (
        ("warm", *of_warm, at_most(5, MILLISECONDS)),
        ("parsed from the copies", of_parse, of_warm[1], at_most(60, MILLISECONDS)),
        ("cold, brought from the PACS", *of_cold, None),
    )
    return [
        Row(f"{name}, {how}", MILLISECONDS, mine, theirs, ORTHANC, Better.LOWER, goal)
        for how, mine, theirs, goal in rows
    ]


async def _orthanc_speed(ground: Ground) -> float:
    answer = await transfer(ground.target.study_at(ground.orthanc), OBJECTS)
    return answer.megabytes_per_second


async def _first_octet_of_pacs(ground: Ground) -> float:
    """Return how long a C-GET takes from its connection to its first octet, in ms."""
    pacs = ground.site.demo.source_pacs
    settings = PacsSettings(host=pacs.host, port=pacs.port, ae_title=pacs.ae_title)
    scu = DimsePacs(settings, None)
    series = SeriesInstanceUid(ground.target.series)
    target = TargetResource(ground.site.study.study_instance_uid, series)
    times = [await _seconds_to_first(scu, target) * 1000 for _ in range(ROUNDS + 1)]
    await scu.close()
    # The first one also asked the PACS what the series is made of.
    return statistics.median(times[1:])


async def _seconds_to_first(scu: DimsePacs, target: TargetResource) -> float:
    since = time.perf_counter()
    instances = scu.retrieve(target)
    async for instance in instances:
        await anext(instance.chunks)
        break
    seconds = time.perf_counter() - since
    await instances.aclose()
    return seconds
