"""Clients written by others, as they are, find the exams of a patient in the demo and open them."""

import asyncio
import json
import subprocess
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from fhirclient.client import FHIRClient
from fhirclient.models.endpoint import Endpoint
from fhirclient.models.imagingstudy import ImagingStudy
from fhirclient.server import FHIRServer
from fhirpy import AsyncFHIRClient, SyncFHIRClient
from fhirpy.base.exceptions import ResourceNotFound
from pyrofile_validator import ApiTestOptions, ApiTestStatus, run_api_tests
from pyrofile_validator.config import ValidatorConfig
from tests.fakes.node_judge import NODE_TESTS, NodeJudge, why_no_node
from tests.system.demo_session import DemoSession

from drimbox.sandbox.patients.identities import LUCIE
from drimbox.sandbox.patients.studies import STUDIES

pytestmark = [pytest.mark.anyio, pytest.mark.system, pytest.mark.xdist_group("demo")]

EXAMS = {str(s.study_instance_uid) for s in STUDIES if s.patient == LUCIE and s.is_published}
# What HAPI 8's client sends with a search that names no encoding.
HAPI_HEADERS = {
    "Accept": (
        "application/fhir+xml;q=1.0, application/fhir+json;q=1.0, "
        "application/xml+fhir;q=0.9, application/json+fhir;q=0.9"
    ),
    "Accept-Charset": "utf-8",
    "Accept-Encoding": "gzip",
    "User-Agent": "HAPI-FHIR/8.0.0 (FHIR Client; FHIR 4.0.1/R4; apache)",
}
# The resources themselves are judged in test_fhir_resources_of_the_demo.py, with our profiles.
NO_PROFILES = ValidatorConfig.load_dict(
    {"allowUnknownExtensions": True, "errorOnUnknownProfile": False}
)
Told = TypeVar("Told")


class Site:
    """Where the Consommatrice is, and a token for Lucie's exams."""

    def __init__(self, demo: DemoSession, token: str) -> None:
        self.url = str(demo.descriptor["consumer"]["fhir_url"])
        self.token = token
        self.bearer = f"Bearer {token}"

    def patient(self) -> str:
        """Return the Patient's address; a first search by anyone tells it."""
        answer = requests.get(
            f"{self.url}/ImagingStudy", headers={"Authorization": self.bearer}, timeout=30
        )
        reference = answer.json()["entry"][0]["resource"]["subject"]["reference"]
        return str(reference)


@pytest.fixture
async def site(demo: DemoSession) -> Site:
    return Site(demo, await demo.context_token(LUCIE))


async def in_thread(work: Callable[[], Told]) -> Told:
    """The demo answers on this loop: a client that blocks needs a thread."""
    return await asyncio.to_thread(work)


