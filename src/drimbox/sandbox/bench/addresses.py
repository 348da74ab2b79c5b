"""What is asked for: the same resources at the box and at the PACS, under each DICOMweb root."""

from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

DICOM_JSON = {"Accept": "application/dicom+json"}
GZIPPED_JSON = {**DICOM_JSON, "Accept-Encoding": "gzip"}
OBJECTS = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
FRAMES = {"Accept": 'multipart/related; type="application/octet-stream"; transfer-syntax=*'}
JPEG, PNG = {"Accept": "image/jpeg"}, {"Accept": "image/png"}


@dataclass(frozen=True, slots=True)
class LargestSeries:
    """The series of a study that has the most instances, in the order a viewer scrolls through."""

    study: str
    series: str
    instances: tuple[str, ...]

    def study_at(self, root: str) -> str:
        return f"{root}/studies/{self.study}"

    def series_at(self, root: str) -> str:
        return f"{self.study_at(root)}/series/{self.series}"

    def each_at(self, root: str, ending: str = "") -> Sequence[str]:
        """Return the address of every instance, with an ending."""
        series = self.series_at(root)
        return [f"{series}/instances/{uid}{ending}" for uid in self.instances]


async def largest_series(http: aiohttp.ClientSession, root: str, study: str) -> LargestSeries:
    """Ask a DICOMweb server what the study is made of."""
    found: dict[str, list[tuple[int, str]]] = {}
    async with http.get(f"{root}/studies/{study}/instances", headers=DICOM_JSON) as answer:
        answer.raise_for_status()
        for match in await answer.json(content_type=None):
            series = match["0020000E"]["Value"][0]
            number = match["00200013"]["Value"][0] if "00200013" in match else 0
            found.setdefault(series, []).append((number, match["00080018"]["Value"][0]))
    name, instances = max(found.items(), key=lambda pair: len(pair[1]))
    return LargestSeries(study, name, tuple(uid for _, uid in sorted(instances)))
