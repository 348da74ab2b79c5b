"""The address of a box without a path."""

from starlette.applications import Starlette
from starlette.testclient import TestClient

from drimbox.entrypoints.http.front_door import front_door


def test_it_leads_within_the_same_host() -> None:
    client = TestClient(Starlette(routes=[front_door("/consultation")]))
    answer = client.get("/", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/consultation")
