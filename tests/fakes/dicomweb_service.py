"""A DICOMweb service over made-up objects, by pydicom and aiohttp: QIDO-RS, WADO-RS, STOW-RS.

What a real one does, and on demand what a bad one does.
"""

import asyncio
import email
import email.policy
import io
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pydicom
from aiohttp import web
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit

_LEVEL_KEYS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
_NOT_KEYS = {"limit", "offset", "includefield"}
_LEVEL_TAGS = ("0020000D", "0020000E", "00080018")
_ALWAYS = {0: ("00100020",), 1: ("00080060",), 2: ("00080016", "00200013")}


@dataclass
class DicomwebService:
    """page_size bounds an answer (with Warning 299); is_relational lets a search skip levels.

    cut_after ends a retrieval in the middle of a part; answers, when set, replaces every answer.
    """

    objects: list[Dataset]
    page_size: int = 1000
    is_relational: bool = True
    cut_after: int | None = None
    answer: Callable[[web.Request], web.StreamResponse] | None = None
    stall: asyncio.Event | None = None
    requests: list[str] = field(default_factory=list)
    accepts: list[str] = field(default_factory=list)
    stored: list[bytes] = field(default_factory=list)
    stored_from: list[object] = field(default_factory=list)
    store_answer: web.Response | None = None
    refuses: dict[str, int] = field(default_factory=dict)
    url: str = ""
    port: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["DicomwebService"]:
        application = web.Application(client_max_size=64 * 1024 * 1024)
        application.router.add_get("/dicom-web/{path:.*}", self._get)
        application.router.add_post("/dicom-web/studies", self._store)
        runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        self.port = runner.addresses[0][1]
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}/dicom-web"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _get(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request.path_qs)
        self.accepts.append(request.headers.get("Accept", ""))
        if self.answer is not None:
            return self.answer(request)
        path = request.match_info["path"].split("/")
        if len(path) % 2:
            return self._search(request, path)
        return await self._retrieve(request, path)

    def _search(self, request: web.Request, path: list[str]) -> web.Response:
        level = ("studies", "series", "instances").index(path[-1])
        if not self.is_relational and len(path) != 2 * level + 1:
            return web.json_response({"error": "not relational"}, status=400)
        keys = dict(zip(_LEVEL_KEYS, path[1::2], strict=False))
        keys |= {
            k: v for k, v in request.query.items() if k not in {"limit", "offset", "includefield"}
        }
        fields = set(request.query.getall("includefield", []))
        rows: dict[str, Dataset] = {}
        for one in self.objects:
            if all(_matches(one, key, value) for key, value in keys.items()):
                rows.setdefault(one[_LEVEL_KEYS[level]].value, one)
        offset = int(request.query.get("offset", 0))
        limit = min(int(request.query.get("limit", self.page_size)), self.page_size)
        page = list(rows.values())[offset : offset + limit]
        headers = {}
        if offset + limit < len(rows):
            headers["Warning"] = '299 fake "There are additional results that can be requested"'
        answer = [_row(one, level, fields) for one in page]
        return web.json_response(answer, headers=headers, content_type="application/dicom+json")

    async def _retrieve(self, request: web.Request, path: list[str]) -> web.StreamResponse:
        keys = dict(zip(_LEVEL_KEYS, path[1::2], strict=False))
        found = [
            one for one in self.objects if all(one[key].value == uid for key, uid in keys.items())
        ]
        if not found:
            return web.Response(status=404)
        if "image/" in request.headers["Accept"]:
            return web.Response(status=406)
        asked = request.headers["Accept"].split("transfer-syntax=")[1]
        parts = [_part(one, asked) for one in found]
        if None in parts:
            return web.Response(status=406)
        response = web.StreamResponse(
            headers={"Content-Type": 'multipart/related; type="application/dicom"; boundary=B-1'}
        )
        await response.prepare(request)
        try:
            await self._send(request, response, b"".join(part or b"" for part in parts))
        finally:
            self.released.set()
        return response

    async def _send(self, request: web.Request, response: web.StreamResponse, body: bytes) -> None:
        if self.cut_after is not None:
            await response.write(body[: self.cut_after])
            assert request.transport is not None
            request.transport.close()
            return
        await response.write(body[: len(body) // 2])
        if self.stall is not None:
            await self.stall.wait()
        await response.write(body[len(body) // 2 :] + b"--B-1--\r\n")
        await response.write_eof()

    async def _store(self, request: web.Request) -> web.Response:
        self.requests.append(request.path_qs)
        assert request.transport is not None
        self.stored_from.append(request.transport.get_extra_info("peername"))
        if self.store_answer is not None:
            await request.read()
            return self.store_answer
        head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
        message = email.message_from_bytes(head + await request.read(), policy=email.policy.HTTP)
        failed, stored = [], []
        for part in message.iter_parts():
            octets = part.get_payload(decode=True)
            assert isinstance(octets, bytes)
            ds = pydicom.dcmread(io.BytesIO(octets))
            reason = self.refuses.get(str(ds.SOPInstanceUID))
            if reason is None:
                self.stored.append(octets)
                stored.append(_reference(ds, None))
            else:
                failed.append(_reference(ds, reason))
        result = Dataset()
        if failed:
            result.FailedSOPSequence = failed
        if stored:
            result.ReferencedSOPSequence = stored
        return web.json_response(
            result.to_json_dict(),
            status=409 if failed else 200,
            content_type="application/dicom+json",
        )


def _matches(ds: Dataset, key: str, value: str) -> bool:
    if not value:
        return True
    element = ds.get_item(int(key, 16)) if key[:1].isdigit() else ds[key]
    text = str(ds[element.tag].value) if element is not None else ""
    values = value.replace("\\", ",").split(",")
    return any(text == one or (one.endswith("*") and text.startswith(one[:-1])) for one in values)


def _row(ds: Dataset, level: int, fields: set[str]) -> dict[str, object]:
    """Return one match; an attribute above its level only where it was asked for."""
    counted = Dataset()
    counted.update(ds)
    json: dict[str, object] = counted.to_json_dict()
    wanted = {*fields, *_ALWAYS[level], "00081190"}
    wanted |= {
        f"{pydicom.datadict.tag_for_keyword(key) or 0:08X}" for key in _LEVEL_KEYS[: level + 1]
    }
    row = {tag: value for tag, value in json.items() if tag in wanted}
    row["00081190"] = {"vr": "UR", "Value": ["http://elsewhere.test/studies"]}
    return row


def _part(ds: Dataset, asked: str) -> bytes | None:
    """Return one object as a part, None where it cannot be in that syntax."""
    stored = str(ds.file_meta.TransferSyntaxUID)
    if asked not in {"*", stored} and (
        asked != ExplicitVRLittleEndian or stored == JPEGBaseline8Bit
    ):
        return None
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    octets = buffer.getvalue()
    header = f"--B-1\r\nContent-Type: application/dicom\r\nContent-Length: {len(octets)}\r\n\r\n"
    return header.encode() + octets + b"\r\n"


def _reference(ds: Dataset, reason: int | None) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    if reason is not None:
        item.FailureReason = reason
    return item
