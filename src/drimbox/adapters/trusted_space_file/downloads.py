"""Lists and CRLs over HTTP: bounded, following nothing, inflating nothing; asked anew cheaply.

A server that says what version it gave (ETag or Last-Modified) is asked for a newer one only, and
answers 304 in a few octets where there is none (RFC 9110 13.1).
"""

from dataclasses import dataclass

import aiohttp

from drimbox.errors import MalformedMessage, TooLarge, Unavailable
from drimbox.standards.trusted_space.list_signature import MAX_BYTES


@dataclass(frozen=True, slots=True)
class Download:
    """What came, and what the server said of its version (empty: nothing)."""

    content: bytes
    entity_tag: str = ""
    last_modified: str = ""

    @property
    def has_version(self) -> bool:
        return bool(self.entity_tag or self.last_modified)


async def download(url: str) -> Download:
    """Fetch at most MAX_BYTES.

    Raises:
        Unavailable: no answer, or another than 200.
        TooLarge: more than that.
        MalformedMessage: nothing.
    """
    fetched = await _fetch(url, {})
    if fetched is None:
        raise Unavailable("trusted space", "answered 304")
    return fetched


async def download_newer(url: str, before: Download) -> Download | None:
    """Fetch what is newer than before, None where nothing is; raises as download does."""
    conditions = {}
    if before.entity_tag:
        conditions["If-None-Match"] = before.entity_tag
    if before.last_modified:
        conditions["If-Modified-Since"] = before.last_modified
    return await _fetch(url, conditions)


async def _fetch(url: str, conditions: dict[str, str]) -> Download | None:
    timeout = aiohttp.ClientTimeout(total=None, connect=10, sock_read=30)
    headers = {"Accept-Encoding": "identity", **conditions}
    try:
        async with (
            aiohttp.ClientSession(
                timeout=timeout, auto_decompress=False, trust_env=False, headers=headers
            ) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            if answer.status == 304 and conditions:
                return None
            if answer.status != 200:
                raise Unavailable("trusted space", f"answered {answer.status}")
            content = await answer.content.read(MAX_BYTES + 1)
            while len(content) <= MAX_BYTES and (more := await answer.content.read(MAX_BYTES)):
                content += more
            said = answer.headers
            fetched = Download(content, said.get("ETag", ""), said.get("Last-Modified", ""))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Unavailable("trusted space") from error
    if len(content) > MAX_BYTES:
        raise TooLarge("a list or CRL over 8 MiB")
    if not content:
        raise MalformedMessage("an empty list or CRL")
    return fetched
