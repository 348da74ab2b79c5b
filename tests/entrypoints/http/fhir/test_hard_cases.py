"""Hard cases of a FHIR client's life, over HTTP: pages, forms, odd numbers, other people's ids."""

import base64
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from tests.fakes.fhir_site import ISSUER, FhirSite, exam
from tests.fakes.fhir_validation import check
from tests.fakes.imaging_records import made_up_record
from tests.fakes.manifests import made_up_series

from drimbox.model.audit import AuditAction
from drimbox.model.document_entry import AvailabilityStatus
from drimbox.model.manifest import ImagingOrder
from drimbox.model.practice import Code
from drimbox.model.study import AccessionNumber
from drimbox.model.uids import SopInstanceUid, StudyInstanceUid
from drimbox.standards.fhir.document_reference import encode_document_reference

pytestmark = pytest.mark.requirement("FA.1")

Json = dict[str, Any]
INS_SYSTEM = "urn:oid:1.2.250.1.213.1.4.10"


@pytest.fixture
def site(tmp_path: Path) -> FhirSite:
    site = FhirSite(tmp_path)
    for number in range(1, 6):
        site.dmp.hold(exam(number, date(2026, 7, number)), ["774007"])
    return site


def matches(bundle: Json) -> list[str]:
    return [e["resource"]["id"] for e in bundle.get("entry", []) if e["search"]["mode"] == "match"]


def link(bundle: Json, relation: str) -> str | None:
    return next((one["url"] for one in bundle["link"] if one["relation"] == relation), None)


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def test_pages_lead_through_every_match_once(site: FhirSite) -> None:
    client, seen = site.consumer(), []
    url: str | None = "/fhir/ImagingStudy?_count=2&_sort=started"
    pages = 0
    while url is not None:
        bundle = client.get(path_of(url) if "://" in url else url).json()
        assert bundle["total"] == 5
        seen += matches(bundle)
        url = link(bundle, "next")
        pages += 1
    assert pages == 3
    assert seen == [f"1.2.250.1.999.7.{number}" for number in range(1, 6)]


@pytest.mark.parametrize("alter", ["other caller", "tampered", "late", "other resource"])
def test_a_page_is_its_callers_own_and_for_a_while(site: FhirSite, alter: str) -> None:
    client = site.consumer()
    following = link(client.get("/fhir/ImagingStudy?_count=2").json(), "next")
    assert following is not None
    path, status = path_of(following), 404
    if alter == "other caller":
        site.change_context(identifier="another context")
    elif alter == "tampered":
        path = path[:-3] + ("AAA" if not path.endswith("AAA") else "BBB")
    elif alter == "other resource":
        path = path.replace("ImagingStudy", "DocumentReference")
    else:
        site.clock.advance(601)
        status = 410
    answer = client.get(path)
    assert answer.status_code == status
    check(answer.json())


def test_a_kos_superseded_while_a_client_pages_hides_no_other(site: FhirSite) -> None:
    client = site.consumer()
    first = client.get("/fhir/ImagingStudy?_count=2&_sort=started").json()
    site.dmp.entries[0] = replace(site.dmp.entries[0], status=AvailabilityStatus.DEPRECATED)
    site.clock.advance(60)
    following = link(first, "next")
    assert following is not None
    assert matches(client.get(path_of(following)).json()) == [
        "1.2.250.1.999.7.3",
        "1.2.250.1.999.7.4",
    ]


def test_no_link_holds_what_leads_to_a_person(site: FhirSite) -> None:
    ins = site.context.patient.ins.value
    client = site.consumer()
    token = f"{INS_SYSTEM}|{ins}"
    got = client.get(f"/fhir/ImagingStudy?patient.identifier={quote(token)}&_count=2")
    posted = client.post("/fhir/ImagingStudy/_search", data={"patient.identifier": token})
    for answer in (got, posted):
        assert len(matches(answer.json())) in {2, 5}
        assert ins not in str(answer.json()["link"])
        assert parse_qs(urlsplit(link(answer.json(), "self") or "").query).keys() == {"_page"}
    again = client.get(path_of(link(posted.json(), "self") or "")).json()
    assert matches(again) == matches(posted.json())


