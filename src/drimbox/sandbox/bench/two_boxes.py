"""A study through Consommatrice and Source, beside the same octets through two nginx."""

import statistics
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from drimbox.sandbox.bench.addresses import OBJECTS
from drimbox.sandbox.bench.ground import MEBIBYTES, MEGABYTES, MILLISECONDS, Ground
from drimbox.sandbox.bench.http_tools import Transfer, transfer
from drimbox.sandbox.bench.nginx_hops import NginxHops, nginx_hops
from drimbox.sandbox.bench.row import (
    STUDY_ROUNDS,
    Better,
    Row,
    alternately,
    at_least_times,
    at_most,
)
from drimbox.sandbox.bench.site import BenchSite

NGINX = "two nginx, mutual TLS"
MAX_MEMORY = 200.0
_UNTIL_KEPT = 2
"""A Source keeps what is asked for a second time of late (SO.40)."""
_BOXES = ("source", "consumer")


@dataclass(frozen=True, slots=True)
class _Measured:
    """Medians, ours and nginx's: MB/s cold and from copies, ms to the first octet when cold."""

    cold: tuple[float, float]
    copied: tuple[float, float]
    first: tuple[float, float]


async def through_both(ground: Ground) -> Sequence[Row]:
    """A study that neither box has: PACS by DIMSE, Source, mutual TLS, Consommatrice, curl."""
    site = ground.site
    headers = {**await site.consumer_token(), **OBJECTS}
    url = ground.target.study_at(f"{site.consumer}/dicom-web")
    for role in _BOXES:
        site.forget_memory(role)
    with tempfile.TemporaryDirectory(prefix="drimbox-bench-") as name:
        folder = Path(name)
        file = folder / "study"
        await transfer(url, headers, keep=file)
        _let_others_read(folder, file)
        async with nginx_hops(site.demo.keys, folder, file) as hops:
            measured = await _measure(site, partial(transfer, url, headers), hops)
    work = "study, cold, through Consommatrice and Source with mutual TLS"
    copied = "the same, where the Source has copies of it"
    higher, lower = Better.HIGHER, Better.LOWER
    goal = at_least_times(0.5)
    rows = [
        Row(work, MEGABYTES, *measured.cold, NGINX, higher, goal),
        Row("its first octet", MILLISECONDS, *measured.first, NGINX, lower, None),
        Row(copied, MEGABYTES, *measured.copied, NGINX, higher, goal),
    ]
    for role in _BOXES:
        memory = site.memory_of(role)
        name = f"memory of the {'Source' if role == 'source' else 'Consommatrice'}, at most"
        most = at_most(MAX_MEMORY, MEBIBYTES)
        rows.append(Row(name, MEBIBYTES, memory, None, "", lower, most))
    return rows


async def _measure(
    site: BenchSite, retrieve: Callable[[], Awaitable[Transfer]], hops: NginxHops
) -> _Measured:
    mine: list[Transfer] = []
    theirs: list[Transfer] = []

    async def ours() -> float:
        await site.empty_caches()
        mine.append(await retrieve())
        return mine[-1].megabytes_per_second

    async def from_copies() -> float:
        await site.empty_caches(["consumer"])
        return (await retrieve()).megabytes_per_second

    async def peer() -> float:
        theirs.append(await transfer(hops.url, {}, options=hops.options))
        return theirs[-1].megabytes_per_second

    cold = await alternately(ours, peer, rounds=STUDY_ROUNDS)
    first = _first(mine), _first(theirs)
    for _ in range(_UNTIL_KEPT):
        await from_copies()
    return _Measured(cold, await alternately(from_copies, peer, rounds=STUDY_ROUNDS), first)


def _let_others_read(folder: Path, file: Path) -> None:
    """Open the folder to nginx, whose workers run as another user."""
    folder.chmod(0o755)
    file.chmod(0o644)


def _first(transfers: Sequence[Transfer]) -> float:
    return statistics.median(one.first_byte for one in transfers) * 1000
