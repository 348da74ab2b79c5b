"""Images of other boxes: WADO-RS over mutual TLS (RAD-107, volet DRIM-M).

    GET https://<db of the white list>/dicom-web/studies/S/series/R
    Authorization: Bearer <the professional's token>
    KOS-SOPInstanceUID: <the KOS that led here>
    Accept: multipart/related; type="application/dicom";transfer-syntax=...;q=...;boundary=**, ...

The address is rebuilt from the white list and checked UIDs, never taken from the KOS (threat S1);
the server must prove the FQDN of the list, whatever address it is reached at.
"""

import ssl
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import aiohttp

from drimbox.adapters.peer_dicomweb.received_parts import received_instances
from drimbox.errors import (
    DrimboxError,
    MalformedMessage,
    NotAcceptable,
    NotAuthenticated,
    NotFound,
    Refused,
    RejectedByPartner,
    TimedOut,
    Unavailable,
)
from drimbox.model.access import Peer
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.model.uids import SopInstanceUid, TransferSyntaxUid
from drimbox.ports.trusted_space import TrustedSpace
from drimbox.settings.partners import TlsFiles
from drimbox.standards.dicomweb.media_types import parse_media_type

PARTNER = "Source box"
_CONNECT_SECONDS = 10.0
_IDLE_SECONDS = 30.0
_READ_BYTES = 1024 * 1024
_ERROR_OF_STATUS: dict[int, type[DrimboxError]] = {
    401: NotAuthenticated,
    403: Refused,
    404: NotFound,
    406: NotAcceptable,
}


class DicomwebPeerDrimbox:
    """Implements ports.peer_drimbox.PeerDrimbox; `start` in its loop, `stop` at the end."""

    def __init__(self, client: TlsFiles, trusted_space: TrustedSpace) -> None:
        """Load our ORG AUTH_CLI certificate; only ca_file is trusted for the servers."""
        self._trusted_space = trusted_space
        self._tls = ssl.create_default_context(cafile=str(client.ca_file))
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._tls.load_cert_chain(client.certificate_file, client.key_file)
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the session of this trust domain."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._tls, limit_per_host=16),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=_CONNECT_SECONDS, sock_read=_IDLE_SECONDS
            ),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=_READ_BYTES,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()

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
        assert self._session is not None, "start() first"  # noqa: S101
        address = self._trusted_space.address_of(peer)
        url = f"https://{address.host}:{address.port}/dicom-web{target_path(target)}"
        headers = {
            "Host": peer.db_host,
            "Authorization": f"Bearer {access_token}",
            "KOS-SOPInstanceUID": kos_sop_instance_uid,
            "Accept": ", ".join(_accept(syntax, q) for syntax, q in transfer_syntaxes),
            "Accept-Encoding": "identity",
        }
        try:
            async with self._session.get(
                url, headers=headers, allow_redirects=False, server_hostname=peer.db_host
            ) as answer:
                boundary = _check_answer(answer)
                chunks = answer.content.iter_any()
                async with aclosing(received_instances(chunks, boundary)) as instances:
                    async for instance in instances:
                        yield instance
        except TimeoutError as error:
            raise TimedOut(PARTNER, _IDLE_SECONDS) from error
        except (aiohttp.ClientError, ssl.SSLError, OSError) as error:
            raise Unavailable(PARTNER, "is unreachable or stopped") from error


def target_path(target: TargetResource) -> str:
    """Return the path below the root of the service (PS3.18 10.4.1)."""
    path = f"/studies/{target.study_instance_uid}"
    if target.series_instance_uid is not None:
        path += f"/series/{target.series_instance_uid}"
        if target.sop_instance_uid is not None:
            path += f"/instances/{target.sop_instance_uid}"
    return path


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
    error = _ERROR_OF_STATUS.get(answer.status)
    if error is not None:
        raise error(f"the Source box answered {answer.status}")
    if answer.status >= 500:
        raise Unavailable(PARTNER, f"answered {answer.status}")
    raise RejectedByPartner(PARTNER, str(answer.status))
