"""Images of other boxes: WADO-RS over mutual TLS (RAD-107, volet DRIM-M).

    GET https://<db of the white list>/dicom-web/studies/S/series/R
    Authorization: Bearer <the professional's token, or the Source's own for that professional>
    KOS-SOPInstanceUID: <the KOS that led here>
    Accept: multipart/related; type="application/dicom";transfer-syntax=...;q=...;boundary=**, ...

The address is rebuilt from the white list and checked UIDs, never taken from the KOS (threat S1).
"""

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import aiohttp

from drimbox.adapters.peer_dicomweb.peer_connection import PARTNER, PeerConnection
from drimbox.errors import (
    DrimboxError,
    MalformedMessage,
    NotAcceptable,
    NotAuthenticated,
    NotFound,
    Refused,
    RejectedByPartner,
    Unavailable,
)
from drimbox.model.access import Peer
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.model.uids import SopInstanceUid, TransferSyntaxUid
from drimbox.standards.dicomweb.media_types import parse_media_type
from drimbox.standards.dicomweb.received_instances import received_instances
from drimbox.standards.dicomweb.target_path import target_path

_ERROR_OF_STATUS: dict[int, type[DrimboxError]] = {
    403: Refused,
    404: NotFound,
    406: NotAcceptable,
}
_SECONDS = re.compile(r"\d{1,5}", re.ASCII)


class DicomwebPeerDrimbox:
    """Implements ports.peer_drimbox.PeerDrimbox; `start` in its loop, `stop` at the end."""

    def __init__(self, connection: PeerConnection) -> None:
        self.connection = connection

    async def start(self) -> None:
        await self.connection.start()

    async def stop(self) -> None:
        await self.connection.stop()

    async def retrieve(
        self,
        peer: Peer,
        target: TargetResource,
        *,
        access_token: str,
        kos_sop_instance_uid: SopInstanceUid,
        transfer_syntaxes: Sequence[tuple[TransferSyntaxUid, float]],
    ) -> AsyncGenerator[InstanceStream, None]:
        """See ports.peer_drimbox."""
        path = f"/dicom-web{target_path(target)}"
        headers = {
            "Authorization": f"Bearer {access_token}",
            "KOS-SOPInstanceUID": kos_sop_instance_uid,
            "Accept": ", ".join(_accept(syntax, q) for syntax, q in transfer_syntaxes),
        }
        async with self.connection.request(peer, "GET", path, headers=headers) as answer:
            boundary = _check_answer(answer)
            chunks = self.connection.octets_of(answer)
            async with aclosing(received_instances(chunks, boundary, PARTNER)) as instances:
                async for instance in instances:
                    yield instance


def _accept(syntax: TransferSyntaxUid, q: float) -> str:
    media_type = 'multipart/related; type="application/dicom"'
    return f"{media_type};transfer-syntax={syntax};q={q:.1f};boundary=**"


def _check_answer(answer: aiohttp.ClientResponse) -> str:
    """Return the boundary of a good answer; raise what any other means."""
    if answer.status == 200:
        content_type = parse_media_type(answer.headers.get("Content-Type", ""))
        if content_type.media_type != "multipart/related":
            raise MalformedMessage("not multipart/related", where="answer of the Source")
        return content_type.parameters.get("boundary", "")
    if answer.status == 401:
        # Whoever asked us is told so too: its sign-in is over, or another is needed.
        raise NotAuthenticated("the Source box answered 401", error="invalid_token")
    if answer.status == 429:
        seconds = answer.headers.get("Retry-After", "")
        told = int(seconds) if _SECONDS.fullmatch(seconds) else None
        raise Unavailable(PARTNER, "answered 429: too much at once", retry_after_seconds=told)
    error = _ERROR_OF_STATUS.get(answer.status)
    if error is not None:
        raise error(f"the Source box answered {answer.status}")
    if answer.status >= 500:
        raise Unavailable(PARTNER, f"answered {answer.status}")
    raise RejectedByPartner(PARTNER, str(answer.status))