@pytest.mark.parametrize(
    "form",
    [
        "patient.identifier={system}|{ins}",
        "patient.identifier={system}%7C{ins}",
        "patient.identifier=urn%3Aoid%3A1.2.250.1.213.1.4.10%7C{ins}",
        "patient:identifier={system}|{ins}",
        "subject:identifier={system}%7C{ins}",
        "patient.identifier={ins}",
    ],
)
def test_an_ins_comes_in_a_form_in_several_spellings(site: FhirSite, form: str) -> None:
    body = form.format(system=INS_SYSTEM, ins=site.context.patient.ins.value)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = site.consumer().post("/fhir/ImagingStudy/_search", content=body, headers=headers)
    assert answer.json()["total"] == 5


@pytest.mark.parametrize("value", ["190010100100151", "{ins}+1", "%2B{ins}", "{ins} "])
def test_another_ins_finds_nothing_and_asks_nothing(site: FhirSite, value: str) -> None:
    token = f"{INS_SYSTEM}|{value.format(ins=site.context.patient.ins.value)}"
    body = f"patient.identifier={token}"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = site.consumer().post("/fhir/ImagingStudy/_search", content=body, headers=headers)
    assert answer.json()["total"] == 0
    assert site.dmp.calls == []


@pytest.mark.parametrize("number", ["A^1", "A&1", "A|1", "A,1", "A$1", "A\\1", "A 1", "O'HARA"])
def test_an_accession_number_of_any_characters_is_found(site: FhirSite, number: str) -> None:
    order = ImagingOrder(AccessionNumber(number, ISSUER))
    site.dmp.hold(exam(9, date(2026, 7, 9), order=order))
    escaped = number
    for character in "\\,|$":
        escaped = escaped.replace(character, "\\" + character)
    for token in (escaped, f"urn:oid:{ISSUER}|{escaped}"):
        data = {"accession-number": token}
        bundle = site.consumer().post("/fhir/ImagingStudy/_search", data=data).json()
        assert matches(bundle) == ["1.2.250.1.999.7.9"]


@pytest.mark.parametrize(
    "uid",
    ["1.2.250.1." + "9" * 54, "2.25.329800735698586629295641978511506172918", "1.2.3"],
)
@pytest.mark.parametrize("spelling", ["{}", "urn:oid:{}", "URN:OID:{}", "urn:dicom:uid|urn:oid:{}"])
def test_a_uid_is_found_in_any_spelling(site: FhirSite, uid: str, spelling: str) -> None:
    site.dmp.hold(exam(9, date(2026, 7, 9), study_instance_uid=StudyInstanceUid(uid)))
    query = {"identifier": spelling.format(uid)}
    assert matches(site.consumer().get("/fhir/ImagingStudy", params=query).json()) == [uid]


@pytest.mark.parametrize("uid", ["1.02.3", "1.2." + "9" * 61, "1..2", "x"])
def test_what_is_no_uid_names_no_study(site: FhirSite, uid: str) -> None:
    client = site.consumer()
    assert client.get(f"/fhir/ImagingStudy/{uid}").status_code == 404
    bundle = client.get("/fhir/ImagingStudy", params={"_id": uid}).json()
    assert bundle["total"] == 0


@pytest.mark.parametrize(
    ("hash_hex", "size"),
    [
        ("DA39A3EE5E6B4B0D3255BFEF95601890AFD80709", 0),
        ("da39a3ee5e6b4b0d3255bfef95601890afd80709", 0),
        ("6a6ddf5d0a4fb2b0e3b5d1bd0dd2bdb5b4d0a0f1", 12),
    ],
)
def test_a_hash_is_base64_of_its_octets(hash_hex: str, size: int) -> None:
    resource: Json = encode_document_reference(
        made_up_record(hash_hex=hash_hex, size=size), "https://box.test/fhir"
    )
    attachment = resource["content"][0]["attachment"]
    assert base64.b64decode(attachment["hash"]) == bytes.fromhex(hash_hex)
    assert attachment["size"] == size


