"""Images compared: what came through both boxes against the files that the PACS was given."""

import asyncio
import hashlib
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

import aiohttp
from pydicom import Dataset, dcmread

from drimbox.errors import Mismatch, RejectedByPartner
from drimbox.standards.dicomweb.media_types import parse_media_type
from drimbox.standards.dicomweb.multipart_related import (
    MultipartReader,
    PartFinished,
    PartOctets,
    PartStart,
)

AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'


async def retrieve(
    session: aiohttp.ClientSession, url: str, headers: Mapping[str, str]
) -> list[bytes]:
    """Retrieve by WADO-RS and return the parts.

    Raises:
        RejectedByPartner: another status than 200, or an answer cut short.
    """
    async with session.get(url, headers={**headers, "Accept": AS_STORED}) as answer:
        if answer.status != 200:
            raise RejectedByPartner("DICOMweb", str(answer.status), await answer.text())
        content_type = parse_media_type(answer.headers["Content-Type"])
        reader = MultipartReader(content_type.parameters["boundary"])
        parts: list[bytes] = []
        current = bytearray()
        async for chunk in answer.content.iter_any():
            for event in reader.receive(chunk):
                match event:
                    case PartStart():
                        current = bytearray()
                    case PartOctets():
                        current += event.octets
                    case PartFinished():
                        parts.append(bytes(current))
    if not reader.is_finished:
        raise RejectedByPartner("DICOMweb", "an answer cut short")
    return parts


async def check_identical(parts: Iterable[bytes], folder: Path, study: str) -> int:
    """Compare pixels, object by object, with those of the study's files; return how many.

    Raises:
        Mismatch: an object is missing, is too many, or has other pixels.
    """
    return await asyncio.to_thread(_check_identical, list(parts), folder, study)


def _check_identical(parts: list[bytes], folder: Path, study: str) -> int:
    received = dict(_digest(dcmread(io.BytesIO(part))) for part in parts)
    stored = {}
    for path in folder.rglob("*.dcm"):
        image = dcmread(path)
        if image.StudyInstanceUID == study:
            uid, digest = _digest(image)
            stored[uid] = digest
    if received != stored or not stored:
        raise Mismatch(f"{len(received)} objects received are not the {len(stored)} stored")
    return len(received)


def _digest(image: Dataset) -> tuple[str, str]:
    """Return the object's UID and a digest of what it shows, as it is encoded."""
    for keyword in ("PixelData", "EncapsulatedDocument"):
        if keyword in image:
            content = bytes(image[keyword].value)
            return str(image.SOPInstanceUID), hashlib.sha256(content).hexdigest()
    return str(image.SOPInstanceUID), str(image.get("SOPClassUID"))
