"""State of the box: alive, ready, and the météo with each dependency's own (EC-3).

/health/live     200 as long as the process answers
/health/ready    200 when what every request needs is there (storage, white list), else 503
/meteo           200 with the state of each dependency, whatever it is
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from drimbox.errors import DrimboxError, Unavailable

_KEPT_SECONDS = 5.0
_PARTNER_KEPT_SECONDS = 60.0
_CHECK_SECONDS = 10.0
_NO_STORE = {"Cache-Control": "no-store"}

Check = Callable[[], Awaitable[None]]
"""Raises a DrimboxError when the dependency is not well."""


@dataclass(slots=True)
class KeptCheck:
    """A check whose answer serves for a minute: a national service is not ours to ask at will."""

    check: Check
    _error: DrimboxError | None = None
    _checked_at: float = float("-inf")

    async def __call__(self) -> None:
        if time.monotonic() - self._checked_at > _PARTNER_KEPT_SECONDS:
            self._checked_at = time.monotonic()
            # What stands if we are cancelled: it did not answer in the time there is.
            self._error = Unavailable("partner")
            try:
                await self.check()
                self._error = None
            except DrimboxError as error:
                self._error = error
        if self._error is not None:
            raise self._error


@dataclass(slots=True)
class HealthDoor:
    """required are what readiness needs; others are told by the météo only."""

    required: Mapping[str, Check]
    others: Mapping[str, Check]
    version: str
    _states: dict[str, str] = field(default_factory=dict)
    _checked_at: float = float("-inf")
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def live(self, request: Request) -> Response:
        del request
        return JSONResponse({"status": "up"}, headers=_NO_STORE)

    async def ready(self, request: Request) -> Response:
        del request
        states = {name: await _state(check) for name, check in self.required.items()}
        is_ready = all(state == "up" for state in states.values())
        status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
        body = {"status": "up" if is_ready else "down", "dependencies": states}
        return JSONResponse(body, status, headers=_NO_STORE)

    async def meteo(self, request: Request) -> Response:
        del request
        states = await self.states()
        is_up = all(states[name] == "up" for name in self.required)
        is_whole = all(state == "up" for state in states.values())
        status = "up" if is_whole else "degraded" if is_up else "down"
        body = {"status": status, "version": self.version, "dependencies": states}
        return JSONResponse(body, headers=_NO_STORE)

    async def states(self) -> Mapping[str, str]:
        """Return the last look, at most a few seconds old: asking often costs nothing."""
        async with self._lock:
            if time.monotonic() - self._checked_at > _KEPT_SECONDS:
                checks = {**self.required, **self.others}
                found = await asyncio.gather(*(_state(c) for c in checks.values()))
                self._states = dict(zip(checks, found, strict=True))
                self._checked_at = time.monotonic()
            return dict(self._states)


def health_routes(door: HealthDoor) -> list[BaseRoute]:
    """Return the routes; they need no token."""
    return [
        Route("/health/live", door.live),
        Route("/health/ready", door.ready),
        Route("/meteo", door.meteo),
    ]


async def _state(check: Check) -> str:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            await check()
    except (DrimboxError, TimeoutError):
        return "down"
    return "up"
