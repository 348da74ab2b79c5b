"""A search among the published studies: the register answers what it can, the PACS the rest."""

from dataclasses import dataclass, field, replace

import pytest
from tests.fakes.fake_study_register import FakeStudyRegister
from tests.fakes.manifests import made_up_ins
from tests.fakes.publications import PATIENT, made_up_publication

from drimbox.errors import TooLarge
from drimbox.flows.source.published_manifests import HEAD_INSTANCES, PublishedManifests
from drimbox.flows.source.search_published import MAX_CANDIDATES, SearchPublished
from drimbox.model.patient import LocalPatientId
from drimbox.model.publication import PublicationState
from drimbox.model.retrieval import DicomJson, DicomQuery, MatchPage, QueryLevel
from drimbox.model.study import StudyPatient
from drimbox.model.uids import StudyInstanceUid
from drimbox.standards.dicomweb.search_parameters import SearchTarget, parse_search

pytestmark = pytest.mark.anyio
ROOT = "1.2.250.1.999.7"


@dataclass
class AskedPacs:
    """Answers every query with the same rows, and keeps what it was asked."""

    rows: list[DicomJson] = field(default_factory=list)
    asked: list[DicomQuery] = field(default_factory=list)

    async def find(self, query: DicomQuery) -> tuple[DicomJson, ...]:
        self.asked.append(query)
        return tuple(self.rows[: query.limit])


@dataclass
class Site:
    """Three published studies of one patient; the third was withdrawn."""

    register: FakeStudyRegister
    pacs: AskedPacs
    search: SearchPublished

    async def find(self, target: SearchTarget, *parameters: tuple[str, str]) -> MatchPage:
        return await self.search(parse_search(target, parameters).query)


@pytest.fixture
def site() -> Site:
    register, pacs = FakeStudyRegister(), AskedPacs()
    states = (PublicationState.PUBLISHED, PublicationState.PENDING, PublicationState.WITHDRAWN)
    for number, state in enumerate(states, 1):
        publication = made_up_publication(study=number).publication
        known = StudyPatient(LocalPatientId("IPP1"), "PAQUERETTE^ZOE", "19790312", "F")
        manifest = replace(publication.manifest, pacs_patient=known)
        register.publications.append(replace(publication, manifest=manifest, state=state))
    search = SearchPublished(register, PublishedManifests(register), pacs)  # type: ignore[arg-type]
    return Site(register, pacs, search)


def uids(page: MatchPage, tag: str = "0020000D") -> list[object]:
    return [row[tag]["Value"][0] for row in page.rows]  # type: ignore[index]


def row(study: int, series: int | None = None, **others: object) -> DicomJson:
    told: dict[str, dict[str, object]] = {"0020000D": {"vr": "UI", "Value": [f"{ROOT}.{study}"]}}
    if series is not None:
        told["0020000E"] = {"vr": "UI", "Value": [f"{ROOT}.1.{series}"]}
    for tag, value in others.items():
        told[tag.removeprefix("t")] = {"vr": "LO", "Value": [value]}
    return told


async def test_the_worklist_is_the_register_newest_first_page_by_page(site: Site) -> None:
    page = await site.find(SearchTarget(QueryLevel.STUDY))
    assert uids(page) == [f"{ROOT}.2", f"{ROOT}.1"]
    assert page.rows[0]["00100020"]["Value"] == ["IPP1"]
    assert page.rows[0]["00100010"]["Value"] == [{"Alphabetic": "PAQUERETTE^ZOE"}]
    second = await site.find(SearchTarget(QueryLevel.STUDY), ("limit", "1"), ("offset", "1"))
    assert (uids(second), second.total) == ([f"{ROOT}.1"], 2)
    assert site.pacs.asked == []


async def test_named_studies_are_answered_without_the_pacs(site: Site) -> None:
    target = SearchTarget(QueryLevel.IMAGE, StudyInstanceUid(f"{ROOT}.1"))
    page = await site.find(target, ("SOPClassUID", "1.2.840.10008.5.1.4.1.1.2"), ("limit", "2"))
    assert (len(page.rows), page.total) == (2, 3)
    both = f"{ROOT}.1,{ROOT}.3"
    found = await site.find(SearchTarget(QueryLevel.STUDY), ("StudyInstanceUID", both))
    assert uids(found) == [f"{ROOT}.1"]
    assert site.pacs.asked == []


