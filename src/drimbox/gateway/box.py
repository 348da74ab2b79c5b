"""One box: made from its settings, started, run until it is told to stop, stopped in order."""

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import timedelta

import structlog
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from drimbox.entrypoints.http.event_loop_watch import EventLoopWatch
from drimbox.entrypoints.http.listener import (
    HttpListener,
    browser_tls_context,
    following,
    peer_tls_context,
)
from drimbox.entrypoints.http.pages import Pages
from drimbox.errors import DrimboxError, raised_at
from drimbox.flows.opened_study import ImageService
from drimbox.gateway.applications import (
    browser_application,
    operator_application,
    peer_application,
)
from drimbox.gateway.consumer import make_consumer
from drimbox.gateway.fhir import make_fhir_routes
from drimbox.gateway.identity import Identity, make_identity
from drimbox.gateway.local_query import make_query_retrieve_scp
from drimbox.gateway.named_files import naming
from drimbox.gateway.parts import Parts, make_parts
from drimbox.gateway.source import make_serve_study, make_source
from drimbox.settings.load import Settings
from drimbox.settings.renewed import Renewed

_log = structlog.get_logger("box")
_PURGE_EVERY = timedelta(minutes=10)
_BOUNDS_KEPT_EVERY_SECONDS = 30.0
# Of the three seconds in which a box starts, whatever the ANS does (R12).
_WHITE_LIST_AWAITED_SECONDS = 1.5


