"""The audit search of operators: JSON criteria in, events out (CS.10)."""

import json
from collections.abc import Mapping
from datetime import datetime

from starlette.requests import Request

from drimbox.entrypoints.http.encoded_bodies import check_not_encoded
from drimbox.errors import InvalidValue, MalformedMessage, TooLarge, UnsupportedMessage
from drimbox.model.audit import AuditAction, AuditEvent
from drimbox.ports.audit_repository import AuditSearch

_MAX_BODY_BYTES = 16 * 1024
_MOST_EVENTS = 1000
_TEXTS = ("patient", "user", "document")
_NAMES = {*_TEXTS, "since", "until", "actions", "limit"}


async def parse_audit_search(request: Request) -> AuditSearch:
    """Read the criteria from the body of a request.

    Raises:
        UnsupportedMessage: another type than application/json, or a compressed body (N7).
        TooLarge: over 16 KiB.
        MalformedMessage: not a JSON object.
        InvalidValue: an unknown criterion, or one that is not what it should be.
    """
    check_not_encoded(request)
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise UnsupportedMessage("application/json", where="Content-Type")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            raise TooLarge(f"at most {_MAX_BODY_BYTES} octets")
    try:
        criteria = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedMessage("not JSON") from error
    if not isinstance(criteria, dict):
        raise MalformedMessage("not a JSON object")
    return _search(criteria)


def event_json(event: AuditEvent) -> dict[str, object]:
    """Return an event as operators read it."""
    return {
        "occurred_at": event.occurred_at.isoformat(timespec="seconds"),
        "action": event.action.value,
        "outcome": event.outcome.name.lower(),
        "user": event.user,
        "user_name": event.user_name,
        "user_role": event.user_role,
        "source_address": event.source_address,
        "destination": event.destination,
        "patient_id": event.patient_id,
        "study_instance_uid": event.study_instance_uid,
        "document_unique_id": event.document_unique_id,
        "consent": event.consent,
        "description": event.description,
    }


def _search(criteria: Mapping[str, object]) -> AuditSearch:
    if not criteria.keys() <= _NAMES:
        raise InvalidValue("criteria", "only " + ", ".join(sorted(_NAMES)))
    patient, user, document = (_text(criteria, name) for name in _TEXTS)
    limit = criteria.get("limit", 100)
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= _MOST_EVENTS:
        raise InvalidValue("limit", f"a number from 1 to {_MOST_EVENTS}")
    return AuditSearch(
        since=_instant(criteria, "since"),
        until=_instant(criteria, "until"),
        patient_id=patient,
        user=user,
        document=document,
        actions=_actions(criteria.get("actions", [])),
        limit=limit,
    )


def _text(criteria: Mapping[str, object], name: str) -> str | None:
    value = criteria.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidValue(name, "a text")
    return value


def _instant(criteria: Mapping[str, object], name: str) -> datetime | None:
    text = _text(criteria, name)
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise InvalidValue(name, "an instant of RFC 3339, with its offset")
    return instant


def _actions(value: object) -> tuple[AuditAction, ...]:
    known = {action.value: action for action in AuditAction}
    if not isinstance(value, list) or not all(isinstance(v, str) and v in known for v in value):
        raise InvalidValue("actions", "a list of " + ", ".join(known))
    return tuple(known[v] for v in value)
