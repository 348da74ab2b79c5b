"""The DMP stand-in on the wire: HTTPS with client certificates, and a plain door for tests.

https  /si-dmp-server/v2/services/{registry,repository,patients}     what the DMP is
http   /sandbox/documents?patient=INS, /sandbox/mode, /sandbox/calls     loopback, sandbox only
       DELETE /sandbox/documents?unique_id=UID     the repository loses what the registry lists
"""

import asyncio
import ssl
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from aiohttp import web

from drimbox.ports.clock import Clock
from drimbox.sandbox.dmp.answers import Reply
from drimbox.sandbox.dmp.behaviour import Behaviour, Mode
from drimbox.sandbox.dmp.holdings import holdings_of
from drimbox.sandbox.dmp.patients import DmpPatient, Patients
from drimbox.sandbox.dmp.refusals import Fault, RegistryError
from drimbox.sandbox.dmp.service import DmpService, DmpTrust, Exchange
from drimbox.sandbox.dmp.store import Store
from drimbox.sandbox.dmp.transactions import PATIENTS_PATH, REGISTRY_PATH, REPOSITORY_PATH

MAX_REQUEST_BYTES: Final = 64 * 1024 * 1024
DEFAULT_REPOSITORY: Final = "1.2.250.1.213.4.1.1.2"
_LOOPBACK: Final = "127.0.0.1"
_SHUTDOWN_SECONDS: Final = 2.0
_TRICKLE_SECONDS: Final = 1.0


