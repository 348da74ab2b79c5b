"""What operators find at their listener: metrics, alerts, lots, events; and who is kept out."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from enum import Enum
from typing import Any

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from jsonschema_rs import validator_for
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient
from tests.fakes.audit_events import KOS, LEA, NOON, PATIENT, made_up_event
from tests.fakes.publications import made_up_publication
from tests.fakes.published_answers import published
from tests.fixtures.set_up_box import SetUpBox
from tests.house.source_files import ROOT

from drimbox.entrypoints.http.event_loop_watch import EventLoopWatch
from drimbox.entrypoints.http.health import KeptCheck
from drimbox.errors import Unavailable
from drimbox.gateway.applications import operator_application
from drimbox.gateway.identity import make_identity
from drimbox.gateway.parts import Parts, make_parts
from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.publication import Alert, AlertKind, JobState
from drimbox.ports.audit_repository import AuditSearch
from drimbox.settings.load import load_settings

pytestmark = pytest.mark.anyio
DOCUMENT = ROOT / "openapi" / "operations.yaml"
ALERT = Alert(AlertKind.PATIENT_MISMATCH, "the PACS has it under another patient", NOON)


@pytest.fixture
async def parts(source_box: SetUpBox) -> AsyncIterator[Parts]:
    made = await make_parts(load_settings(source_box.settings_file))
    yield made
    await made.stores.database.close()


def _client(parts: Parts, base_url: str) -> TestClient:
    application = operator_application(parts, make_identity(parts), EventLoopWatch())
    return published(TestClient(application, base_url=base_url))


@pytest.fixture
def client(parts: Parts) -> TestClient:
    return _client(parts, "http://127.0.0.1:8080")


async def _publish(parts: Parts, *alerts: Alert) -> None:
    stores = parts.stores
    await stores.intake.keep("RIS^SITE^1", b"MSH|...", NOON)
    message = await stores.intake.claim(NOON, 60)
    assert message is not None
    await stores.register.conclude(message.message_id, [made_up_publication()], alerts, NOON)


def _samples(client: TestClient) -> dict[tuple[str, ...], float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_the_figures_of_the_storage_are_metrics(parts: Parts, client: TestClient) -> None:
    await _publish(parts, ALERT)
    await parts.stores.audit.record(made_up_event(AuditAction.IMAGES_SERVED))
    found = _samples(client)
    assert found["drimbox_messages", "done"] == 1
    assert (found["drimbox_lots", "pending"], found["drimbox_lots", "dead"]) == (1, 0)
    assert found["drimbox_oldest_waiting_lot_seconds",] > 0
    assert found["drimbox_open_alerts", "patient-mismatch"] == 1
    assert found["drimbox_open_alerts", "dmp-refused"] == 0
    assert found["drimbox_events_total", "images-served", "success"] == 1


async def test_events_are_counted_on_from_where_the_count_was(
    parts: Parts, client: TestClient
) -> None:
    served = made_up_event(AuditAction.IMAGES_SERVED)
    for expected in (1, 2):
        await parts.stores.audit.record(served)
        await parts.stores.audit.record(replace(served, outcome=AuditOutcome.MINOR_FAILURE))
        found = _samples(client)
        assert found["drimbox_events_total", "images-served", "success"] == expected
        assert found["drimbox_events_total", "images-served", "minor_failure"] == expected


@pytest.mark.requirement("EC-3")
async def test_partners_and_certificates_are_metrics(parts: Parts, client: TestClient) -> None:
    found = _samples(client)
    states = {name: found["drimbox_dependency_up", name] for name in ("storage", "pacs")}
    assert states == {"storage": 1, "pacs": 0}
    soon = (parts.clock.now() + timedelta(days=30)).timestamp()
    assert found["drimbox_certificate_end_seconds", "peer.tls"] > soon
    assert found["process_resident_memory_bytes",] > 0


@pytest.mark.requirement("EC-3")
async def test_the_meteo_tells_each_dependency_and_readiness_what_is_required(
    client: TestClient,
) -> None:
    meteo = client.get("/meteo").json()
    partners = ("white_list", "pacs", "dmp", "pro_sante_connect")
    down = {"storage": "up"} | dict.fromkeys(partners, "down")
    assert (meteo["status"], meteo["dependencies"]) == ("down", down)
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (503, "down")
    assert client.get("/health/live").json() == {"status": "up"}


async def test_a_partner_is_asked_once_a_minute_however_often_the_meteo_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    now = [1000.0]
    monkeypatch.setattr("drimbox.entrypoints.http.health.time.monotonic", lambda: now[0])

    async def ask() -> None:
        asked.append("DMP")
        raise Unavailable("DMP")

    check = KeptCheck(ask)
    for seconds in (0, 10, 59, 61, 100):
        now[0] = 1000.0 + seconds
        with pytest.raises(Unavailable):
            await check()
    assert len(asked) == 2


@pytest.mark.requirement("SO.21")
async def test_alerts_are_listed_and_closed(parts: Parts, client: TestClient) -> None:
    await parts.stores.alerts.raise_alert(ALERT)
    (row,) = client.get("/admin/alerts").json()
    _shape("Alert").validate(row)
    assert client.get("/admin/alerts", params={"kind": "dmp-refused"}).json() == []
    assert client.post(f"/admin/alerts/{row['id']}/close").status_code == 204
    assert client.get("/admin/alerts").json() == []
    assert client.post(f"/admin/alerts/{row['id']}/close").status_code == 404


async def test_lots_are_listed_and_retried(parts: Parts, client: TestClient) -> None:
    await _publish(parts)
    (row,) = client.get("/admin/publications").json()
    _shape("Lot").validate(row)
    assert client.get("/admin/publications", params={"state": "dead"}).json() == []
    assert client.post(f"/admin/publications/{row['id']}/retry").status_code == 204
    assert client.post("/admin/publications/99/retry").status_code == 404


@pytest.mark.requirement("CS.10")
async def test_events_are_searched_and_the_search_is_recorded(
    parts: Parts, client: TestClient
) -> None:
    await parts.stores.audit.record(made_up_event(AuditAction.IMAGES_SERVED))
    criteria = {"patient": PATIENT, "user": LEA, "document": KOS, "since": NOON.isoformat()}
    (row,) = client.post("/admin/audit/search", json=criteria).json()
    _shape("Event").validate(row)
    assert (row["action"], row["patient_id"]) == ("images-served", PATIENT)
    searched = AuditSearch(actions=(AuditAction.AUDIT_SEARCHED,))
    (event,) = await parts.stores.audit.find(searched)
    assert (event.user, event.patient_id) == ("operator", PATIENT)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        pytest.param(b"{}", "text/plain", 415, id="another type"),
        pytest.param(b"{", "application/json", 400, id="no JSON"),
        pytest.param(b"[" * 9000, "application/json", 400, id="nested without end"),
        pytest.param(b"[]", "application/json", 400, id="no object"),
        pytest.param(b'{"who": "x"}', "application/json", 400, id="unknown criterion"),
        pytest.param(b'{"limit": 0}', "application/json", 400, id="no limit"),
        pytest.param(b'{"since": "noon"}', "application/json", 400, id="no instant"),
        pytest.param(b'{"actions": ["nap"]}', "application/json", 400, id="no action"),
        pytest.param(b" " * 20_000, "application/json", 413, id="too large"),
    ],
)
async def test_criteria_that_are_none_are_refused(
    client: TestClient, body: bytes, content_type: str, status: int
) -> None:
    headers = {"Content-Type": content_type}
    assert client.post("/admin/audit/search", content=body, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 200, id="an address"),
        pytest.param({"Host": "localhost:9"}, 200, id="localhost"),
        pytest.param({"Host": "[::1]:9"}, 200, id="an IPv6 address"),
        pytest.param({"Host": "rebound.example:8080"}, 403, id="a name that resolves to us"),
        pytest.param({"Origin": "http://127.0.0.1:8080"}, 200, id="a page of our own"),
        pytest.param({"Origin": "https://evil.example"}, 403, id="a page of another site"),
        pytest.param({"Origin": "null"}, 403, id="a page of nowhere"),
        pytest.param({"Host": "["}, 403, id="no host"),
    ],
)
@pytest.mark.requirement("SSI/GEN")
async def test_what_a_web_page_makes_a_browser_send_is_kept_out(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    assert client.get("/admin/alerts", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        pytest.param("AlertKind", AlertKind, id="alerts"),
        pytest.param("LotState", JobState, id="lots"),
        pytest.param("AuditAction", AuditAction, id="actions"),
    ],
)
async def test_published_words_are_those_of_the_code(schema: str, words: type[Enum]) -> None:
    document = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
    published = document["components"]["schemas"][schema]["enum"]
    assert set(published) == {word.value for word in words}


async def test_a_name_is_answered_where_the_settings_have_it(
    source_box: SetUpBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIMBOX_OPERATOR__ALLOWED_HOSTS", '["box.admin.example"]')
    made = await make_parts(load_settings(source_box.settings_file))
    by_name = _client(made, "http://box.admin.example:8080")
    assert by_name.get("/metrics").status_code == 200
    await made.stores.database.close()


async def test_nothing_generated_makes_a_5xx_or_an_answer_not_published(
    client: TestClient,
) -> None:
    document = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
    schema = schemathesis.openapi.from_path(DOCUMENT)
    schema.app = client.app
    for path, item in document["paths"].items():
        if not path.startswith("/admin"):
            continue
        for method in item.keys() & {"get", "post"}:
            _try_operation(schema[path][method.upper()], set(item[method]["responses"]))


def _try_operation(operation: Any, published: set[str]) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def send(case: schemathesis.Case) -> None:
        answer = case.call(base_url="http://127.0.0.1:8080")
        assert str(answer.status_code) in published

    send()


def _shape(name: str) -> Any:
    components = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))["components"]
    shape = {"$ref": f"#/components/schemas/{name}", "components": components}
    return validator_for(json.loads(json.dumps(shape)))
