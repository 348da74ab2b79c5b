"""openapi/ publishes the routes of the three listeners of a whole box, no more and no less."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from tests.fixtures.set_up_box import SetUpBox
from tests.house.source_files import ROOT

from drimbox.entrypoints.http.event_loop_watch import EventLoopWatch
from drimbox.entrypoints.http.pages import Pages
from drimbox.gateway.applications import (
    browser_application,
    operator_application,
    peer_application,
)
from drimbox.gateway.consumer import make_consumer
from drimbox.gateway.fhir import make_fhir_routes
from drimbox.gateway.identity import make_identity
from drimbox.gateway.parts import make_parts
from drimbox.gateway.source import make_serve_study
from drimbox.settings.load import Role, load_settings

FOLDER = ROOT / "openapi"
METHODS = frozenset({"get", "post", "put", "delete", "options", "patch"})

LISTENERS = ("browser", "peer", "operator")


@pytest.fixture
async def listeners(source_box: SetUpBox) -> AsyncIterator[dict[str, Any]]:
    """The applications of a box of both functions, as `drimbox serve` makes them."""
    settings = load_settings(source_box.settings_file).model_copy(update={"role": Role.BOTH})
    parts = await make_parts(settings)
    identity = make_identity(parts)
    pages = Pages(UTC)
    consumer = make_consumer(parts, identity, pages)
    routes = [*consumer.routes, *make_fhir_routes(parts, identity, consumer)]
    yield {
        "browser": browser_application(parts, identity, consumer.images, pages, routes),
        "peer": peer_application(parts, identity, make_serve_study(parts)),
        "operator": operator_application(parts, identity, EventLoopWatch()),
    }
    await identity.provider.close()
    await parts.stores.database.close()


@pytest.mark.anyio
@pytest.mark.requirement("FA.6")
@pytest.mark.parametrize("listener", LISTENERS)
async def test_the_published_paths_are_the_routes(listener: str, listeners: dict[str, Any]) -> None:
    published = {
        (method, path)
        for file in FOLDER.glob("*.yaml")
        for method, path, listeners_of_path in _operations(file)
        if listener in listeners_of_path
    }
    assert published == set(_served(listeners[listener]))


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.yaml")), ids=lambda file: file.name)
def test_every_path_names_listeners_that_there_are(file: Path) -> None:
    """`x-listeners` of a document are those of its paths; a path, or a method, may name its own."""
    named = {listener for _, _, listeners in _operations(file) for listener in listeners}
    assert named
    assert named <= set(LISTENERS)


def _operations(file: Path) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    for path, item in document["paths"].items():
        # What a setting adds is not among the routes of this box (test_ohif.py shows them).
        if "x-setting" in item:
            continue
        for method in METHODS & item.keys():
            of_path = item.get("x-listeners", document["x-listeners"])
            yield method, path, tuple(item[method].get("x-listeners", of_path))


def _served(application: Any) -> Iterator[tuple[str, str]]:
    while not isinstance(application, Starlette):
        application = getattr(application, "_application", None) or application._app
    for route in application.routes:
        if isinstance(route, Mount):
            yield "get", f"{route.path}/{{file}}"
            continue
        assert isinstance(route, Route)
        for method in (route.methods or {"GET"}) - {"HEAD"}:
            yield method.lower(), route.path_format