def test_confidentiality_codes_are_one_concept_each_in_their_order() -> None:
    words = ("N", "MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX")
    codes = tuple(Code(word, "1.2.250.1.213.1.1.4.13") for word in words)
    resource: Json = encode_document_reference(
        made_up_record(confidentiality_codes=codes), "https://box.test/fhir"
    )
    assert [[c["code"] for c in one["coding"]] for one in resource["securityLabel"]] == [
        [word] for word in words
    ]


@pytest.mark.parametrize(
    "query", ["_elements=identifier", "_elements=id", "_summary=true", "_summary=text"]
)
def test_no_subset_parts_an_ins_from_its_traits(site: FhirSite, query: str) -> None:
    ins = site.context.patient.ins.value
    body = {"identifier": f"{INS_SYSTEM}|{ins}"}
    answer = site.consumer().post(f"/fhir/Patient/_search?{query}", data=body)
    (patient,) = (e["resource"] for e in answer.json()["entry"])
    assert {"identifier", "name", "gender", "birthDate", "extension"} <= patient.keys()
    check(patient)


def test_a_study_of_2000_instances_in_each_form(site: FhirSite) -> None:
    large = exam(9, date(2026, 7, 9), series=(made_up_series(1, 2000),))
    site.dmp.hold(large)
    client, path = site.consumer(), "/fhir/ImagingStudy?_id=1.2.250.1.999.7.9"
    whole = client.get(path).json()["entry"][0]["resource"]
    assert len(whole["series"][0]["instance"]) == 2000
    since = time.process_time()
    xml = client.get(f"{path}&_format=xml")
    assert xml.content.count(b"<instance>") == 2000
    assert time.process_time() - since < 5
    summary = client.get(f"{path}&_summary=true")
    assert "instance" not in summary.json()["entry"][0]["resource"]["series"][0]
    assert len(summary.content) < 8000


def test_a_study_without_its_lines_of_text_and_of_several_modalities(site: FhirSite) -> None:
    series = (
        made_up_series(1, 2, modality="PT"),
        made_up_series(2, 2, modality="CT"),
        made_up_series(3, 1, modality="PR", series_description="a@b : c"),
        made_up_series(4, 1, modality="KO"),
        made_up_series(5, 1, modality=""),
    )
    site.dmp.hold(exam(9, date(2026, 7, 9), series=series))
    study = site.consumer().get("/fhir/ImagingStudy/1.2.250.1.999.7.9").json()
    check(study)
    assert {m["code"] for m in study["modality"]} >= {"CT", "KO", "PR", "PT"}
    assert all(one["modality"]["code"] for one in study["series"])
    for modality in ("PT", "CT"):
        bundle = site.consumer().get(f"/fhir/ImagingStudy?modality={modality}").json()
        assert "1.2.250.1.999.7.9" in matches(bundle)


@pytest.mark.parametrize("kind", ["DocumentReference", "ImagingStudy", "Binary", "Patient"])
def test_what_is_of_another_patient_is_told_as_what_is_not_there(site: FhirSite, kind: str) -> None:
    """Threat O11: same status, same body, and one refusal in the trail each."""
    stranger = site.dmp.hold(exam(8, date(2026, 7, 8)))
    site.dmp.entries[-1] = replace(stranger, patient_id="1^^^&1.2.250.1.213.1.4.10&ISO^NH")
    identifier = {"ImagingStudy": "1.2.250.1.999.7.8", "Patient": "0" * 40}.get(kind, "2.25.1008")
    theirs = site.consumer().get(f"/fhir/{kind}/{identifier}")
    nobodys = site.consumer().get(f"/fhir/{kind}/{identifier[:-1]}77")
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.json() == nobodys.json()
    assert site.audit.actions.count(AuditAction.ACCESS_REFUSED) == 2


