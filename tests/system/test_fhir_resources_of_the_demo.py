"""Every resource that the two boxes of the demo send, judged by every reader (spec/fhir.md 7)."""

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from tests.fakes.fhir_gate import FhirGate, claimed
from tests.fakes.judged_answers import parts_of
from tests.system.demo_session import DemoSession

from drimbox.sandbox.patients.identities import LUCIE
from drimbox.standards.fhir.profiles import (
    DOCUMENT_REFERENCE_KOS,
    ENDPOINT_VIEWER,
    ENDPOINT_WADO,
    IMAGING_STUDY,
    OPERATION_OUTCOME,
    PATIENT_INS,
    SUBMISSION_SET,
)
from drimbox.standards.fhir.surface import SURFACE

pytestmark = [pytest.mark.anyio, pytest.mark.system, pytest.mark.xdist_group("demo")]

Json = dict[str, Any]
REFERENCE = re.compile(r"(?:.*/fhir/)?([A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64})\Z")
QUESTIONS = (
    "ImagingStudy?_include=ImagingStudy:endpoint&_revinclude=Provenance:target",
    "ImagingStudy?_include=ImagingStudy:patient",
    "ImagingStudy?_summary=true",
    "ImagingStudy?_elements=identifier,started",
    "DocumentReference?_revinclude=Provenance:target",
    "DocumentReference?format=urn:ihe:rad:MADO:fhir-manifest:2026",
    "List?_include=List:item",
    "Patient?_id={patient}",
    "Endpoint",
    "ImagingStudy?no-such=1",
    "ImagingStudy?started=2020-13-40",
    "Observation",
)


class Crawl:
    """Asks one box everything, and follows each reference once."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {token}"
        self.found: dict[str, Json] = {}

    def walk(self) -> list[Json]:
        studies = self._get("ImagingStudy")
        patient = studies["entry"][0]["resource"]["subject"]["reference"].partition("/")[2]
        answers = [self._get("metadata"), studies]
        answers += [self._get(question.format(patient=patient)) for question in QUESTIONS]
        answers += [self._get(path) for path in _definitions(answers[0])]
        answers += [self._get(path) for path in _roles(answers)]
        for one in answers:
            self._keep(one)
        return [*answers, *self.found.values()]

    def _keep(self, value: Json) -> None:
        """Read what a resource refers to, and what that refers to in turn."""
        for reference in list(_references(value)):
            if reference not in self.found:
                self.found[reference] = self._get(reference)
                self._keep(self.found[reference])

    def _get(self, path: str) -> Json:
        answer = self.http.get(f"{self.url}/{path}", timeout=60)
        assert answer.status_code < 500, answer.text
        assert answer.headers["Content-Type"].startswith("application/fhir+json")
        content: Json = answer.json()
        return content


def _roles(answers: list[Json]) -> Iterator[str]:
    """Name the PractitionerRole of documents: no Provenance is made of a report."""
    for entry in (entry for answer in answers for entry in answer.get("entry", ())):
        resource = entry["resource"]
        if resource["resourceType"] == "DocumentReference":
            for one in resource.get("contained", ()):
                if one["resourceType"] == "PractitionerRole":
                    yield f"PractitionerRole/{resource['id']}-{one['id']}"


def _definitions(statement: Json) -> Iterator[str]:
    (rest,) = statement["rest"]
    for resource in rest["resource"]:
        for profile in resource.get("supportedProfile", ()):
            yield "StructureDefinition/" + profile.rpartition("/")[2]
        for parameter in resource.get("searchParam", ()):
            if "drimbox.example" in parameter.get("definition", ""):
                yield "SearchParameter/" + parameter["definition"].rpartition("/")[2]
    yield from ("OperationDefinition/contextual-call", "CodeSystem/drimbox-issue")
    yield "ValueSet/drimbox-modality"


def _references(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _references(one)
    elif isinstance(value, dict):
        # An entry's fullUrl names the resource that stands beside it.
        for name, one in value.items():
            found = REFERENCE.match(one) if isinstance(one, str) else None
            if found is not None and (name == "reference" or found[1].startswith("Bundle/")):
                yield found[1]
            else:
                yield from _references(one)


@pytest.mark.requirement("FA.1")
@pytest.mark.parametrize("function", ["consumer", "source"])
async def test_every_resource_passes_every_reader(
    demo: DemoSession, fhir_gate: FhirGate, function: str
) -> None:
    is_consumer = function == "consumer"
    token = await (demo.context_token(LUCIE) if is_consumer else demo.source_token())
    crawl = Crawl(str(demo.descriptor[function]["fhir_url"]), token)
    resources = await asyncio.to_thread(crawl.walk)
    parts = {json.dumps(part): part for one in resources for part in parts_of(one)}
    kinds = {part["resourceType"] for part in parts.values()}
    # Devices make KOS: at a Source, where there are no reports, nobody has a role.
    unseen = {"Binary"} if is_consumer else {"Binary", "PractitionerRole"}
    assert kinds >= {offered.name for offered in SURFACE} - unseen
    claims = {url for part in parts.values() for url in claimed(part)}
    # A Source knows no entryUUID, size or hash: the DMP gives them.
    of_the_dmp = {DOCUMENT_REFERENCE_KOS, SUBMISSION_SET, ENDPOINT_VIEWER} if is_consumer else set()
    of_each = {IMAGING_STUDY, PATIENT_INS, ENDPOINT_WADO, OPERATION_OUTCOME}
    assert claims == of_each | of_the_dmp
    told = await asyncio.to_thread(
        lambda: [
            f"{one['resourceType']}/{one.get('id')}: {fault}"
            for one in parts.values()
            for fault in fhir_gate.faults(one)
        ]
    )
    assert not told, "\n".join(told)


@pytest.mark.requirement("FA.1")
async def test_the_octets_of_each_document_are_what_its_metadata_say(demo: DemoSession) -> None:
    token = await demo.context_token(LUCIE)
    http = requests.Session()
    http.headers["Authorization"] = f"Bearer {token}"
    url = f"{demo.descriptor['consumer']['fhir_url']}/DocumentReference"
    bundle = (await asyncio.to_thread(http.get, url, timeout=60)).json()
    attachments = [
        entry["resource"]["content"][0]["attachment"]
        for entry in bundle["entry"]
        if entry["search"]["mode"] == "match"
    ]
    # The KOS of exams, and the reports on them.
    assert {one["contentType"] for one in attachments} == {"application/dicom", "text/xml"}
    for one in attachments:
        answer = await asyncio.to_thread(
            http.get, one["url"], headers={"Accept": "*/*"}, timeout=60
        )
        assert answer.headers["Content-Type"] == one["contentType"]
        assert len(answer.content) == one["size"]
        digest = hashlib.sha1(answer.content, usedforsecurity=False).digest()
        assert base64.b64encode(digest).decode() == one["hash"]
