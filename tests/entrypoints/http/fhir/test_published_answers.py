"""Each answer that openapi/fhir.yaml publishes of an operation is one that the operation can give.

The other way round, an answer that is not published fails whichever test is given it
(tests/fakes/published_answers.py).
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from starlette.testclient import TestClient
from tests.fakes.fhir_site import FhirSite, exam
from tests.fakes.publications import NOON
from tests.fakes.submissions import CLINIC, PHYSICIAN
from tests.house.source_files import ROOT

from drimbox.errors import DrimboxError, RejectedByPartner, SettingsError, TimedOut, Unavailable
from drimbox.model.document_entry import Author, AvailabilityStatus, RegisteredSet, SubmissionSet
from drimbox.model.imaging_record import derived_id
from drimbox.model.practice import Code
from drimbox.standards.fhir.contextual_call import OPERATION
from drimbox.standards.fhir.search import MAX_PARAMETERS
from drimbox.standards.fhir.surface import SURFACE

pytestmark = pytest.mark.requirement("FA.6")

Json = dict[str, Any]
DOCUMENT: Json = yaml.safe_load((ROOT / "openapi" / "fhir.yaml").read_text(encoding="utf-8"))
KOS = "2.25.1001"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# Shown by test_contextual_call.py, whose site it needs.
CALL = f"/fhir/{OPERATION}"
ROWS = [
    pytest.param(method, path, int(status), id=f"{method} {path} {status}")
    for path, item in DOCUMENT["paths"].items()
    for method in item
    if method in {"get", "post"} and path != CALL
    for status in item[method]["responses"]
]


PUBLIC = {one.name for one in SURFACE if one.is_public}


class Asking:
    """One operation, asked so that it answers as wanted."""

    def __init__(self, site: FhirSite, method: str, path: str) -> None:
        self.site, self.method = site, method
        self.client = site.consumer()
        self.kind = path.split("/")[2]
        self.is_search = "{id}" not in path and self.kind != "metadata"
        self.path = path.replace("{id}", self._identifier())
        if "{version}" in path:
            read = self.client.get(self.path.partition("/_history")[0])
            self.path = self.path.replace("{version}", read.json()["meta"]["versionId"])

    def _identifier(self) -> str:
        return {
            "ImagingStudy": "1.2.250.1.999.7.1",
            "Patient": self.site.patient.rpartition("/")[2],
            "Endpoint": "dicom-web",
            "Bundle": derived_id(KOS),
            "Organization": "structure-1330781360",
            "Device": "drimbox",
            "OperationDefinition": "contextual-call",
            "SearchParameter": "ImagingStudy-accession-number",
            "CapabilityStatement": "drimbox",
            "CodeSystem": "drimbox-issue",
            "StructureDefinition": "drimbox-imaging-study",
            "ValueSet": "drimbox-modality",
            "List": self._first("List"),
            "Practitioner": f"{KOS}-practitioner-1",
            "PractitionerRole": f"{KOS}-role-1-1",
        }.get(self.kind, KOS)

    def _first(self, kind: str) -> str:
        if self.kind != kind:
            return ""
        bundle = self.client.get(f"/fhir/{kind}?code=submissionset").json()
        return str(bundle["entry"][0]["resource"]["id"])

    def ask(
        self,
        query: str = "",
        *,
        client: TestClient | None = None,
        path: str = "",
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        asker, address = client or self.client, path or self.path
        if self.method == "post":
            return asker.post(address, content=query, headers={**FORM, **(headers or {})})
        return asker.get(f"{address}?{query}" if query else address, headers=headers)


def hold_in_a_set(site: FhirSite) -> None:
    """Give the exam an entryUUID, and the lot that it came with."""
    (entry,) = site.dmp.entries
    site.dmp.entries[:] = [
        replace(entry, entry_uuid="urn:uuid:00000000-0000-4000-8000-000000000001")
    ]
    sent = SubmissionSet(
        "1.2.250.1.999.4.1",
        "1.2.250.1.999.5.1",
        entry.patient_id,
        Code("07", "1.2.250.1.213.2.2", "Consultations, soins externes"),
        (Author(PHYSICIAN, (CLINIC,)),),
        NOON,
    )
    uuid = "urn:uuid:00000000-0000-4000-8000-0000000000a1"
    members = (str(site.dmp.entries[0].entry_uuid),)
    site.dmp.sets.append(RegisteredSet(sent, uuid, members=members))


def fails_with(error: DrimboxError) -> Callable[[Asking], httpx2.Response]:
    def ask(asking: Asking) -> httpx2.Response:
        asking.site.door_error = error
        return asking.ask()

    return ask


def malformed(asking: Asking) -> httpx2.Response:
    """A search by what it cannot read, a part that is none; else with two credentials."""
    if asking.is_search:
        return asking.ask("_count=x")
    if asking.kind in {"metadata", *PUBLIC}:
        return asking.ask("_summary=count")
    twice = httpx2.Headers([("Authorization", "Bearer doctor")] * 2)
    return asking.site.consumer(bearer="").get(asking.path, headers=twice)


def absent(asking: Asking) -> httpx2.Response:
    if asking.kind == "metadata":
        return asking.ask("mode=terminology")
    if asking.is_search:
        return asking.ask("_page=AAAA")
    return asking.ask(path=asking.path.replace(asking.path.split("/")[3], "0.9.9"))


def gone(asking: Asking) -> httpx2.Response:
    """An old page; a document that was replaced."""
    site = asking.site
    if not asking.is_search:
        site.dmp.entries[0] = replace(site.dmp.entries[0], status=AvailabilityStatus.DEPRECATED)
        return asking.ask()
    search = asking.client.post(f"/fhir/{asking.kind}/_search", data={"_id": "1"})
    token = search.json()["link"][0]["url"].partition("_page=")[2]
    site.clock.advance(601)
    return asking.ask(f"_page={token}")


def too_often(asking: Asking) -> httpx2.Response:
    asking.site.requests_a_minute = 1
    client = asking.site.consumer()
    asking.ask(client=client)
    return asking.ask(client=client)


def without_scope(asking: Asking) -> httpx2.Response:
    site = asking.site
    site.callers["doctor"] = replace(site.callers["doctor"], scopes=frozenset())
    return asking.ask()


WAYS: dict[int, Callable[[Asking], httpx2.Response]] = {
    200: lambda asking: asking.ask(),
    304: lambda asking: asking.ask(headers={"If-None-Match": "*"}),
    400: malformed,
    401: lambda asking: asking.ask(client=asking.site.consumer(bearer="")),
    403: without_scope,
    404: absent,
    406: lambda asking: asking.ask(headers={"Accept": "image/png"}),
    410: gone,
    413: lambda asking: asking.ask("&".join(["_id=1"] * (MAX_PARAMETERS + 1))),
    415: lambda asking: asking.ask("{}", headers={"Content-Type": "application/json"}),
    429: too_often,
    500: fails_with(SettingsError("pro_sante_connect", "a setting that turned out wrong")),
    502: fails_with(RejectedByPartner("Pro Santé Connect", "invalid_client")),
    503: fails_with(Unavailable("Pro Santé Connect")),
    504: fails_with(TimedOut("Pro Santé Connect", 5)),
}


@pytest.mark.parametrize(("method", "path", "status"), ROWS)
def test_each_published_answer_can_be_given(
    tmp_path: Path, method: str, path: str, status: int
) -> None:
    site = FhirSite(tmp_path)
    site.dmp.hold(exam(1, date(2026, 7, 1)), ["774007"])
    site.dmp.entries[0] = replace(site.dmp.entries[0], authors=(Author(PHYSICIAN, (CLINIC,)),))
    if "/List" in path:
        hold_in_a_set(site)
    assert WAYS[status](Asking(site, method, path)).status_code == status
