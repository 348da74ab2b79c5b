"""Crawls through the register of a Source: a search that names nobody reaches all of it (FA.2)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.fakes.fhir_site import FhirSite, exam
from tests.fakes.imaging_records import IPP

from drimbox.model.publication import PublicationState
from drimbox.model.uids import SopInstanceUid

pytestmark = pytest.mark.requirement("FA.2")

# More than are read for one page, so that a walk must go on.
READ, EXAMS = 20, 25
Bundle = dict[str, Any]


@pytest.fixture
def site(tmp_path: Path) -> FhirSite:
    """A register of many exams; only the oldest is an MR."""
    site = FhirSite(tmp_path, max_studies=READ)
    for number in range(1, EXAMS + 1):
        day = date(2020, 1, 1) + timedelta(days=number)
        site.publish(exam(number, day, "MR" if number == 1 else "CT"))
    return site


def pages(client: TestClient, address: str, **parameters: str) -> Iterator[Bundle]:
    """Follow the next links as any client does."""
    answer = client.get(f"/fhir/{address}", params=parameters)
    while True:
        assert answer.status_code == 200
        bundle = answer.json()
        yield bundle
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        if "next" not in links:
            return
        answer = client.get(links["next"])


def ids(*bundles: Bundle) -> list[str]:
    entries = [entry for one in bundles for entry in one.get("entry", [])]
    return [e["resource"]["id"] for e in entries if e["search"]["mode"] == "match"]


def codes(bundle: Bundle) -> list[str]:
    entries = [e for e in bundle.get("entry", []) if e["search"]["mode"] == "outcome"]
    return [i["details"]["coding"][0]["code"] for e in entries for i in e["resource"]["issue"]]


@pytest.mark.parametrize("kind", ["ImagingStudy", "DocumentReference"])
def test_a_crawl_reaches_each_exam_once_the_newest_first(site: FhirSite, kind: str) -> None:
    crawl = [*pages(site.source(), kind, _count="10", status="available,current")]
    if kind == "ImagingStudy":
        crawl = [*pages(site.source(), kind, _count="10")]
    found = ids(*crawl)
    assert len(found) == len(set(found)) == EXAMS
    assert [len(ids(one)) for one in crawl] == [10, 10, 5]
    assert not any("too-many" in codes(one) for one in crawl)
    if kind == "ImagingStudy":
        assert found[0].endswith(f".{EXAMS}")
        assert found[-1].endswith(".7.1")


def test_what_arrives_between_pages_moves_nothing_that_is_to_come(site: FhirSite) -> None:
    crawl = pages(site.source(), "ImagingStudy", _count="10")
    first = next(crawl)
    site.publish(exam(9001, date(2026, 1, 1)))
    _replace(site, exam(3, date(2020, 1, 4)), kos=7003)
    _replace(site, exam(EXAMS, date(2020, 1, 4)), kos=7999)
    found = ids(first, *crawl)
    assert len(found) == len(set(found)) == EXAMS
    assert "1.2.250.1.999.7.3" in found
    assert "1.2.250.1.999.7.9001" not in found
    assert ids(next(pages(site.source(), "ImagingStudy", _count="1"))) == ["1.2.250.1.999.7.9001"]


def test_what_is_withdrawn_between_pages_is_not_told(site: FhirSite) -> None:
    crawl = pages(site.source(), "ImagingStudy", _count="10")
    first = next(crawl)
    shown_last, to_come = EXAMS - 9, EXAMS - 15
    for number in (shown_last, to_come):
        place = number - 1
        known = site.register.publications[place]
        site.register.publications[place] = replace(known, state=PublicationState.WITHDRAWN)
    found = ids(first, *crawl)
    assert len(found) == EXAMS - 1
    assert f"1.2.250.1.999.7.{to_come}" not in found


def test_a_page_ends_within_the_documents_of_one_study(site: FhirSite) -> None:
    site.register.publications = site.register.publications[:3]
    _replace(site, exam(2, date(2020, 1, 3)), kos=7002)
    asked = {"_count": "1", "status": "current,superseded"}
    crawl = [*pages(site.source(), "DocumentReference", **asked)]
    masters = [
        e["resource"]["masterIdentifier"]["value"].rpartition(".")[2]
        for one in crawl
        for e in one["entry"]
        if e["search"]["mode"] == "match"
    ]
    assert masters == ["1003", "7002", "1002", "1001"]


def test_a_rare_exam_is_found_by_pages_that_read_no_more_than_they_may(site: FhirSite) -> None:
    crawl = [*pages(site.source(), "ImagingStudy", modality="MR")]
    assert [len(ids(one)) for one in crawl] == [0, 1]
    assert ids(*crawl) == ["1.2.250.1.999.7.1"]


def test_a_patient_of_the_site_is_found_however_long_ago(site: FhirSite) -> None:
    assert IPP.issuer is not None
    token = f"urn:oid:{IPP.issuer.universal_id}|{IPP.value}"
    crawl = [*pages(site.source(), "ImagingStudy", **{"patient.identifier": token})]
    assert len(ids(*crawl)) == EXAMS
    assert IPP.value not in str([one["link"] for one in crawl])


def test_a_total_is_exact_where_it_is_given(site: FhirSite) -> None:
    client = site.source()
    assert "total" not in next(pages(client, "ImagingStudy", _count="5"))
    asked = [*pages(client, "ImagingStudy", _count="10", _total="accurate")]
    assert [one["total"] for one in asked] == [EXAMS] * 3
    assert (
        next(pages(client, "ImagingStudy", _summary="count", modality="CT"))["total"] == EXAMS - 1
    )
    site.register.publications = site.register.publications[:15]
    assert next(pages(client, "ImagingStudy", _count="10"))["total"] == 15


def test_what_would_be_endless_to_count_is_said_not_to_be_counted(site: FhirSite) -> None:
    publications = site.register.publications
    # The same exams again and again, each a study of its own place.
    site.register.publications = [
        replace(one, study_instance_uid=f"1.2.3.{turn}.{number}")
        for turn in range(9)
        for number, one in enumerate(publications)
    ]
    bundle = next(pages(site.source(), "DocumentReference", _count="0", status="current"))
    assert "total" not in bundle
    assert "not-counted" in codes(bundle)


def test_an_order_of_its_own_must_be_narrowed(site: FhirSite) -> None:
    """What the register cannot order is ordered among its newest, and said to be partial."""
    bundle = next(pages(site.source(), "ImagingStudy", _sort="started", _count="1"))
    assert "too-many" in codes(bundle)


def _replace(site: FhirSite, manifest: Any, kos: int) -> None:
    uid = manifest.study_instance_uid
    site.register.publications = [
        replace(one, state=PublicationState.REPLACED) if one.study_instance_uid == uid else one
        for one in site.register.publications
    ]
    site.publish(replace(manifest, sop_instance_uid=SopInstanceUid(f"2.25.{kos}")))