async def test_an_ins_names_its_patient(site: Site) -> None:
    value = made_up_ins().value
    assert PATIENT.startswith(value)
    found = await site.find(SearchTarget(QueryLevel.SERIES), ("PatientID", value))
    assert found.total == 4
    assert site.pacs.asked == []


async def test_a_patient_of_the_pacs_is_found_by_what_its_images_say(site: Site) -> None:
    found = await site.find(SearchTarget(QueryLevel.STUDY), ("PatientID", "IPP1"))
    assert uids(found) == [f"{ROOT}.2", f"{ROOT}.1"]
    assert site.pacs.asked == []


async def test_a_patient_id_that_no_publication_knows_is_for_the_pacs(site: Site) -> None:
    site.pacs.rows = [row(1), row(3)]
    for text in ("IPP9", "IPP*"):
        found = await site.find(SearchTarget(QueryLevel.STUDY), ("PatientID", text))
        assert uids(found) == [f"{ROOT}.1"]
    assert [query.matching["00100020"] for query in site.pacs.asked] == ["IPP9", "IPP*"]


async def test_any_other_key_is_for_the_pacs_and_only_what_has_a_kos_is_told(site: Site) -> None:
    site.pacs.rows = [row(1), row(2), row(3), row(9)]
    found = await site.find(SearchTarget(QueryLevel.STUDY), ("PatientName", "PAQ*"))
    assert (uids(found), found.total) == ([f"{ROOT}.1", f"{ROOT}.2"], 2)
    assert site.pacs.asked[0].matching == {"00100010": "PAQ*"}


async def test_a_series_that_no_kos_names_is_not_told(site: Site) -> None:
    site.pacs.rows = [row(1, 2), row(1, 3), row(1, 9)]
    found = await site.find(SearchTarget(QueryLevel.SERIES), ("PatientName", "PAQ*"))
    assert uids(found, "0020000E") == [f"{ROOT}.1.2", f"{ROOT}.1.9"]


async def test_what_a_manifest_does_not_tell_is_asked_of_the_pacs_for_those_studies(
    site: Site,
) -> None:
    site.pacs.rows = [row(1, t00081032="x")]
    both = f"{ROOT}.1,{ROOT}.3"
    keys = [("StudyInstanceUID", both), ("includefield", "ProcedureCodeSequence")]
    found = await site.find(SearchTarget(QueryLevel.STUDY), *keys)
    assert site.pacs.asked[0].matching == {"0020000D": f"{ROOT}.1"}
    assert found.rows[0]["00081032"]["Value"] == ["x"]
    nothing = await site.find(
        SearchTarget(QueryLevel.STUDY), ("StudyInstanceUID", f"{ROOT}.3"), keys[1]
    )
    assert nothing.rows == ()
    assert len(site.pacs.asked) == 1


async def test_filters_are_matched_on_what_the_pacs_answers(site: Site) -> None:
    site.pacs.rows = [
        {**row(number), "00080020": {"vr": "DA", "Value": [day]}, "00080030": TEN_O_CLOCK}
        for number, day in ((1, "20260101"), (2, "20260102"))
    ]
    keys = [("PatientName", "PAQ*"), ("StudyDate", "20260101-20260103"), ("StudyTime", "11-12")]
    assert uids(await site.find(SearchTarget(QueryLevel.STUDY), *keys)) == [f"{ROOT}.2"]


TEN_O_CLOCK = {"vr": "TM", "Value": ["100000"]}


async def test_more_than_can_be_counted_must_be_narrowed(site: Site) -> None:
    site.pacs.rows = [row(1)] * (MAX_CANDIDATES + 1)
    with pytest.raises(TooLarge):
        await site.find(SearchTarget(QueryLevel.STUDY), ("PatientName", "D*"))


async def test_manifests_are_read_once_and_forgotten_in_time(site: Site) -> None:
    manifests = PublishedManifests(site.register, max_instances=5 + 2 * HEAD_INSTANCES)
    entries = (await site.register.list_current()).entries
    first = await manifests.read(entries)
    site.register.publications.clear()
    assert await manifests.read(entries[1:]) == first[1:]
    assert await manifests.read(entries[:1]) == ()
