"""openapi/oauth.yaml says what the authorization server does, no more, no less."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from jsonschema_rs import validator_for
from starlette.applications import Starlette
from starlette.routing import Route
from tests.fakes.application_site import ApplicationSite
from tests.fakes.boxes import CONSUMER, ListedBoxes, box
from tests.fakes.oauth_server import OAuthServer
from tests.fakes.tls_scope import WithCertificate
from tests.flows.test_issue_token import CONTEXT

FILE = Path(__file__).resolve().parents[3] / "openapi" / "oauth.yaml"
METHODS = frozenset({"get", "post"})
ELSEWHERE = ("/sign-", "/who")


def _document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return loaded


def _shape(name: str) -> dict[str, Any]:
    """Return a schema that stands by itself, with the ones that it names."""
    document = _document()
    return {"$ref": f"#/components/schemas/{name}", "components": document["components"]}


def _served(site: ApplicationSite) -> Iterator[tuple[str, str]]:
    application = site.app._app
    assert isinstance(application, Starlette)
    for route in application.routes:
        assert isinstance(route, Route)
        if not route.path.startswith(ELSEWHERE):
            for method in (route.methods or set()) - {"HEAD"}:
                yield method.lower(), route.path


def test_the_published_paths_are_the_routes() -> None:
    published = {
        (method, path)
        for path, item in _document()["paths"].items()
        for method in METHODS & item.keys()
    }
    assert published == set(_served(ApplicationSite()))


@pytest.mark.parametrize(
    "path", ["/.well-known/oauth-authorization-server", "/fhir/.well-known/smart-configuration"]
)
def test_discovery_has_its_published_shape(path: str) -> None:
    answer = ApplicationSite().browser().get(path)
    content = _document()["paths"][path]["get"]["responses"]["200"]["content"]
    shape = content["application/json"]["schema"] | {"components": _document()["components"]}
    validator_for(shape).validate(answer.json())


def test_tokens_and_errors_have_their_published_shape() -> None:
    site = ApplicationSite()
    tokens = validator_for(_shape("TokenAnswer"))
    code = site.code()
    tokens.validate(site.redeem(code).json())
    errors = validator_for(_shape("Error"))
    errors.validate(site.redeem(code).json())
    errors.validate(site.redeem(code, code_verifier="short").json())
    errors.validate(site.redeem(code, client_id="nobody").json())


@pytest.mark.anyio
async def test_introspection_has_its_published_shape() -> None:
    server = OAuthServer()
    server.contexts.contexts[CONTEXT.identifier] = CONTEXT
    client = ApplicationSite(server).browser(None)
    shape = validator_for(_shape("Introspection"))
    live = server.tokens.issue_context_token(CONTEXT).access_token
    for token, is_active in ((live, True), ("opaque", False)):
        form = {
            "token": token,
            "client_assertion": server.assertion(),
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        }
        answer = client.post("/oauth2/introspect", data=form).json()
        assert answer["active"] is is_active
        shape.validate(answer)


@pytest.mark.parametrize(
    ("path", "method", "is_peer"),
    [
        pytest.param("/oauth2/token", "POST", False, id="token, browser listener"),
        pytest.param("/oauth2/token", "POST", True, id="token, peer listener"),
        pytest.param("/oauth2/introspect", "POST", False, id="introspection, browser listener"),
        pytest.param("/oauth2/introspect", "POST", True, id="introspection, peer listener"),
        pytest.param("/oauth2/authorize", "GET", False, id="the question"),
        pytest.param("/oauth2/authorize", "POST", False, id="its answer"),
    ],
)
def test_nothing_generated_makes_a_5xx_or_an_answer_not_published(
    path: str, method: str, is_peer: bool
) -> None:
    application: Any = ApplicationSite().app
    if is_peer:
        server = OAuthServer(issuer="https://db1.test", trusted_space=ListedBoxes())
        certificate = box(CONSUMER).certificate_der
        application = WithCertificate(Starlette(routes=server.routes()), certificate)
    schema = schemathesis.openapi.from_path(FILE)
    schema.app = application
    operation = schema[path][method]

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def send(case: schemathesis.Case) -> None:
        answer = case.call(base_url="https://box.test")
        published = _document()["paths"][path][method.lower()]["responses"]
        assert str(answer.status_code) in published

    send()
