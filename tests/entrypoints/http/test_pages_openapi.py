"""openapi/contextual-call.yaml and openapi/pages.yaml say what the doors do, no more, no less."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from jsonschema_rs import validator_for
from starlette.routing import Mount, Route
from tests.fakes.consultation_site import CALL, DOCTOR, ConsultationSite
from tests.fakes.manifests import made_up_manifest

from drimbox.model.contextual_call import OPTIONAL, REQUIRED

FOLDER = Path(__file__).resolve().parents[3] / "openapi"
DOCUMENTS = ("contextual-call.yaml", "pages.yaml")


def _document(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())
    return loaded


def _published() -> set[tuple[str, str]]:
    return {
        (method.upper(), path)
        for name in DOCUMENTS
        for path, item in _document(name)["paths"].items()
        if "x-setting" not in item
        for method in item
        if method in {"get", "post", "options", "put", "delete"}
    }


def _served(site: ConsultationSite) -> Iterator[tuple[str, str]]:
    for route in site.app.routes:
        if isinstance(route, Mount):
            yield "GET", route.path + "/{file}"
        elif isinstance(route, Route):
            for method in (route.methods or set()) - {"HEAD"}:
                yield method, route.path


def test_the_published_paths_are_the_routes(tmp_path: Path) -> None:
    assert _published() == set(_served(ConsultationSite(tmp_path)))


def test_the_published_parameters_are_those_of_tableau_1() -> None:
    call = _document("contextual-call.yaml")["components"]["schemas"]["ContextualCall"]
    assert set(call["required"]) == set(REQUIRED)
    assert set(call["properties"]) == {*REQUIRED, *OPTIONAL}


@pytest.mark.parametrize(
    ("headers", "form", "schema"),
    [
        ({"Accept": "application/json"}, CALL, "OpenedContext"),
        ({"Authorization": "Bearer {token}"}, CALL, "OpenedContextWithToken"),
        ({}, {}, "MalformedCall"),
        ({"Content-Type": "application/json"}, {}, "MalformedCall"),
    ],
)
def test_answers_of_the_call_have_their_published_shape(
    tmp_path: Path, headers: dict[str, str], form: dict[str, str], schema: str
) -> None:
    site = ConsultationSite(tmp_path)
    token = site.provider.sign_in().access_token
    sent = {name: value.format(token=token) for name, value in headers.items()}
    answer = site.client().post("/drim", data=form, headers=sent)
    shape = _document("contextual-call.yaml")["components"]["schemas"][schema]
    validator_for(shape).validate(answer.json())


def test_answers_of_the_pages_have_their_published_shape(tmp_path: Path) -> None:
    site = ConsultationSite(tmp_path)
    manifest = made_up_manifest()
    site.dmp.hold(manifest)
    client = site.client(DOCTOR)
    context = site.open_patient(client)
    page = client.get(f"/consultation/{context}").text
    form = {
        "form_token": page.split('data-form-token="')[1].split('"')[0],
        "study": manifest.study_instance_uid,
        "destination": "PACS",
    }
    answer = client.post(f"/consultation/{context}/exports", data=form)
    schemas = _document("pages.yaml")["components"]["schemas"]
    for one in answer.json():
        validator_for(schemas["Export"]).validate(one)


def test_nothing_that_a_generated_call_sends_makes_a_5xx(tmp_path: Path) -> None:
    site = ConsultationSite(tmp_path)
    client = site.client()
    schema = schemathesis.openapi.from_path(FOLDER / "contextual-call.yaml")
    call = schema["/drim"]["POST"]

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=call.as_strategy())
    def send(case: schemathesis.Case) -> None:
        body = case.body if isinstance(case.body, dict) else {}
        headers = {str(name): str(value) for name, value in (case.headers or {}).items()}
        answer = client.post("/drim", data=body, headers=headers)
        assert answer.status_code in {200, 303, 400, 403}

    send()