class SandboxDmp:
    """A DMP for one machine. Stop and start keep what it holds."""

    def __init__(
        self,
        data_directory: Path,
        *,
        trust: DmpTrust,
        patients: Iterable[DmpPatient],
        clock: Clock,
        repository_unique_id: str = DEFAULT_REPOSITORY,
    ) -> None:
        data_directory.mkdir(parents=True, exist_ok=True)
        self._path = data_directory / "dmp.sqlite"
        self._trust = trust
        self._patients = Patients(patients)
        self._clock = clock
        self.repository_unique_id = repository_unique_id
        self._behaviour = Behaviour()
        self._running: tuple[Store, DmpService] | None = None
        self._runners: list[web.AppRunner] = []
        self._origin = self._control_origin = ""
        self.received: Counter[str] = Counter()
        """Requests that came, by the last word of their path: registry, repository, patients."""

    @property
    def registry_url(self) -> str:
        return f"{self._origin}{REGISTRY_PATH}"

    @property
    def repository_url(self) -> str:
        return f"{self._origin}{REPOSITORY_PATH}"

    @property
    def patients_url(self) -> str:
        return f"{self._origin}{PATIENTS_PATH}"

    @property
    def documents_url(self) -> str:
        """Plain HTTP on loopback: a program may look without any certificate."""
        return f"{self._control_origin}/sandbox/documents"

    @property
    def mode_url(self) -> str:
        return f"{self._control_origin}/sandbox/mode"

    @property
    def accepted(self) -> Counter[str]:
        """Transactions done since the start, by wsa:Action."""
        return Counter() if self._running is None else Counter(self._running[1].accepted)

    def behave(self, behaviour: Behaviour) -> None:
        """Misbehave, or behave again, from the next request on."""
        self._behaviour = behaviour

    async def start(
        self, host: str, port: int, ssl_context: ssl.SSLContext, *, control_port: int = 0
    ) -> None:
        """Listen. The context holds our server certificate; client certificates are required here.

        A port of 0 takes a free one; the control door is on loopback whatever the host.
        """
        ssl_context.verify_mode = ssl.CERT_REQUIRED
        ssl_context.load_verify_locations(cadata=self._trust.client_authorities.decode("ascii"))
        store = Store(self._path)
        service = DmpService(
            store,
            self._patients,
            trust=self._trust,
            clock=self._clock,
            repository_unique_id=self.repository_unique_id,
        )
        self._running = store, service
        services = web.Application(client_max_size=MAX_REQUEST_BYTES)
        for path in (REGISTRY_PATH, REPOSITORY_PATH, PATIENTS_PATH):
            services.router.add_post(path, self._serve)
        bound = await self._listen(services, host, port, ssl_context)
        self._origin = f"https://{'localhost' if host == _LOOPBACK else host}:{bound}"
        control = web.Application()
        control.router.add_get("/sandbox/documents", self._tell_documents)
        control.router.add_delete("/sandbox/documents", self._lose_document)
        control.router.add_post("/sandbox/mode", self._set_mode)
        control.router.add_get("/sandbox/calls", self._tell_calls)
        bound = await self._listen(control, _LOOPBACK, control_port, None)
        self._control_origin = f"http://localhost:{bound}"

    async def stop(self) -> None:
        """Close both doors and the file."""
        while self._runners:
            await self._runners.pop().cleanup()
        if self._running is not None:
            self._running[0].close()
            self._running = None

    def _started(self) -> tuple[Store, DmpService]:
        if self._running is None:
            raise RuntimeError("the DMP is not started")
        return self._running

    async def _listen(
        self, application: web.Application, host: str, port: int, context: ssl.SSLContext | None
    ) -> int:
        # No access log: addresses of the control door carry an INS.
        runner = web.AppRunner(
            application,
            access_log=None,
            shutdown_timeout=_SHUTDOWN_SECONDS,
            handler_cancellation=True,  # a caller that gives up ends BLACKHOLE and SLOW
        )
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, host, port, ssl_context=context)
        await site.start()
        return int(runner.addresses[0][1])

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.received[request.path.rpartition("/")[2]] += 1
        behaviour, self._behaviour = self._behaviour, self._behaviour.after_one()
        if behaviour.mode is Mode.REFUSE:
            return _dropped(request)
        if behaviour.latency_ms:
            await asyncio.sleep(behaviour.latency_ms / 1000)
        if behaviour.mode is Mode.BLACKHOLE:
            await asyncio.Event().wait()
        body = await request.read()
        if behaviour.mode is Mode.HTTP_500:
            return web.Response(status=500, text="Internal Server Error")
        reply = await self._answer(request, body, _feigned(behaviour.mode))
        if behaviour.mode is Mode.RESET_AFTER_SUCCESS:
            return _dropped(request)
        if behaviour.mode is Mode.SLOW:
            return await _trickled(request, reply)
        return web.Response(
            status=reply.status, body=reply.body, headers={"Content-Type": reply.content_type}
        )

    async def _answer(
        self, request: web.Request, body: bytes, instead: Fault | RegistryError | None
    ) -> Reply:
        _, service = self._started()
        tls = request.transport.get_extra_info("ssl_object") if request.transport else None
        exchange = Exchange(
            path=request.path,
            content_type=request.headers.get("Content-Type", ""),
            body=body,
            client_certificate=None if tls is None else tls.getpeercert(binary_form=True),
        )
        return await asyncio.to_thread(service.answer, exchange, instead)

    async def _tell_documents(self, request: web.Request) -> web.Response:
        store, _ = self._started()
        patient_ids = self._patients.ids_of(request.query.get("patient", ""))
        return web.json_response(await asyncio.to_thread(holdings_of, store, patient_ids))

    async def _lose_document(self, request: web.Request) -> web.Response:
        store, _ = self._started()
        unique_id = request.query.get("unique_id", "")
        is_lost = await asyncio.to_thread(store.lose_document, unique_id)
        return web.Response(status=204 if is_lost else 404)

    async def _set_mode(self, request: web.Request) -> web.Response:
        try:
            behaviour = _read_behaviour(await request.json())
        except ValueError:
            return web.json_response({"modes": [mode.value for mode in Mode]}, status=400)
        self.behave(behaviour)
        return web.json_response({"mode": behaviour.mode.value})

    async def _tell_calls(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({"received": self.received, "accepted": self.accepted})


def _read_behaviour(wanted: object) -> Behaviour:
    """Read `{"mode", "requests", "latency_ms"}`, each optional; ValueError when it is not that."""
    if not isinstance(wanted, dict) or set(wanted) - {"mode", "requests", "latency_ms"}:
        raise ValueError("a behaviour")
    requests, latency_ms = wanted.get("requests"), wanted.get("latency_ms", 0)
    if not isinstance(requests, int | None) or not isinstance(latency_ms, int):
        raise ValueError("numbers")  # noqa: TRY004  all that is wrong with it is one answer
    return Behaviour(Mode(wanted.get("mode", "normal")), requests, latency_ms)


def _feigned(mode: Mode) -> Fault | RegistryError | None:
    """Return the refusal that a mode puts in place of any answer."""
    if mode is Mode.SOAP_FAULT:
        return Fault("Receiver", "the DMP is unavailable for now")
    if mode is Mode.REGISTRY_BUSY:
        return RegistryError("XDSRegistryBusy", "too much at once: try later")
    if mode is Mode.REJECT:
        return RegistryError("XDSRepositoryError", "refused because a test said so")
    return None


def _dropped(request: web.Request) -> web.Response:
    """Drop the connection: what is returned is never sent."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _trickled(request: web.Request, reply: Reply) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers={"Content-Type": reply.content_type})
    await response.prepare(request)
    for position in range(len(reply.body)):
        await response.write(reply.body[position : position + 1])
        await asyncio.sleep(_TRICKLE_SECONDS)
    return response
