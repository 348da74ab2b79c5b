"""openapi/fhir.yaml says what the FHIR door does, no more, no less."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from jsonschema_rs import validator_for
from starlette.routing import Route
from tests.fakes.fhir_site import FhirSite, exam
from tests.house.source_files import ROOT

from drimbox.entrypoints.http.fhir.routes import fhir_routes
from drimbox.standards.fhir.contextual_call import OPERATION
from drimbox.standards.fhir.surface import SURFACE

FILE = ROOT / "openapi" / "fhir.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
# Served by the Consommatrice, and shown by test_fhir_contextual_call.py.
CALL = ("post", f"/fhir/{OPERATION}")
OPERATIONS = [
    pytest.param(path, method, id=f"{method} {path}")
    for path, item in DOCUMENT["paths"].items()
    for method in item
    if (method, path) != CALL
]


@pytest.fixture
def site(tmp_path: Path) -> FhirSite:
    site = FhirSite(tmp_path)
    one = exam(1, date(2026, 7, 1))
    site.dmp.hold(one, ["774007"])
    site.publish(one)
    return site


def _served(site: FhirSite) -> Iterator[tuple[str, str]]:
    for route in fhir_routes(site.source_door()):
        assert isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}:
            yield method.lower(), route.path_format


@pytest.mark.requirement("FA.6")
def test_the_published_paths_are_the_routes(site: FhirSite) -> None:
    published = {(method, path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert published == {*_served(site), CALL}


@pytest.mark.parametrize("kind", [one.name for one in SURFACE if one.search is not None])
def test_the_published_parameters_are_those_of_the_tables(kind: str) -> None:
    search = next(one.search for one in SURFACE if one.name == kind)
    assert search is not None
    listed = [one for one in search.parameters.values() if one.is_listed]
    honoured = {name for one in listed for name in (one.name, *_chained(one))}
    given = DOCUMENT["paths"][f"/fhir/{kind}"]["get"]["parameters"]
    assert {one["name"] for one in given if "name" in one} == honoured


def _chained(parameter: Any) -> Iterator[str]:
    yield from (one.name for one in parameter.chained.values())


@pytest.mark.parametrize("side", ["consumer", "source"])
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_nothing_generated_makes_a_5xx_or_an_answer_not_published(
    site: FhirSite, side: str, path: str, method: str
) -> None:
    client = site.consumer() if side == "consumer" else site.source()
    schema = schemathesis.openapi.from_path(FILE)
    schema.app = client.app
    operation = schema[path][method.upper()]
    published = DOCUMENT["paths"][path][method]["responses"]
    headers = {"Authorization": client.headers["Authorization"]}

    examples = 6 if path.endswith("}") else 20

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def send(case: schemathesis.Case) -> None:
        answer = case.call(base_url="https://box.test", headers=headers)
        assert str(answer.status_code) in published, (answer.status_code, answer.content)
        assert answer.status_code < 500
        _check_shape(published[str(answer.status_code)], answer)

    send()


def _check_shape(response: dict[str, Any], answer: Any) -> None:
    """Compare media type and shape with what is published; a 304 has no content."""
    name = response["$ref"].rpartition("/")[2]
    content = DOCUMENT["components"]["responses"][name].get("content")
    if content is None or not answer.content:
        return
    kind = answer.headers["content-type"][0].partition(";")[0]
    assert kind in content
    if kind == "application/fhir+json":
        shape = content[kind]["schema"] | {"components": DOCUMENT["components"]}
        validator_for(shape).validate(answer.json())