class Box:
    """`start` returns once everything listens; `stop` drains and closes in the reverse order."""

    def __init__(
        self,
        settings: Settings,
        *,
        on_failure: Callable[[], None],
        is_first_worker: bool = True,
        is_shared: bool = False,
    ) -> None:
        """Only the first worker of a host listens for MLLP, DICOM and operators.

        is_shared lets several workers listen on the same HTTP ports. on_failure is called when a
        part has ended that should not: half a box must not pass for a whole one, so stop it then.
        """
        self._settings = settings
        self._is_shared = is_shared
        self._is_first_worker = is_first_worker
        self._on_failure = on_failure
        self.has_failed = False
        self._stack = AsyncExitStack()
        self._pages = Pages(settings.time_zone)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open, connect, listen.

        Raises:
            SettingsError: the settings cannot be used.
            Unavailable: the database does not answer.
            OSError: an address cannot be listened on.
        """
        parts = await make_parts(self._settings)
        await self._start_parts(parts)
        identity = make_identity(parts)
        self._stack.push_async_callback(identity.provider.close)
        parts.renewals.follow({**parts.renewed, "pro_sante_connect.tls": identity.provider.tls})
        images, routes, last_routes = await self._start_functions(parts, identity)
        application = browser_application(parts, identity, images, self._pages, routes, last_routes)
        await self._listen(parts, identity, application)
        self._run(parts.renewals.run())
        self._run(self._purge(parts))
        if self._is_first_worker:
            self._run(self._keep_bounds(parts))
        _log.info("box_started", role=self._settings.role.value)

    async def stop(self) -> None:
        """Stop listening, let what is under way end, close."""
        await self._stack.aclose()
        _log.info("box_stopped")

    async def _start_parts(self, parts: Parts) -> None:
        self._stack.push_async_callback(parts.stores.database.close)
        self._stack.push_async_callback(parts.dmp.client.aclose)
        await parts.peer.start()
        self._stack.push_async_callback(parts.peer.stop)
        self._stack.push_async_callback(parts.pixels.stop)
        # In the background: the codecs take a second to load, and nothing waits for them yet.
        self._run(parts.pixels.start())
        self._stack.push_async_callback(parts.cache.stop)
        self._stack.push_async_callback(parts.fetch_ahead.stop)
        is_met = self._is_shared and self._settings.dicom is not None
        await parts.pacs.start(
            is_first_worker=self._is_first_worker,
            shared=self._settings.storage.cache_directory if is_met else None,
        )
        self._stack.push_async_callback(parts.pacs.close)
        self._stack.push_async_callback(self._cancel_tasks)
        try:
            async with asyncio.timeout(_WHITE_LIST_AWAITED_SECONDS):
                await parts.trusted_space.refresh()
        except (DrimboxError, TimeoutError) as error:
            # `run` tries again; until a list is in force every peer is refused.
            reason = str(error) or "it takes long to come"
            _log.warning("white_list_not_refreshed", reason=reason)
            parts.trusted_space.restore()
        self._run(parts.trusted_space.run())

    async def _start_functions(
        self, parts: Parts, identity: Identity
    ) -> tuple[ImageService, list[BaseRoute], list[BaseRoute]]:
        """Start what the role asks for; a box of both functions shows people the Consommatrice."""
        settings = self._settings
        source = make_serve_study(parts) if settings.is_source else None
        if settings.is_source and self._is_first_worker:
            side = make_source(parts)
            await side.mllp.start()
            self._stack.push_async_callback(side.mllp.stop)
            self._run(side.intake_worker.run())
            self._run(side.outbox_worker.run())
        if not settings.is_consumer:
            assert source is not None  # noqa: S101  # one of both functions
            return source, make_fhir_routes(parts, identity, None), []
        consumer = make_consumer(parts, identity, self._pages)
        self._run(consumer.import_studies.run())
        if settings.local_query is not None:
            listener = make_query_retrieve_scp(
                parts, settings.local_query, is_shared=self._is_shared
            )
            await listener.start()
            self._stack.push_async_callback(listener.stop)
        fhir = make_fhir_routes(parts, identity, consumer)
        return consumer.images, [*consumer.routes, *fhir], consumer.last_routes

    async def _listen(self, parts: Parts, identity: Identity, application: ASGIApp) -> None:
        settings = self._settings
        browser = settings.browser
        await self._open(
            HttpListener(
                application,
                browser.host,
                browser.port,
                tls=_browser_tls(parts),
                is_shared=self._is_shared,
            )
        )
        if settings.peer is not None:
            peers = peer_application(parts, identity, make_serve_study(parts))
            host, port = settings.peer.host, settings.peer.port
            await self._open(
                HttpListener(peers, host, port, tls=_peer_tls(parts), is_shared=self._is_shared)
            )
        if self._is_first_worker:
            event_loop = EventLoopWatch()
            self._run(event_loop.run())
            operator = operator_application(parts, identity, event_loop)
            await self._open(HttpListener(operator, settings.operator.host, settings.operator.port))

    async def _open(self, listener: HttpListener) -> None:
        await listener.start()
        self._stack.push_async_callback(listener.stop)

    async def _purge(self, parts: Parts) -> None:
        while True:
            await asyncio.sleep(_PURGE_EVERY.total_seconds())
            try:
                await parts.stores.purge(parts.clock.now())
            except DrimboxError as error:
                _log.warning("purge_failed", reason=str(error))

    async def _keep_bounds(self, parts: Parts) -> None:
        """Let images go when their time is over, though nothing new arrives."""
        while True:
            await asyncio.sleep(_BOUNDS_KEPT_EVERY_SECONDS)
            try:
                await parts.cache.keep_bounds()
            except OSError as error:
                _log.warning("image_cache_not_bounded", reason=type(error).__name__)

    def _run(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            name = getattr(task.get_coro(), "__qualname__", "")
            _log.error(
                "background_task_died",
                task=name,
                error=type(error).__name__,
                where=raised_at(error),
            )
            self.has_failed = True
            self._on_failure()

    async def _cancel_tasks(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _browser_tls(parts: Parts) -> ssl.SSLContext | None:
    browser = parts.settings.browser
    certificate, key = browser.certificate_file, browser.key_file
    if certificate is None or key is None:
        return None
    with naming("browser.certificate_file"):
        contexts = Renewed((certificate, key), lambda: browser_tls_context(certificate, key))
    parts.renewals.follow({"browser.certificate_file": contexts})
    return following(contexts)


def _peer_tls(parts: Parts) -> ssl.SSLContext | None:
    assert parts.settings.peer is not None  # noqa: S101  # looked at by who listens
    files = parts.settings.peer.tls
    with naming("peer.tls"):
        contexts = Renewed(
            files.every_file,
            lambda: peer_tls_context(files.certificate_file, files.key_file, files.ca_file),
        )
    parts.renewals.follow({"peer.tls": contexts})
    return following(contexts)
