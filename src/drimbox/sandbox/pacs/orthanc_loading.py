"""How an Orthanc that has just started is given its objects: POST /instances, a few at once.

Two things go wrong with nobody at fault, and the same object sent again is taken: Orthanc closes a
connection that was quiet for half a second just as it is used again, and (1.10) answers 500 where
two objects make the same folder of its storage at the same time.
"""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

import aiohttp

from drimbox.errors import RejectedByPartner, Unavailable

_LOADERS = 4
_ATTEMPTS = 4


async def load_instances(session: aiohttp.ClientSession, url: str, files: Sequence[Path]) -> None:
    """Send every file to the Orthanc at this address.

    Raises:
        RejectedByPartner: it refuses a file.
        Unavailable: it breaks off every time.
    """
    left = iter(files)
    await asyncio.gather(*(_load_each(session, url, left) for _ in range(_LOADERS)))


async def _load_each(session: aiohttp.ClientSession, url: str, left: Iterable[Path]) -> None:
    for path in left:
        octets = await asyncio.to_thread(path.read_bytes)
        status = 0
        for _ in range(_ATTEMPTS):
            status = await _post(session, url, octets)
            if 0 < status < 500:
                break
        if not status:
            raise Unavailable("Orthanc", f"broke off ({path.name})")
        if status != 200:
            raise RejectedByPartner("Orthanc", str(status), path.name)


async def _post(session: aiohttp.ClientSession, url: str, octets: bytes) -> int:
    """Return the status of the answer, 0 where the connection ended before it."""
    try:
        answering = session.post(f"{url}/instances", data=octets, allow_redirects=False)
        async with answering as answer:
            return answer.status
    except aiohttp.ClientConnectionError:
        return 0
