"""A DMP on loopback that answers what a test tells it to, well or badly; it judges nothing."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum

from aiohttp import web
from lxml import etree

SOAP = "http://www.w3.org/2003/05/soap-envelope"
WSA = "http://www.w3.org/2005/08/addressing"
SUCCESS = (
    '<rs:RegistryResponse xmlns:rs="urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"'
    ' status="urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"/>'
)


def failure(*codes: str, status: str = "Failure") -> str:
    """Return a RegistryResponse with these error codes."""
    errors = "".join(
        f'<rs:RegistryError errorCode="{code}" codeContext="of 1800313032001" severity="urn:oasis:'
        'names:tc:ebxml-regrep:ErrorSeverityType:Error"/>'
        for code in codes
    )
    return SUCCESS.replace("Success", status).replace(
        "/>", f"><rs:RegistryErrorList>{errors}</rs:RegistryErrorList></rs:RegistryResponse>"
    )


class Mode(Enum):
    """How the answer leaves."""

    OK = "ok"
    RECEIVER_FAULT = "receiver fault"
    SENDER_FAULT = "sender fault"
    EXPIRED_FAULT = "expired fault"
    HTTP_500_WITHOUT_SOAP = "500"
    HTTP_503_WITHOUT_SOAP = "503"
    HTTP_413 = "413"
    HTTP_202 = "202"
    REDIRECT = "redirect"
    NOT_XML = "not xml"
    SLOW = "slow"
    DRIP = "one octet at a time"
    RESET = "reset"
    RESET_AFTER_HEAD = "reset after the head"
    OTHER_RELATES_TO = "other RelatesTo"
    NO_RELATES_TO = "no RelatesTo"
    GZIP_BOMB = "gzip bomb"
    ENDLESS = "endless"
    OTHER_BODY = "other body"


@dataclass
class LoopbackDmp:
    """body is the answer's body, or what makes it from the request; requests are kept raw.

    parts stand before and behind the envelope, for an answer in several parts.
    """

    mode: Mode = Mode.OK
    body: str | Callable[[bytes], str] = SUCCESS
    content_type: str = "application/soap+xml; charset=UTF-8"
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    client_certificates: list[bytes] = field(default_factory=list)
    base_url: str = ""
    parts: tuple[bytes, bytes] = (b"", b"")

    @asynccontextmanager
    async def serve(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["LoopbackDmp"]:
        application = web.Application(client_max_size=64 * 1024 * 1024)
        application.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        port = runner.addresses[0][1]
        self.base_url = f"{'https' if tls else 'http'}://localhost:{port}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        octets = await request.read()
        self.requests.append((request.path, request.headers["Content-Type"], octets))
        self.headers.append(dict(request.headers))
        tls = request.transport.get_extra_info("ssl_object") if request.transport else None
        if tls is not None:
            self.client_certificates.append(tls.getpeercert(binary_form=True))
        match self.mode:
            case Mode.SLOW:
                await asyncio.sleep(30)
            case Mode.RESET:
                assert request.transport is not None
                request.transport.abort()
            case Mode.RESET_AFTER_HEAD | Mode.DRIP | Mode.ENDLESS:
                return await self._stream(request)
        return self._whole(octets)

    def _whole(self, octets: bytes) -> web.Response:
        match self.mode:
            case Mode.HTTP_500_WITHOUT_SOAP:
                return web.Response(status=500, text="<html>oops</html>", content_type="text/html")
            case Mode.HTTP_503_WITHOUT_SOAP:
                return web.Response(status=503)
            case Mode.HTTP_413:
                return web.Response(status=413)
            case Mode.REDIRECT:
                return web.Response(status=307, headers={"Location": f"{self.base_url}/elsewhere"})
            case Mode.NOT_XML:
                return web.Response(body=b"<s:Envelope", content_type="application/soap+xml")
            case Mode.GZIP_BOMB:
                bomb = gzip.compress(b" " * 50_000_000)
                headers = {"Content-Encoding": "gzip", "Content-Type": self.content_type}
                return web.Response(body=bomb, headers=headers)
        status = 500 if "fault" in self.mode.value else 202 if self.mode is Mode.HTTP_202 else 200
        before, behind = self.parts
        body = before + self.envelope(octets).encode() + behind
        return web.Response(status=status, body=body, headers={"Content-Type": self.content_type})

    def envelope(self, octets: bytes) -> str:
        """Wrap the body for the request it answers."""
        relates_to = f"<wsa:RelatesTo>{message_id(octets)}</wsa:RelatesTo>"
        body = self.body if isinstance(self.body, str) else self.body(octets)
        match self.mode:
            case Mode.OTHER_RELATES_TO:
                relates_to = "<wsa:RelatesTo>urn:uuid:another</wsa:RelatesTo>"
            case Mode.NO_RELATES_TO:
                relates_to = ""
            case Mode.RECEIVER_FAULT:
                relates_to, body = "", _fault("Receiver")
            case Mode.SENDER_FAULT:
                body = _fault("Sender")
            case Mode.EXPIRED_FAULT:
                body = _fault("Sender", "MessageExpired")
            case Mode.OTHER_BODY:
                body = "<x xmlns='urn:x'/>"
        return (
            f'<s:Envelope xmlns:s="{SOAP}" xmlns:wsa="{WSA}"><s:Header>{relates_to}</s:Header>'
            f"<s:Body>{body}</s:Body></s:Envelope>"
        )

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": self.content_type})
        await response.prepare(request)
        try:
            if self.mode is Mode.ENDLESS:
                while True:
                    await response.write(b" " * 65536)
            for _ in range(300 if self.mode is Mode.DRIP else 1):
                await response.write(b" ")
                await asyncio.sleep(0.05)
        except ConnectionError:
            return response
        assert request.transport is not None
        request.transport.abort()
        return response


def envelope_of(octets: bytes) -> etree._Element:
    """Return the envelope of a request, packaged or not, without any MIME library of ours."""
    begin, end = octets.index(b"<s:Envelope"), octets.index(b"</s:Envelope>")
    return etree.fromstring(octets[begin : end + len(b"</s:Envelope>")])


def message_id(octets: bytes) -> str:
    return envelope_of(octets).findtext(f".//{{{WSA}}}MessageID", "")


def _fault(code: str, subcode: str = "Any") -> str:
    return (
        f"<s:Fault><s:Code><s:Value>s:{code}</s:Value>"
        f"<s:Subcode><s:Value>s:{subcode}</s:Value></s:Subcode></s:Code>"
        "<s:Reason><s:Text xml:lang='fr'>"
        "patient 1800313032001 inconnu</s:Text></s:Reason></s:Fault>"
    )
