"""Who made and signed a document: named by the Provenance, read each by its own address."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from tests.entrypoints.http.fhir.test_resources import SIDES, client
from tests.fakes.fhir_site import FhirSite, exam, made_up_publication_of
from tests.fakes.fhir_validation import check
from tests.fakes.imaging_records import made_up_document, made_up_record
from tests.fakes.submissions import SUBMISSION_SET

from drimbox.model.access import Caller, CallerKind
from drimbox.model.audit import AuditAction
from drimbox.standards.fhir.people import agents_of, document_of, people_of
from drimbox.standards.xds.document_entry import encode_document_entry
from drimbox.standards.xds.submit_objects import start_submission

pytestmark = pytest.mark.requirement("FA.1")

UUID = "00000000-0000-4000-8000-000000000001"
KOS = "2.25.1001"
Json = dict[str, Any]


@pytest.fixture
def site(tmp_path: Path) -> FhirSite:
    """One exam, at both sides, whose KOS a person and a device made, and a person signed."""
    site = FhirSite(tmp_path)
    manifest = exam(1, date(2026, 7, 1))
    site.dmp.hold(manifest)
    entry = made_up_document(manifest)
    held = {"entry_uuid": f"urn:uuid:{UUID}", "hash_hex": None, "size": None}
    site.dmp.entries[0] = replace(entry, **held)  # type: ignore[arg-type]
    lot = replace(SUBMISSION_SET, patient_id=entry.patient_id)
    request, objects = start_submission(lot)
    encode_document_entry(objects, entry, "DocumentKOS")
    publication = replace(made_up_publication_of(manifest), metadata=etree.tostring(request))
    site.register.publications.append(publication)
    return site


def _read(site: FhirSite, side: str, reference: str) -> Json:
    answer = client(site, side).get(f"/fhir/{reference}")
    assert answer.status_code == 200, reference
    found: Json = answer.json()
    check(found)
    return found


@SIDES
def test_a_provenance_names_who_made_and_signed_the_kos_and_each_is_read(
    site: FhirSite, side: str
) -> None:
    document = UUID if side == "consumer" else KOS
    provenance = _read(site, side, f"Provenance/{document}")
    agents = [
        (agent["type"]["coding"][0]["code"], agent["who"]["reference"])
        for agent in provenance["agent"]
    ]
    assert agents[0] == ("assembler", "Device/drimbox")
    assert [part for part, _ in agents[1:]] == ["author"] * 4 + ["legal"]
    read = [_read(site, side, reference) for _, reference in agents]
    assert [one["resourceType"] for one in read[1:]] == [
        "PractitionerRole",
        "PractitionerRole",
        "Device",
        "Organization",
        "Practitioner",
    ]
    role, signatory = read[1], read[-1]
    author = _read(site, side, role["practitioner"]["reference"])
    assert author["identifier"] == signatory["identifier"]
    assert author["name"][0]["family"] == "DUPONT"
    clinic = _read(site, side, role["organization"]["reference"])
    assert clinic["identifier"][0]["value"] == "499700367909006"
    assert _read(site, side, read[3]["owner"]["reference"])["resourceType"] == "Organization"


@SIDES
@pytest.mark.parametrize(
    "reference",
    [
        "Practitioner/{}-practitioner-9",
        "Practitioner/{}-role-1-1",
        "PractitionerRole/{}-practitioner-1",
        "Practitioner/{}",
        "Practitioner/{}-source-patient",
        "Practitioner/other-practitioner-1",
        "Organization/{}-organization-9-9",
        "Device/{}-device-9",
        "Device/other-device-1",
    ],
)
def test_nobody_else_is_there(site: FhirSite, side: str, reference: str) -> None:
    path = reference.format(UUID if side == "consumer" else KOS)
    assert client(site, side).get(f"/fhir/{path}").status_code == 404


@SIDES
def test_what_the_scope_of_documents_opens_and_what_it_does_not(site: FhirSite, side: str) -> None:
    document = UUID if side == "consumer" else KOS
    scope = frozenset({"ITI-67"})
    site.callers["client"] = Caller(CallerKind.SYSTEM, "client-1", scope)
    site.callers["doctor"] = replace(site.callers["doctor"], scopes=scope)
    asking = client(site, side)
    assert asking.get(f"/fhir/Practitioner/{document}-authenticator").status_code == 200
    assert site.audit.actions[-1] is AuditAction.FHIR_READ
    assert asking.get(f"/fhir/Organization/{document}-organization-1-1").status_code == 403
    assert site.audit.actions[-1] is AuditAction.ACCESS_REFUSED


def test_a_long_id_leaves_no_room_for_people() -> None:
    long = made_up_record(entry_uuid=None, unique_id="1.2." + "3" * 60)
    assert people_of(long) == {}
    assert list(agents_of(long)) == []


@pytest.mark.parametrize(
    ("identifier", "document"),
    [
        (f"{UUID}-practitioner-12", UUID),
        (f"{UUID}-authenticator", UUID),
        ("2.25.1-role-1-2", "2.25.1"),
        (UUID, None),
        ("structure-1330781360", None),
        ("box-1", None),
        ("drimbox", None),
        ("-device-1", None),
        ("x-device-\u0661", None),
    ],
)
def test_the_id_of_a_person_leads_to_the_document(identifier: str, document: str | None) -> None:
    assert document_of(identifier) == document
