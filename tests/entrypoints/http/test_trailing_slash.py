"""An address with a slash too many, or too few, leads by its path to the one that is meant."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send
from tests.fuzz.http_inputs import scope_of
from tests.fuzz.http_inputs import status_of as answer_status

from drimbox.entrypoints.http.error_doors import application_of


async def found(request: Request) -> Response:
    return PlainTextResponse(request.method)


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    raise HTTPException(404)


ROUTES = [
    Route("/dicom-web/studies", found, methods=["GET", "POST"]),
    Route("/names/{name}", found),
    Route("/pages/", found),
    Mount("/ohif", routes=[Route("/viewer", found)]),
]
# A Consommatrice ends with a mount that takes what others leave.
APPLICATIONS = [
    pytest.param(application_of(ROUTES), id="Source"),
    pytest.param(
        application_of([*ROUTES, Mount("/", nothing)]),
        id="Consommatrice",
    ),
]


@pytest.mark.parametrize("application", APPLICATIONS)
@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        pytest.param("/dicom-web/studies/", "/dicom-web/studies", id="one too many"),
        pytest.param("/dicom-web/studies//", "/dicom-web/studies", id="two too many"),
        pytest.param(
            "/dicom-web/studies/?limit=2&PatientName=D%C3%89*",
            "/dicom-web/studies?limit=2&PatientName=D%C3%89*",
            id="the query stays as it is",
        ),
        pytest.param("/names/a%3Fb%20c/", "/names/a%3Fb%20c", id="so does what is escaped"),
        pytest.param("/pages", "/pages/", id="one too few"),
        pytest.param("/ohif", "/ohif/", id="one too few at a mount"),
    ],
)
def test_the_slash_is_mended_by_the_path_alone(
    application: Starlette, asked: str, meant: str
) -> None:
    client = TestClient(application, headers={"Host": "evil.example"}, follow_redirects=False)
    answer = client.get(asked)
    assert (answer.status_code, answer.headers["location"]) == (307, meant)


def test_a_search_by_form_comes_with_its_form() -> None:
    client = TestClient(application_of(ROUTES))
    answer = client.post("/dicom-web/studies/", content=b"limit=2")
    assert (answer.status_code, answer.text) == (200, "POST")


@pytest.mark.parametrize("application", APPLICATIONS)
@pytest.mark.parametrize(
    "path",
    [
        pytest.param("//evil.example/names/x/", id="no other host is named"),
        pytest.param("//", id="nothing but slashes"),
        pytest.param("/elsewhere/", id="no such address"),
        pytest.param("/names//", id="no such address either"),
        pytest.param("/elsewhere", id="none with a slash"),
        pytest.param("/ohif/no-such-file", id="nothing below a mount"),
    ],
)
def test_what_no_route_has_leads_nowhere(application: Starlette, path: str) -> None:
    scope, body = scope_of(b"GET /")
    status = asyncio.run(answer_status(application, {**scope, "path": path}, body))
    assert status == 404
