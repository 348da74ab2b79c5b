"""The operators' listener, loopback by default: metrics, alerts, publications, audit search.

Answers hold UIDs and states; only the audit search, which is itself recorded, tells identities.
"""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPMethod

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from drimbox.errors import InvalidValue
from drimbox.model.publication import Alert, PublicationJob
from drimbox.ports.clock import Clock
from drimbox.ports.outbox import OutboxAdministration
from drimbox.ports.study_register import Alerts

_NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class OperatorDoor:
    """Handlers of /metrics and /admin."""

    registry: CollectorRegistry
    alerts: Alerts
    outbox: OutboxAdministration
    clock: Clock

    async def metrics(self, request: Request) -> Response:
        del request
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)

    async def list_alerts(self, request: Request) -> Response:
        del request
        found = await self.alerts.find_open()
        return JSONResponse([alert_json(a) for a in found], headers=_NO_STORE)

    async def close_alert(self, request: Request) -> Response:
        await self.alerts.close(_number(request))
        return Response(status_code=204)

    async def list_publications(self, request: Request) -> Response:
        del request
        jobs = await self.outbox.find_jobs()
        return JSONResponse([job_json(j) for j in jobs], headers=_NO_STORE)

    async def retry_publication(self, request: Request) -> Response:
        await self.outbox.retry(_number(request), self.clock.now())
        return Response(status_code=204)


def operator_routes(door: OperatorDoor) -> list[BaseRoute]:
    """Return the routes of the operators' listener."""
    post = [HTTPMethod.POST]
    return [
        Route("/metrics", door.metrics),
        Route("/admin/alerts", door.list_alerts),
        Route("/admin/alerts/{number}/close", door.close_alert, methods=post),
        Route("/admin/publications", door.list_publications),
        Route("/admin/publications/{number}/retry", door.retry_publication, methods=post),
    ]


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
    text = request.path_params["number"]
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise InvalidValue("number", "a whole number")
    return int(text)
