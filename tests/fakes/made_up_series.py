"""Series of small images, the same in every process: what was sent is known without being told."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from functools import lru_cache

from tests.fakes.dicom_objects import CT, STUDY, encoded, made_up_object

from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import (
    SeriesInstanceUid,
    SopClassUid,
    SopInstanceUid,
    StudyInstanceUid,
    TransferSyntaxUid,
)
from drimbox.ports.image_cache import SeriesKey

KEYS = tuple(
    SeriesKey(StudyInstanceUid(STUDY), SeriesInstanceUid(f"{STUDY}.{n}")) for n in range(1, 7)
)
_IMAGES = 20
_EXPLICIT = TransferSyntaxUid("1.2.840.10008.1.2.1")
_CHUNK = 4096


@lru_cache
def octets_of(key: SeriesKey) -> Mapping[SopInstanceUid, bytes]:
    """Return the data sets of a series by their UIDs."""
    series = int(key.series_instance_uid.rsplit(".", 1)[1])
    images = [made_up_object(n, series=series, side=64) for n in range(1, _IMAGES + 1)]
    return {SopInstanceUid(image.SOPInstanceUID): encoded(image) for image in images}


async def instances_of(key: SeriesKey, *, pause: float = 0) -> AsyncIterator[InstanceStream]:
    """Send a series as a PACS would, with a pause before each image, in seconds."""
    for uid, octets in octets_of(key).items():
        await asyncio.sleep(pause)
        yield InstanceStream(SopClassUid(CT), uid, _EXPLICIT, _chunks(octets))


async def _chunks(octets: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(octets), _CHUNK):
        yield octets[start : start + _CHUNK]
