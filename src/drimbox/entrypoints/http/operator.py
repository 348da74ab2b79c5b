"""The operators' listener, loopback by default: metrics, alerts, publications, audit search.

It asks for no credential, so it must be reached by operators only; what a web page makes a browser
do is kept out by `OwnHostOnly`. Answers hold UIDs and states; only the audit search, which is
itself recorded, tells identities.
"""

import ipaddress
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from http import HTTPMethod
from typing import TypeVar

from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from drimbox.entrypoints.http.audit_search import event_json, parse_audit_search
from drimbox.entrypoints.http.metrics import Metrics
from drimbox.entrypoints.http.problems import problem_response
from drimbox.errors import InvalidValue, Refused
from drimbox.flows.search_audit import SearchAudit
from drimbox.model.publication import Alert, AlertKind, JobState, PublicationJob
from drimbox.ports.clock import Clock
from drimbox.ports.outbox import OutboxAdministration
from drimbox.ports.study_register import Alerts

_NO_STORE = {"Cache-Control": "no-store"}
_MOST_ROWS = 1000
_HOST = re.compile(r"(?:\[([^\]]+)\]|([^:\[\]]+))(?::\d{1,5})?")
Word = TypeVar("Word", bound=Enum)


@dataclass(frozen=True, slots=True)
class OperatorDoor:
    """Handlers of /metrics and /admin."""

    collect_metrics: Metrics
    alerts: Alerts
    outbox: OutboxAdministration
    search_audit: SearchAudit
    clock: Clock

    async def metrics(self, request: Request) -> Response:
        del request
        return Response(await self.collect_metrics(), media_type=CONTENT_TYPE_LATEST)

    async def list_alerts(self, request: Request) -> Response:
        kind = _word(request.query_params, "kind", AlertKind)
        found = await self.alerts.find_open()
        rows = [alert_json(a) for a in found if kind in {None, a.kind}]
        return JSONResponse(rows, headers=_NO_STORE)

    async def close_alert(self, request: Request) -> Response:
        await self.alerts.close(_number(request))
        return Response(status_code=204)

    async def list_publications(self, request: Request) -> Response:
        query = request.query_params
        state = _word(query, "state", JobState)
        limit = _whole_number(query.get("limit", "100"), "limit")
        if not 1 <= limit <= _MOST_ROWS:
            raise InvalidValue("limit", f"from 1 to {_MOST_ROWS}")
        jobs = await self.outbox.find_jobs(limit=limit, state=state)
        return JSONResponse([job_json(j) for j in jobs], headers=_NO_STORE)

    async def retry_publication(self, request: Request) -> Response:
        await self.outbox.retry(_number(request), self.clock.now())
        return Response(status_code=204)

    async def search_events(self, request: Request) -> Response:
        """Criteria come in a body: an INS stands in no address."""
        search = await parse_audit_search(request)
        address = request.client.host if request.client else ""
        found = await self.search_audit(search, operator="operator", source_address=address)
        return JSONResponse([event_json(event) for event in found], headers=_NO_STORE)


def operator_routes(door: OperatorDoor) -> list[BaseRoute]:
    """Return the routes of the operators' listener."""
    get, post = [HTTPMethod.GET], [HTTPMethod.POST]
    return [
        Route("/metrics", door.metrics, methods=get),
        Route("/admin/alerts", door.list_alerts, methods=get),
        Route("/admin/alerts/{number}/close", door.close_alert, methods=post),
        Route("/admin/publications", door.list_publications, methods=get),
        Route("/admin/publications/{number}/retry", door.retry_publication, methods=post),
        Route("/admin/audit/search", door.search_events, methods=post),
    ]


class OwnHostOnly:
    """Refuses what a web page may make an operator's browser send to a loopback port.

    Host must be an address, localhost or one of names (a name that an attacker made resolve to us
    is none of them); Origin, where a browser sends one, must be that very host.
    """

    def __init__(self, application: ASGIApp, names: Collection[str]) -> None:
        self._application = application
        self._names = {"localhost", *(name.casefold() for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_own(Headers(scope=scope)):
            await self._application(scope, receive, send)
            return
        answer = problem_response(Request(scope), Refused("another host, or another origin"))
        await answer(scope, receive, send)

    def _is_own(self, headers: Headers) -> bool:
        host = headers.get("host", "")
        parts = _HOST.fullmatch(host)
        name = (parts[1] or parts[2]).casefold() if parts else ""
        if name not in self._names and not _is_address(name):
            return False
        origin = headers.get("origin")
        return origin is None or origin.partition("://")[2] == host


def alert_json(alert: Alert) -> dict[str, object]:
    """Return an alert as operators read it."""
    return {
        "id": alert.alert_id,
        "kind": alert.kind.value,
        "text": alert.text,
        "raised_at": _instant(alert.raised_at),
        "study_instance_uid": alert.study_instance_uid,
        "report_id": alert.report_id,
        "message_id": alert.message_id,
    }


def job_json(job: PublicationJob) -> dict[str, object]:
    """Return an outbox row as operators read it."""
    return {
        "id": job.job_id,
        "study_instance_uid": job.study_instance_uid,
        "kos_sop_instance_uid": job.submission.document_unique_id,
        "state": job.state.value,
        "attempts": job.attempts,
        "created_at": _instant(job.created_at),
        "next_attempt_at": _instant(job.next_attempt_at),
        "last_error": job.last_error,
    }


def _instant(value: datetime) -> str:
    return value.isoformat(timespec="seconds")


def _number(request: Request) -> int:
    return _whole_number(request.path_params["number"], "number")


def _whole_number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise InvalidValue(what, "a whole number")
    return int(text)


def _word(query: Mapping[str, str], name: str, words: type[Word]) -> Word | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        return words(text)
    except ValueError:
        raise InvalidValue(name, "one of " + ", ".join(w.value for w in words)) from None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
