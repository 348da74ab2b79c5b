"""STOW-RS to an export destination (ports.pacs.StorageDestination, PS3.18 10.5, CO.60).

One instance a request, streamed: a study of gigabytes is never whole in memory, and what was stored
is known one by one. The connection stays open between those that follow each other at once.
"""

import secrets
from collections.abc import AsyncIterator, Callable

import aiohttp
import orjson

from drimbox.adapters.pacs_dicomweb.service_connection import ServiceConnection, error_of_status
from drimbox.errors import MalformedMessage, RejectedByPartner
from drimbox.model.retrieval import InstanceStream
from drimbox.settings.partners import DicomwebServiceSettings
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.attributes import Attributes
from drimbox.standards.dicom.dicom_json_reader import parse_dicom_json
from drimbox.standards.dicom.part10 import encode_file_meta
from drimbox.standards.dicomweb.multipart_related import PART_END, closing, part_header

_MAX_ANSWER_BYTES = 1024 * 1024
# Orthanc (civetweb) closes what is idle for half a second; most others wait for longer.
REUSED_WITHIN_SECONDS = 0.2
_FAILED_SOP_SEQUENCE = 0x00081198
_OTHER_FAILURES_SEQUENCE = 0x0008119A


class StowStorage:
    """One destination.

    Args:
        settings: where its service is.
        name: how errors name it.
    """

    def __init__(self, settings: DicomwebServiceSettings, name: str) -> None:
        self._settings = settings
        self._name = name

    async def store(
        self, instances: AsyncIterator[InstanceStream], *, on_stored: Callable[[int], None]
    ) -> None:
        """Send every instance, in the syntax it comes in (ports.pacs.StorageDestination.store)."""
        connection = ServiceConnection(
            self._settings, self._name, reused_within_seconds=REUSED_WITHIN_SECONDS
        )
        stored = 0
        try:
            async for instance in instances:
                await self._store_one(connection, instance)
                stored += 1
                on_stored(stored)
        finally:
            await connection.close()

    async def _store_one(self, connection: ServiceConnection, instance: InstanceStream) -> None:
        """Send one instance.

        Raises:
            Unavailable: the destination is away, or fails.
            RejectedByPartner: it refuses the instance (Failure Reason in hexadecimal, or status).
        """
        boundary = secrets.token_hex(16)
        headers = {
            "Content-Type": f'multipart/related; type="application/dicom"; boundary="{boundary}"',
            "Accept": "application/dicom+json",
        }
        body = _message(instance, boundary)
        async with connection.request("POST", "/studies", headers=headers, body=body) as answer:
            self._check(answer.status, await _read(answer))

    def _check(self, status: int, octets: bytes) -> None:
        """Judge an answer: 200 stored, 202 stored with warnings or in part, 409 refused.

        An answer that names nothing stored means nothing stored, whatever its status.
        """
        result = _parse(octets)
        for sequence in (_FAILED_SOP_SEQUENCE, _OTHER_FAILURES_SEQUENCE):
            reason = result and result.first_item(sequence).unsigned(tags.FAILURE_REASON)
            if reason is not None:
                raise RejectedByPartner(self._name, f"{reason:04X}", "refused the instance")
        if status not in {200, 202, 400, 409}:
            raise error_of_status(self._name, status)
        is_told = result is None or bool(result.items(tags.REFERENCED_SOP_SEQUENCE))
        if status >= 400 or not is_told:
            raise RejectedByPartner(self._name, str(status), "did not store the instance")


async def _message(instance: InstanceStream, boundary: str) -> AsyncIterator[bytes]:
    """Yield the message of one instance: a Part 10 file as its only part."""
    # Without a transfer-syntax parameter: Orthanc passes over a part that has one.
    yield part_header(boundary, {"Content-Type": "application/dicom"})
    yield encode_file_meta(
        instance.sop_class_uid, instance.sop_instance_uid, instance.transfer_syntax_uid
    )
    async for chunk in instance.chunks:
        yield chunk
    yield PART_END + closing(boundary)


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """Return the beginning of an answer: those of one instance are short."""
    octets = bytearray()
    async for chunk in answer.content.iter_any():
        octets += chunk
        if len(octets) > _MAX_ANSWER_BYTES:
            break
    return bytes(octets)


def _parse(octets: bytes) -> Attributes | None:
    """Read the Store Instances Response Module (PS3.18 I.2); None where it is not DICOM JSON."""
    try:
        result = orjson.loads(octets)
        return Attributes(parse_dicom_json(result[0] if isinstance(result, list) else result))
    except (orjson.JSONDecodeError, MalformedMessage, IndexError):
        return None
