"""Many small requests to the Source, beside Orthanc's own DICOMweb: searches, frames, pictures."""

from collections.abc import Sequence
from functools import partial
from itertools import count

from drimbox.sandbox.bench.addresses import DICOM_JSON, FRAMES, JPEG, PNG
from drimbox.sandbox.bench.ground import ORTHANC, RATE, Ground, Headers
from drimbox.sandbox.bench.http_tools import requests_per_second, transfer
from drimbox.sandbox.bench.row import Better, Goal, Row, alternately, at_least, at_least_times

_CONNECTIONS = (1, 4)
"""Alone, then as many at once as a viewer that loads a stack."""

_WINDOWS = 20
"""Through 300 images, more pictures than anyone draws in two seconds."""

_STORED_WINDOWS = {"abdomen": (40, 400), "lung": (-600, 1500)}
"""Center and width of the two that the images carry: what a viewer shows of them."""


async def search_instances(ground: Ground) -> Sequence[Row]:
    """QIDO-RS for the 300 instances of a series."""
    target = ground.target
    urls = [f"{target.series_at(root)}/instances" for root in (ground.ours, ground.orthanc)]
    goal = at_least(50, RATE)
    work = f"QIDO-RS instances of a series of {len(target.instances)}"
    return await _compare(ground, work, ([urls[0]], [urls[1]]), DICOM_JSON, goal)


async def search_studies(ground: Ground) -> Sequence[Row]:
    """QIDO-RS for the studies of a patient, as a viewer looks for priors."""
    patient = ground.site.study.local_patient_id.value
    urls = [[f"{root}/studies?PatientID={patient}"] for root in (ground.ours, ground.orthanc)]
    goal = at_least_times(1)
    return await _compare(ground, "QIDO-RS studies of a patient", urls, DICOM_JSON, goal)


async def frames(ground: Ground) -> Sequence[Row]:
    """One frame of 512 KiB after the other, through the whole series."""
    await _warm_up(ground)
    urls = _each(ground, "/frames/1")
    return await _compare(ground, "frames, warm", urls, FRAMES, at_least_times(2))


async def rendered(ground: Ground) -> Sequence[Row]:
    """One picture after the other, through the whole series: never the same twice in a row.

    First asked for without a window: Orthanc then draws the extent of all values, the box the first
    window that the image carries. Then each for the first time and through a window that is named:
    both draw the very same pixels.
    """
    await _warm_up(ground)
    urls = _each(ground, "/rendered")
    kinds = (("JPEG", JPEG, at_least_times(1.5)), ("PNG", PNG, at_least_times(8)))
    rows: list[Row] = []
    for kind, asked, goal in kinds:
        rows += await _compare(ground, f"rendered, {kind}", urls, asked, goal)
    for kind, asked, goal in kinds:
        for name, window in _STORED_WINDOWS.items():
            work = f"rendered, {kind}, window of the {name}, each for the first time"
            rows.append(await _drawn_anew(ground, work, window, asked, goal))
    return rows


async def _drawn_anew(
    ground: Ground, work: str, window: tuple[int, int], asked: Headers, goal: Goal
) -> Row:
    """Ask for each picture through a window a little off: nobody can have drawn it before."""
    headers = await ground.headers(asked)
    center, width = window
    wider = count(1)

    async def measure(root: str, told: Headers) -> float:
        endings = [
            f"/rendered?window={center},{width + next(wider) / 10},linear" for _ in range(_WINDOWS)
        ]
        urls = [url for ending in endings for url in ground.target.each_at(root, ending)]
        return await requests_per_second(urls, told)

    mine, theirs = await alternately(
        partial(measure, ground.ours, headers), partial(measure, ground.orthanc, asked)
    )
    return Row(f"{work}, one connection", RATE, mine, theirs, ORTHANC, Better.HIGHER, goal)


async def _warm_up(ground: Ground) -> None:
    """Have the whole series on disk."""
    headers = await ground.headers(DICOM_JSON)
    await transfer(f"{ground.target.series_at(ground.ours)}/metadata", headers)


def _each(ground: Ground, ending: str) -> Sequence[Sequence[str]]:
    return [ground.target.each_at(root, ending) for root in (ground.ours, ground.orthanc)]


async def _compare(
    ground: Ground, work: str, urls: Sequence[Sequence[str]], asked: Headers, goal: Goal
) -> list[Row]:
    """Measure with one connection and with several; urls are ours, then the peer's."""
    rows = []
    mine, theirs = urls
    for connections in _CONNECTIONS:
        headers = await ground.headers(asked)
        ours, peer = await alternately(
            partial(requests_per_second, mine, headers, connections=connections),
            partial(requests_per_second, theirs, asked, connections=connections),
        )
        at_once = "one connection" if connections == 1 else f"{connections} connections"
        rows.append(Row(f"{work}, {at_once}", RATE, ours, peer, ORTHANC, Better.HIGHER, goal))
    return rows
