"""Logs: one JSON object a line on standard output, cut and escaped; no identity reaches them."""

import json
import logging
import sys
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog

from drimbox.errors import raised_at

_MAX_TEXT = 512
# Its warnings quote the values of a data set.
_QUOTING_LIBRARY = "pydicom"
# Names under which an identity or a secret might be logged by mistake: their values never leave.
NEVER_TOLD = frozenset(
    {"ins", "patient", "patient_id", "token", "access_token", "authorization", "body", "name"}
)


def set_up_logging(level: int = logging.INFO) -> None:
    """Send structlog and the libraries' loggers to standard output as JSON."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _redact,
    ]
    structlog.configure(
        processors=[*shared, _as_json],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _exception_type,
                _as_json,
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger(_QUOTING_LIBRARY).setLevel(logging.CRITICAL)


def keep_logs_apart() -> None:
    """Send warnings to standard error: what a command prints is its answer, and nothing else."""
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            _redact,
            _as_json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def _one_line(event: object, *, default: Callable[[object], object] | None = None) -> str:
    """Write ASCII without control characters; DEL is the one that JSON leaves as it is."""
    return json.dumps(event, ensure_ascii=True, default=default).replace("\x7f", "\\u007f")


_as_json = structlog.processors.JSONRenderer(serializer=_one_line)


def _redact(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    del logger, method
    for key, value in event.items():
        if key in NEVER_TOLD:
            event[key] = "[redacted]"
        elif isinstance(value, str) and len(value) > _MAX_TEXT:
            event[key] = value[:_MAX_TEXT] + "…"
    return event


def _exception_type(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Keep the class and the place of an exception, as `raised_at` has it."""
    del logger, method
    info = event.pop("exc_info", None)
    if isinstance(info, tuple) and info[1] is not None:
        event["error"] = type(info[1]).__name__
        event["where"] = raised_at(info[1])
    return event
