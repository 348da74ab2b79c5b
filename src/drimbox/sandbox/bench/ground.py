"""What every work of the bench stands on: the running site, and the series asked for."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from drimbox.sandbox.bench.addresses import LargestSeries
from drimbox.sandbox.bench.http_tools import Transfer, transfer
from drimbox.sandbox.bench.row import Row
from drimbox.sandbox.bench.site import BenchSite

ORTHANC = "Orthanc DICOMweb"
MEGABYTES, MILLISECONDS, RATE, MEBIBYTES = "MB/s", "ms", "requests/s", "MiB"

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ground:
    """tell prints a line of progress."""

    site: BenchSite
    target: LargestSeries
    tell: Callable[[str], None]

    @property
    def ours(self) -> str:
        return self.site.source

    @property
    def orthanc(self) -> str:
        return self.site.orthanc

    async def headers(self, asked: Headers) -> Headers:
        """Return what our own box is asked with: a token beside what Orthanc is asked with."""
        return {**await self.site.source_token(), **asked}

    async def cold(self, url: str, headers: Headers) -> Transfer:
        """Retrieve once, with nothing on disk before."""
        await self.site.empty_caches()
        return await transfer(url, headers)


Work = Callable[[Ground], Awaitable[Sequence[Row]]]
"""One name of the bench: measures, and returns its rows."""
