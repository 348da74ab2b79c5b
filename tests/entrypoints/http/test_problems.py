"""The browser side's table of errors."""

import asyncio
import json

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient
from structlog.testing import capture_logs
from tests.fakes.error_tree import all_errors
from tests.fuzz.http_inputs import scope_of
from tests.fuzz.http_inputs import status_of as answer_status

from drimbox import errors
from drimbox.entrypoints.http.error_doors import exception_handlers
from drimbox.entrypoints.http.problems import (
    STATUS_OF,
    TITLES,
    status_of,
)
from drimbox.entrypoints.http.request_limit import TooManyRequests


def test_every_error_has_its_own_row_and_every_status_a_title() -> None:
    assert all_errors() | {TooManyRequests} == set(STATUS_OF)
    assert set(STATUS_OF.values()) <= set(TITLES)


def test_an_error_of_another_module_takes_the_status_of_its_ancestor() -> None:
    class AnotherRefusal(errors.ConsentMissing): ...

    assert status_of(AnotherRefusal("opposed")) == 403


def _answer_to(error: Exception) -> Response:
    async def fail(request: Request) -> Response:
        raise error

    app = Starlette(
        routes=[Route("/somewhere/{identifier}", fail)],
        exception_handlers=exception_handlers(),
    )
    return TestClient(app).get("/somewhere/261047511490138")  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("error", "status", "header", "value"),
    [
        pytest.param(
            errors.NotAuthenticated("no credential"),
            401,
            "www-authenticate",
            'Bearer realm="drimbox"',
            id="no credential gets a challenge without a code",
        ),
        pytest.param(
            errors.NotAuthenticated("expired", error="invalid_token"),
            401,
            "www-authenticate",
            'Bearer realm="drimbox", error="invalid_token"',
            id="a bad token gets the code of RFC 6750",
        ),
        pytest.param(
            errors.Unavailable("DMP"), 503, "retry-after", "10", id="a partner away says when"
        ),
        pytest.param(
            errors.TimedOut("PACS", 10), 504, "cache-control", "no-store", id="never stored"
        ),
    ],
)
def test_the_answer_carries_its_headers(
    error: Exception, status: int, header: str, value: str
) -> None:
    answer = _answer_to(error)
    assert (answer.status_code, answer.headers[header]) == (status, value)
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_body_never_quotes_the_error() -> None:
    answer = _answer_to(errors.InvalidValue("Patient.name", "DUPONT is no name"))
    body = json.loads(answer.content)  # type: ignore[attr-defined]
    assert body == {"type": "about:blank", "title": TITLES[400], "status": 400}  # type: ignore[index]


@pytest.mark.parametrize(
    ("error", "level", "status"),
    [(errors.NotFound("no such study"), "info", 404), (errors.DrimboxError("ours"), "error", 500)],
)
def test_the_log_tells_class_and_door_and_no_identifier(
    error: errors.DrimboxError, level: str, status: int
) -> None:
    with capture_logs() as lines:
        _answer_to(error)
    # Whoever mends a fault of ours wants its place; a caller's fault has none here.
    assert ("where" in lines[0]) == (level == "error")
    assert lines == [
        {
            **{name: value for name, value in lines[0].items() if name == "where"},
            "event": "request_failed",
            "log_level": level,
            "error": type(error).__name__,
            "status": status,
            "door": "somewhere",
        }
    ]


@pytest.mark.parametrize("path", ["/261047511490138", "/261047511490138/x", "*", ""])
def test_the_log_quotes_no_address_that_we_do_not_have(path: str) -> None:
    app = Starlette(routes=[], exception_handlers=exception_handlers())
    scope, body = scope_of(b"GET /")
    with capture_logs() as lines:
        status = asyncio.run(answer_status(app, {**scope, "path": path}, body))
    assert (status, [line["door"] for line in lines]) == (404, [None])
