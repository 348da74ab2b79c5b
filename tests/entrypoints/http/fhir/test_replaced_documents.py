"""Documents that others replaced: found by their status, and what replaced which is told."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.entrypoints.http.fhir.test_resources import KOS, SIDES, STUDY, client, resources
from tests.fakes.fhir_site import FhirSite, exam
from tests.fakes.fhir_validation import check

from drimbox.model.document_entry import AvailabilityStatus
from drimbox.model.imaging_record import derived_id
from drimbox.model.publication import PublicationState
from drimbox.model.uids import SopInstanceUid

pytestmark = pytest.mark.requirement("FA.1")


@pytest.fixture
def site(tmp_path: Path) -> FhirSite:
    site = FhirSite(tmp_path)
    for one in (exam(1, date(2026, 7, 1)), exam(2, date(2025, 3, 2), "MR")):
        site.dmp.hold(one, ["774007"])
    return site


@pytest.mark.parametrize("criterion", ["", "&patient", "&study-instance-uid"])
def test_replaced_documents_of_the_source_are_found_by_their_status(
    site: FhirSite, criterion: str
) -> None:
    site.register.publications.clear()
    site.publish_as(PublicationState.REPLACED, exam(1, date(2026, 7, 1)))
    newer = exam(1, date(2026, 7, 1), sop_instance_uid=SopInstanceUid("2.25.2001"))
    site.publish(newer, exam(2, date(2025, 3, 2)))
    client = site.source()
    (patient,) = {
        one["subject"]["reference"]
        for one in resources(client.get("/fhir/DocumentReference").json(), "match")
    }
    value = {"": "", "&patient": f"={patient}", "&study-instance-uid": f"=urn:oid:{STUDY}"}
    others = [] if criterion == "&study-instance-uid" else ["2.25.1002"]
    for status, expected in {
        "superseded": [KOS],
        "current": ["2.25.2001", *others],
        "current,superseded": [KOS, "2.25.2001", *others],
    }.items():
        query = f"status={status}{criterion}{value[criterion]}"
        bundle = client.get(f"/fhir/DocumentReference?{query}").json()
        assert sorted(one["id"] for one in resources(bundle, "match")) == sorted(expected)


def test_the_source_tells_what_each_kos_replaced(site: FhirSite) -> None:
    site.register.publications.clear()
    chain = [
        exam(1, date(2026, 7, 1), sop_instance_uid=SopInstanceUid(f"2.25.200{n}")) for n in range(4)
    ]
    for manifest, state in zip(
        chain,
        (
            PublicationState.REPLACED,
            PublicationState.REPLACED,
            PublicationState.WITHDRAWN,
            PublicationState.PUBLISHED,
        ),
        strict=True,
    ):
        site.publish_as(state, manifest)
    site.publish(exam(2, date(2025, 3, 2)))
    client = site.source()
    told = {}
    for number in range(4):
        read = client.get(f"/fhir/DocumentReference/2.25.200{number}").json()
        targets = [(r["code"], r["target"]["reference"][-1]) for r in read.get("relatesTo", [])]
        told[number] = targets
    # What was published after a withdrawal replaces nothing.
    assert told == {0: [], 1: [("replaces", "0")], 2: [("replaces", "1")], 3: []}
    bundle = client.get("/fhir/DocumentReference?status=superseded&relation=replaces").json()
    assert [one["id"] for one in resources(bundle, "match")] == ["2.25.2001"]


@SIDES
def test_a_study_is_cancelled_only_without_a_kos_in_force(site: FhirSite, side: str) -> None:
    newer = exam(1, date(2026, 7, 1), sop_instance_uid=SopInstanceUid("2.25.2001"))
    gone = exam(3, date(2026, 7, 3))
    site.register.publications.clear()
    site.publish_as(PublicationState.REPLACED, exam(1, date(2026, 7, 1)))
    site.publish_as(PublicationState.REPLACED, gone)
    site.publish(newer)
    site.dmp.entries.clear()
    for manifest, status in (
        (exam(1, date(2026, 7, 1)), AvailabilityStatus.DEPRECATED),
        (gone, AvailabilityStatus.DEPRECATED),
        (newer, AvailabilityStatus.APPROVED),
    ):
        entry = site.dmp.hold(manifest)
        site.dmp.entries[-1] = replace(entry, status=status)
    for status, study in {"cancelled": gone, "available": newer}.items():
        bundle = client(site, side).get(f"/fhir/ImagingStudy?status={status}").json()
        (found,) = resources(bundle, "match")
        assert (found["id"], found["status"]) == (study.study_instance_uid, status)


def test_what_a_document_replaced_is_told_and_looked_for(site: FhirSite) -> None:
    old, new = (f"00000000-0000-4000-8000-00000000000{n}" for n in range(2))
    first, second = site.dmp.entries[:2]
    site.dmp.entries[:2] = [
        replace(first, entry_uuid=f"urn:uuid:{old}", status=AvailabilityStatus.DEPRECATED),
        replace(second, entry_uuid=f"urn:uuid:{new}"),
    ]
    site.dmp.replacements[f"urn:uuid:{new}"] = f"urn:uuid:{old}"
    told = [
        {
            "code": "replaces",
            "target": {"reference": f"DocumentReference/{old}", "type": "DocumentReference"},
        }
    ]
    read = site.consumer().get(f"/fhir/DocumentReference/{new}").json()
    check(read)
    assert read["relatesTo"] == told
    for query in (
        {"relatesto": f"DocumentReference/{old}"},
        {"relation": "replaces"},
        {"status": "current,superseded", "_id": new},
    ):
        bundle = site.consumer().get("/fhir/DocumentReference", params=query).json()
        (found,) = resources(bundle, "match")
        assert found == read
    bundle = site.consumer().get("/fhir/DocumentReference", params={"relatesto": new}).json()
    # Nothing replaced the newer one; a FHIR manifest is made of it.
    assert [one["id"] for one in resources(bundle, "match")] == [derived_id(new)]


@SIDES
@pytest.mark.parametrize(
    "query", ["status=current", "status=current&_include=*", "status=current,superseded"]
)
def test_what_a_document_replaced_comes_along_once(site: FhirSite, side: str, query: str) -> None:
    new_manifest = exam(1, date(2026, 7, 1), sop_instance_uid=SopInstanceUid("2.25.2001"))
    old, new = (f"00000000-0000-4000-8000-00000000000{n}" for n in range(2))
    if side == "source":
        old, new = KOS, "2.25.2001"
        site.register.publications.clear()
        site.publish_as(PublicationState.REPLACED, exam(1, date(2026, 7, 1)))
        site.publish(new_manifest)
    else:
        site.dmp.hold(new_manifest)
        entries = site.dmp.entries
        site.dmp.entries[:] = [
            replace(entries[0], entry_uuid=f"urn:uuid:{old}", status=AvailabilityStatus.DEPRECATED),
            replace(entries[-1], entry_uuid=f"urn:uuid:{new}"),
        ]
        site.dmp.replacements[f"urn:uuid:{new}"] = f"urn:uuid:{old}"
    address = f"/fhir/DocumentReference?{query}&_include=DocumentReference:relatesto"
    bundle = client(site, side).get(address).json()
    documents = [
        (entry["search"]["mode"], entry["resource"]["id"])
        for entry in bundle["entry"]
        if entry["resource"]["resourceType"] == "DocumentReference"
    ]
    mode = "match" if "superseded" in query else "include"
    assert sorted(documents) == sorted([("match", new), (mode, old)])
