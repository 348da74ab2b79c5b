"""The conformance resources of a box: found by their canonical, read by anyone (FA.6)."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient
from tests.fakes.fhir_site import FHIR, FhirSite
from tests.fakes.fhir_validation import summary_elements
from tests.house.fhir_definitions import FOLDER

from drimbox.standards.fhir.canonical import CANONICAL
from drimbox.standards.fhir.profiles import IMAGING_STUDY

pytestmark = pytest.mark.requirement("FA.6")

FILES = sorted(FOLDER.glob("*.json"))


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    return FhirSite(tmp_path).source(bearer="")


def found(client: TestClient, kind: str, **asked: str) -> list[dict[str, Any]]:
    answer = client.get(f"/fhir/{kind}", params=asked)
    assert answer.status_code == 200
    return [e["resource"] for e in answer.json().get("entry", []) if e["search"]["mode"] == "match"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_definition_is_found_by_its_canonical_and_read_as_published(
    client: TestClient, file: Path
) -> None:
    published = orjson.loads(file.read_bytes())
    kind = published["resourceType"]
    assert found(client, kind, url=published["url"]) == [published]
    assert client.get(f"/fhir/{kind}/{published['id']}").json() == published


def test_every_canonical_of_ours_that_a_box_names_is_found_in_that_box(client: TestClient) -> None:
    statement = client.get("/fhir/metadata").json()
    rest = statement["rest"][0]
    named = {url for r in rest["resource"] for url in r.get("supportedProfile", [])}
    named |= {p["definition"] for r in rest["resource"] for p in r.get("searchParam", [])
              if p.get("definition", "").startswith(CANONICAL)}  # fmt: skip
    named |= {url for url in statement["instantiates"] if url.startswith(CANONICAL)}
    named.add(statement["url"])
    assert len(named) > 15
    for url in named:
        kind = url.removeprefix(f"{CANONICAL}/").partition("/")[0]
        assert [one["url"] for one in found(client, kind, url=url)] == [url]


def test_the_statement_of_this_very_box_is_one_of_them(client: TestClient) -> None:
    read = client.get("/fhir/CapabilityStatement/drimbox").json()
    assert read == client.get("/fhir/metadata").json()
    assert read["implementation"]["url"] == FHIR


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ({"url": IMAGING_STUDY}, ["drimbox-imaging-study"]),
        ({"url": IMAGING_STUDY.upper()}, []),
        ({"url": f"{CANONICAL}/StructureDefinition"}, []),
        ({"url:above": f"{IMAGING_STUDY}/more"}, ["drimbox-imaging-study"]),
        ({"name": "drimboximaging"}, ["drimbox-imaging-study"]),
        ({"title:contains": "RÉFÉRENCE D'OBJETS", "_id": "none"}, []),
        ({"status:not": "active"}, []),
        ({"_id": "drimbox-imaging-study,drimbox-patient-ins"},
         ["drimbox-imaging-study", "drimbox-patient-ins"]),
    ],
)  # fmt: skip
def test_what_profiles_are_searched_by(
    client: TestClient, asked: dict[str, str], ids: list[str]
) -> None:
    assert [one["id"] for one in found(client, "StructureDefinition", **asked)] == ids


def test_below_is_by_segments(client: TestClient) -> None:
    every = found(client, "ValueSet", **{"url:below": f"{CANONICAL}/ValueSet"})
    assert len(every) == len([file for file in FILES if file.name.startswith("ValueSet")])
    assert found(client, "ValueSet", **{"url:below": f"{CANONICAL}/Value"}) == []


def test_they_are_paged_counted_cut_and_written_as_any_search(client: TestClient) -> None:
    page = client.get("/fhir/ValueSet?_count=2&_elements=url&_total=accurate").json()
    assert page["total"] == len([file for file in FILES if file.name.startswith("ValueSet")])
    parts = [set(e["resource"]) for e in page["entry"]]
    assert parts == [{"resourceType", "id", "meta", "url", "status"}] * 2
    links = {link["relation"]: link["url"] for link in page["link"]}
    following = client.get(links["next"])
    assert len(following.json()["entry"]) == 2
    as_xml = client.post(
        "/fhir/ValueSet/_search", data={"url": f"{CANONICAL}/ValueSet/drimbox-modality"},
        headers={"Accept": "application/fhir+xml"},
    )  # fmt: skip
    assert b"<resource><ValueSet><id" in as_xml.content
    strict = {"Prefer": "handling=strict"}
    assert client.get("/fhir/ValueSet?reference=x", headers=strict).status_code == 400
    assert client.get("/fhir/ValueSet?url:in=x").status_code == 400


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_summary_has_what_r4_marks_and_no_more(client: TestClient, file: Path) -> None:
    published = orjson.loads(file.read_bytes())
    kind, identifier = published["resourceType"], published["id"]
    marked = summary_elements(kind) | {"resourceType", "id", "meta"}
    if kind == "CapabilityStatement":
        marked.add("description")  # cpb-2
    answer = client.get(f"/fhir/{kind}/{identifier}?_summary=true")
    assert set(answer.json()) == (set(published) & marked) | {"meta"}


def test_a_summary_of_a_profile_leaves_its_snapshot(client: TestClient) -> None:
    address = "/fhir/StructureDefinition/drimbox-imaging-study"
    whole, summary = client.get(address), client.get(address, params={"_summary": "true"})
    assert "snapshot" in whole.json()
    assert "snapshot" not in summary.json()
    tag = whole.headers["etag"]
    assert client.get(address, headers={"If-None-Match": tag}).status_code == 304
    assert client.get("/fhir/StructureDefinition/none").status_code == 404
