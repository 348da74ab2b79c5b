"""The page of the HTTP interfaces: served by the box, under the strictest policy, to anyone."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.fakes.consultation_site import ConsultationSite
from tests.fakes.published_answers import published
from tests.house.source_files import ROOT


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    return published(TestClient(ConsultationSite(tmp_path).app, base_url="https://box.test"))


@pytest.mark.requirement("FA.6")
def test_the_page_and_what_it_loads_are_served(client: TestClient) -> None:
    page = client.get("/openapi/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert client.get("/openapi/page.css").headers["content-type"].startswith("text/css")


@pytest.mark.parametrize("file", sorted((ROOT / "openapi").glob("*.yaml")), ids=lambda f: f.name)
def test_each_file_is_served_as_it_is(client: TestClient, file: Path) -> None:
    assert client.get(f"/openapi/{file.name}").content == file.read_bytes()


@pytest.mark.parametrize("path", ["../pyproject.toml", "%2e%2e/pyproject.toml", "no-such.yaml"])
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    assert client.get(f"/openapi/{path}").status_code == 404