def test_a_withdrawn_document_is_gone_for_the_dmps_readers_too(site: FhirSite) -> None:
    for status, code in (
        (AvailabilityStatus.DEPRECATED, 410),
        (AvailabilityStatus.DELETED, 404),
    ):
        site.dmp.entries[0] = replace(site.dmp.entries[0], status=status)
        site.clock.advance(timedelta(minutes=1).total_seconds())
        assert site.consumer().get("/fhir/Binary/2.25.1001").status_code == code
        assert site.audit.actions[-1] is AuditAction.ACCESS_REFUSED


def test_a_superseded_document_is_served_where_the_site_wants_it(site: FhirSite) -> None:
    site.serves_superseded = True
    site.dmp.entries[0] = replace(site.dmp.entries[0], status=AvailabilityStatus.DEPRECATED)
    answer = site.consumer().get("/fhir/Binary/2.25.1001")
    assert answer.content == site.dmp.contents["2.25.1001"]


def test_superseded_documents_are_found_by_who_asks_for_them(site: FhirSite) -> None:
    site.dmp.entries[0] = replace(site.dmp.entries[0], status=AvailabilityStatus.DEPRECATED)
    client = site.consumer()
    assert len(matches(client.get("/fhir/DocumentReference").json())) == 4
    both = client.get("/fhir/DocumentReference?status=current,superseded").json()
    assert len(matches(both)) == 5
    assert matches(client.get("/fhir/DocumentReference?status=superseded").json()) == ["2.25.1001"]
    cancelled = client.get("/fhir/ImagingStudy?status=cancelled").json()
    assert matches(cancelled) == ["1.2.250.1.999.7.1"]


def test_a_kos_that_cannot_be_read_is_a_warning_and_still_a_document(site: FhirSite) -> None:
    site.dmp.contents["2.25.1001"] = b"no DICOM"
    bundle = site.consumer().get("/fhir/ImagingStudy").json()
    assert len(matches(bundle)) == 4
    outcome = bundle["entry"][-1]["resource"]
    check(outcome)
    assert outcome["issue"][0]["severity"] == "warning"
    assert outcome["issue"][0]["code"] == "incomplete"
    assert site.consumer().get("/fhir/DocumentReference/2.25.1001").status_code == 200


def test_series_numbers_of_one_study_in_two_kos_are_one_study(site: FhirSite) -> None:
    later = exam(1, date(2026, 7, 1), sop_instance_uid=SopInstanceUid("2.25.2001"))
    entry = site.dmp.hold(later)
    newer = entry.creation_time + timedelta(hours=1)
    site.dmp.entries[-1] = replace(entry, creation_time=newer)
    query = "_id=1.2.250.1.999.7.1&_revinclude=Provenance:target"
    bundle = site.consumer().get(f"/fhir/ImagingStudy?{query}").json()
    assert matches(bundle) == ["1.2.250.1.999.7.1"]
    (provenance,) = (e["resource"] for e in bundle["entry"] if e["search"]["mode"] == "include")
    assert [one["what"]["reference"] for one in provenance["entity"]] == [
        "DocumentReference/2.25.2001",
        "DocumentReference/2.25.1001",
    ]


def test_a_list_that_is_not_whole_is_told_so(site: FhirSite) -> None:
    site.dmp.is_partial = True
    for kind in ("DocumentReference", "ImagingStudy"):
        bundle = site.consumer().get(f"/fhir/{kind}").json()
        assert len(matches(bundle)) == 5
        issue = bundle["entry"][-1]["resource"]["issue"][0]
        assert (issue["severity"], issue["code"]) == ("warning", "incomplete")
        assert issue["details"]["coding"][0]["code"] == "list-partial"
