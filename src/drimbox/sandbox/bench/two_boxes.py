"""A study through Consommatrice and Source, beside the same octets through two nginx."""

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from drimbox.sandbox.bench.addresses import OBJECTS
from drimbox.sandbox.bench.ground import MEBIBYTES, MEGABYTES, MILLISECONDS, Ground
from drimbox.sandbox.bench.http_tools import Transfer, transfer
from drimbox.sandbox.bench.nginx_hops import nginx_hops
from drimbox.sandbox.bench.row import (
    Better,
    Row,
    alternately,
    at_least_times,
    at_most,
)

NGINX = "two nginx, mutual TLS"
MAX_MEMORY = 200.0
_BOXES = ("source", "consumer")


async def through_both(ground: Ground) -> Sequence[Row]:
    """A study that neither box has: PACS by DIMSE, Source, mutual TLS, Consommatrice, curl."""
    site = ground.site
    headers = {**await site.consumer_token(), **OBJECTS}
    url = ground.target.study_at(f"{site.consumer}/dicom-web")
    for role in _BOXES:
        site.forget_memory(role)
    mine: list[Transfer] = []
    theirs: list[Transfer] = []
    with tempfile.TemporaryDirectory(prefix="drimbox-bench-") as name:
        folder = Path(name)
        file = folder / "study"
        await transfer(url, headers, keep=file)
        _let_others_read(folder, file)
        async with nginx_hops(site.demo.keys, folder, file) as hops:

            async def ours() -> float:
                await site.empty_caches()
                mine.append(await transfer(url, headers))
                return mine[-1].megabytes_per_second

            async def peer() -> float:
                theirs.append(await transfer(hops.url, {}, options=hops.options))
                return theirs[-1].megabytes_per_second

            speed, of_nginx = await alternately(ours, peer)
    work = "study, cold, through Consommatrice and Source with mutual TLS"
    higher, lower = Better.HIGHER, Better.LOWER
    rows = [
        Row(work, MEGABYTES, speed, of_nginx, NGINX, higher, at_least_times(0.5)),
        Row("its first octet", MILLISECONDS, _first(mine), _first(theirs), NGINX, lower, None),
    ]
    for role in _BOXES:
        memory = site.memory_of(role)
        name = f"memory of the {'Source' if role == 'source' else 'Consommatrice'}, at most"
        goal = at_most(MAX_MEMORY, MEBIBYTES)
        rows.append(Row(name, MEBIBYTES, memory, None, "", lower, goal))
    return rows


def _let_others_read(folder: Path, file: Path) -> None:
    """Open the folder to nginx, whose workers run as another user."""
    folder.chmod(0o755)
    file.chmod(0o644)


def _first(transfers: Sequence[Transfer]) -> float:
    return statistics.median(one.first_byte for one in transfers) * 1000