@pytest.mark.requirement("FA.1")
async def test_fhir_kit_client_pages_posts_reads_and_resolves(site: Site) -> None:
    if (missing := why_no_node()) is not None:
        pytest.skip(missing)

    def run() -> dict[str, Any]:
        script = NODE_TESTS / "fhir_kit_client.mjs"
        done = subprocess.run(
            ["node", script, site.url, site.token, site.patient()],
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr.decode()
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    told = await in_thread(run)
    assert told["fhirVersion"] == "4.0.1"
    assert told["tokenUrl"] == f"{site.url.removesuffix('/fhir')}/oauth2/token"
    assert [len(page) for page in told["pages"]] == [1] * len(EXAMS)
    assert {uid for page in told["pages"] for uid in page} == EXAMS
    assert told["posted"] >= len(EXAMS)
    assert told["subject"] == "Patient"
    assert told["missing"]["status"] == 404
    assert told["missing"]["outcome"]["resourceType"] == "OperationOutcome"


@pytest.mark.requirement("FA.1")
async def test_fhirclient_reads_strict_r4(site: Site) -> None:
    def run() -> tuple[list[ImagingStudy], Endpoint]:
        server = FHIRServer(None, site.url)
        server.session.headers["Authorization"] = site.bearer
        search = ImagingStudy.where({"patient": site.patient(), "_sort": "-started"})
        studies = list(search.perform_resources_iter(server))
        reference = studies[0].endpoint[0].reference
        return studies, Endpoint.read(reference.partition("/")[2], server)

    studies, endpoint = await in_thread(run)
    assert {one.id for one in studies} == EXAMS
    assert all(one.series[0].instance[0].sopClass.code.startswith("urn:oid:") for one in studies)
    assert endpoint.connectionType.code == "dicom-wado-rs"


@pytest.mark.requirement("FA.4")
async def test_fhirclient_finds_where_to_sign_in_from_the_capability_statement(site: Site) -> None:
    def run() -> str:
        settings = {"app_id": "demo-smart-application", "api_base": site.url}
        smart = FHIRClient(settings | {"redirect_uri": "http://localhost/callback"})
        return str(smart.authorize_url)

    assert (await in_thread(run)).startswith(f"{site.url.removesuffix('/fhir')}/oauth2/authorize?")


@pytest.mark.requirement("FA.1")
async def test_fhirpy_fetches_every_page_in_both_its_clients(site: Site) -> None:
    patient = await in_thread(site.patient)
    client = AsyncFHIRClient(site.url, authorization=site.bearer)
    found = await client.resources("ImagingStudy").search(patient=patient).limit(1).fetch_all()
    assert {one["id"] for one in found} == EXAMS
    study = await client.reference("ImagingStudy", found[0]["id"]).to_resource()
    assert (await study["subject"].to_resource())["gender"] == "female"
    with pytest.raises(ResourceNotFound):
        await client.reference("ImagingStudy", "1.2.3").to_resource()

    def run() -> list[str]:
        documents = SyncFHIRClient(site.url, authorization=site.bearer).resources(
            "DocumentReference"
        )
        return [one["id"] for one in documents.search(patient=patient, status="current")]

    assert len(await in_thread(run)) >= len(EXAMS)


@pytest.mark.requirement("FA.1")
async def test_a_crawl_as_hapi_makes_it_finds_each_exam_once(site: Site) -> None:
    """GET, then POST _search; XML first; each next link taken as it is, to the last page."""
    if (missing := why_no_node()) is not None:
        pytest.skip(missing)

    def pages(http: requests.Session, answer: requests.Response, node: NodeJudge) -> list[str]:
        found = []
        while True:
            assert answer.status_code == 200, answer.text
            assert answer.headers["Content-Type"].startswith("application/fhir+xml")
            bundle = node.read_xml(answer.text)
            found += [one["resource"]["id"] for one in bundle["entry"]]
            links = {link["relation"]: link["url"] for link in bundle["link"]}
            if "next" not in links:
                return found
            answer = http.get(links["next"], timeout=30)

    def run() -> tuple[list[str], list[str]]:
        patient = site.patient()
        with requests.Session() as http, NodeJudge() as node:
            http.headers.update(HAPI_HEADERS | {"Authorization": site.bearer})
            url = f"{site.url}/ImagingStudy"
            first = http.get(f"{url}?patient={patient}&_count=1", timeout=30)
            form = {"patient": patient, "_count": "1"}
            posted = http.post(f"{url}/_search", data=form, timeout=30)
            return pages(http, first, node), pages(http, posted, node)

    by_get, by_post = await in_thread(run)
    assert sorted(by_get) == sorted(EXAMS)
    assert by_post == by_get


@pytest.mark.requirement("FA.1")
@pytest.mark.parametrize("kind", ["ImagingStudy", "DocumentReference"])
async def test_a_pack_of_rest_checks_passes_but_for_the_history_that_we_have_not(
    site: Site, kind: str
) -> None:
    """pyrofile's pack base-r4; /metadata says that there is no history (readHistory false)."""

    def run() -> dict[str, ApiTestStatus]:
        headers = {"Authorization": site.bearer}
        found = requests.get(f"{site.url}/{kind}", headers=headers, timeout=30).json()
        one = found["entry"][0]["resource"]
        inputs = {
            "resourceType": kind,
            "resourceId": one["id"],
            "versionId": one["meta"]["versionId"],
        }
        options = ApiTestOptions(headers=headers, inputs=inputs)
        report = run_api_tests(site.url, "base-r4", config=NO_PROFILES, options=options)
        return {scenario.id: scenario.status for scenario in report.scenarios}

    statuses = await in_thread(run)
    assert statuses.pop("instance-history") is ApiTestStatus.FAIL
    assert {name for name, status in statuses.items() if status is not ApiTestStatus.PASS} == set()


@pytest.mark.requirement("FA.3")
async def test_dicomweb_client_opens_the_images_at_the_endpoint_found(site: Site) -> None:
    def run() -> None:
        fhir = SyncFHIRClient(site.url, authorization=site.bearer)
        for study in fhir.resources("ImagingStudy").search(patient=site.patient()).fetch_all():
            (series, *_) = study["series"]
            endpoint = series["endpoint"][0].to_resource()
            images = DICOMwebClient(
                endpoint["address"], headers={"Authorization": site.bearer}, timeout=60
            )
            metadata = images.retrieve_series_metadata(study["id"], series["uid"])
            assert len(metadata) == series["numberOfInstances"]
            (instance, *_) = series["instance"]
            image = images.retrieve_instance(study["id"], series["uid"], instance["uid"])
            assert instance["sopClass"]["code"] == f"urn:oid:{image.SOPClassUID}"

    await in_thread(run)
