"""The exams of a context for FHIR callers: what the DMP is asked, how often, what that tells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, timedelta
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from tests.fakes.fake_dmp_consultation import FakeDmpConsultation
from tests.fakes.fhir_site import FhirSite, exam
from tests.fakes.manifests import made_up_patient, made_up_series

from drimbox.errors import RejectedByPartner, Unavailable
from drimbox.flows.consumer.consult_dmp import ConsultDmp
from drimbox.flows.consumer.context_records import ContextRecords
from drimbox.flows.consumer.find_prior_studies import FindPriorStudies
from drimbox.flows.consumer.list_documents import KeptLists, ListDocuments
from drimbox.flows.consumer.read_documents import ReadDocuments, RetrievedDocuments
from drimbox.flows.consumer.read_manifests import ReadManifests
from drimbox.flows.consumer.retrieved_studies import RetrievedStudies
from drimbox.model.access import Caller, Peer
from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.document_entry import (
    AvailabilityStatus,
    DocumentEntry,
    DocumentQuery,
    ReferenceId,
    ReferenceIdKind,
)
from drimbox.model.imaging_search import Notice, RecordQuery, Studies
from drimbox.model.patient import Ins, InsAuthority, ins_control_key
from drimbox.model.publication import DmpIdentity
from drimbox.model.uids import StudyInstanceUid
from drimbox.ports.dmp import Retrieved

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("FA.1")]

METADATA = RecordQuery(reads=Studies.NOT_NEEDED)
STUDIES = RecordQuery()
BOTH = frozenset({AvailabilityStatus.APPROVED, AvailabilityStatus.DEPRECATED})


@dataclass
class SlowDmp(FakeDmpConsultation):
    """Answers only once it may, so that calls overlap."""

    may_answer: anyio.Event = field(default_factory=anyio.Event)
    documents: list[str] = field(default_factory=list)

    async def find_documents(
        self, query: DocumentQuery, identity: DmpIdentity
    ) -> tuple[DocumentEntry, ...]:
        await self.may_answer.wait()
        return await super().find_documents(query, identity)

    async def retrieve_documents(
        self, entries: Sequence[DocumentEntry], identity: DmpIdentity
    ) -> Mapping[str, Retrieved]:
        self.documents += [entry.unique_id for entry in entries]
        await anyio.lowlevel.checkpoint()
        return await super().retrieve_documents(entries, identity)


@pytest.fixture
def site(tmp_path: Path) -> FhirSite:
    site = FhirSite(tmp_path)
    for number in range(1, 4):
        site.dmp.hold(exam(number, date(2026, 7, number)), ["774007"])
    return site


def records_of(site: FhirSite, dmp: FakeDmpConsultation | None = None) -> ContextRecords:
    dmp = dmp or site.dmp
    trail, clock = site.consultation.trail, site.clock
    consult = ConsultDmp(dmp, site.consultation.situations, trail)
    documents = ListDocuments(consult, KeptLists(clock))
    retrieved = RetrievedStudies(clock)
    find = FindPriorStudies(documents, ReadManifests(consult, retrieved), "m", "r")
    reports = ReadDocuments(consult, retrieved, RetrievedDocuments(clock), UTC)
    return ContextRecords(find, reports, site.trusted_space)


def caller(site: FhirSite) -> Caller:
    return site.callers["doctor"]


async def test_a_search_of_documents_asks_once_and_brings_no_document(site: FhirSite) -> None:
    found = await records_of(site).find_records(caller(site), METADATA)
    assert len(found.records) == 3
    assert site.dmp.calls == ["check_access", "find_documents"]


async def test_the_same_search_a_moment_later_asks_nothing(site: FhirSite) -> None:
    records = records_of(site)
    first = await records.find_records(caller(site), STUDIES)
    asked = len(site.dmp.calls)
    assert await records.find_records(caller(site), STUDIES) == first
    # Narrower than what is known: nothing to ask for either.
    narrow = replace(STUDIES, narrowed_by=DocumentQuery("", service_start_from=site.clock.now()))
    await records.find_records(caller(site), narrow)
    assert len(site.dmp.calls) == asked
    site.clock.advance(31)
    await records.find_records(caller(site), STUDIES)
    # The list again, and no KOS: those of the session are kept.
    assert site.dmp.calls[asked:] == ["check_access", "find_documents"]


async def test_what_the_dmp_says_by_now_is_told_of_a_kos_read_before(site: FhirSite) -> None:
    records = records_of(site)
    asked = replace(STUDIES, statuses=BOTH)
    await records.find_records(caller(site), asked)
    retrieved = site.dmp.calls.count("retrieve_documents")
    site.dmp.entries[0] = replace(site.dmp.entries[0], status=AvailabilityStatus.DEPRECATED)
    site.clock.advance(31)
    found = await records.find_records(caller(site), asked)
    states = {r.document.unique_id: r.document.status for r in found.records}
    assert states[site.dmp.entries[0].unique_id] is AvailabilityStatus.DEPRECATED
    assert site.dmp.calls.count("retrieve_documents") == retrieved


OLD, NEW, OTHER = (f"urn:uuid:00000000-0000-4000-8000-00000000000{n}" for n in range(3))


def replaced(site: FhirSite) -> None:
    """Make the second exam's document the replacement of the first's."""
    first, second, third = site.dmp.entries
    site.dmp.entries[:] = [
        replace(first, entry_uuid=OLD, status=AvailabilityStatus.DEPRECATED),
        replace(second, entry_uuid=NEW),
        replace(third, entry_uuid=OTHER),
    ]
    site.dmp.replacements[NEW] = OLD


@pytest.mark.parametrize(
    ("query", "questions"),
    [
        pytest.param(METADATA, 0, id="no replaced one is listed"),
        pytest.param(replace(METADATA, statuses=BOTH), 1, id="one is listed"),
        pytest.param(replace(METADATA, has_relations=True), 1, id="somebody asks"),
        pytest.param(replace(METADATA, documents=(NEW[9:],)), 1, id="of one document"),
    ],
)
async def test_what_was_replaced_is_asked_once_and_only_where_needed(
    site: FhirSite, query: RecordQuery, questions: int
) -> None:
    replaced(site)
    records = records_of(site)
    for _ in range(2):
        found = await records.find_records(caller(site), query)
        relations = {r.kos_id: r.replaces for r in found.records if r.replaces}
        assert relations == ({NEW[9:]: (OLD[9:],)} if questions else {})
    assert site.dmp.calls.count("find_replaced") == questions


async def test_a_registry_without_that_query_lists_its_documents_all_the_same(
    site: FhirSite,
) -> None:
    replaced(site)
    site.dmp.failures["find_replaced"] = RejectedByPartner("DMP", "XDSUnknownStoredQuery")
    found = await records_of(site).find_records(caller(site), replace(METADATA, statuses=BOTH))
    assert [record.replaces for record in found.records] == [()] * 3


async def test_nobody_else_gets_what_was_kept(site: FhirSite) -> None:
    records = records_of(site)
    await records.find_records(caller(site), STUDIES)
    asked = len(site.dmp.calls)
    site.change_context(identifier="another context")
    await records.find_records(caller(site), STUDIES)
    assert site.dmp.calls[asked:] == ["check_access", "find_documents", "retrieve_documents"]


async def test_two_searches_at_once_share_one_question_and_each_document(site: FhirSite) -> None:
    dmp = SlowDmp(entries=site.dmp.entries, contents=site.dmp.contents)
    records = records_of(site, dmp)
    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(records.find_records, caller(site), STUDIES)
        await anyio.wait_all_tasks_blocked()
        dmp.may_answer.set()
    assert dmp.calls.count("find_documents") == 1
    assert sorted(dmp.documents) == ["2.25.1001", "2.25.1002", "2.25.1003"]


async def test_a_question_that_failed_is_asked_again(site: FhirSite) -> None:
    records = records_of(site)
    site.dmp.failures["find_documents"] = Unavailable("DMP")
    with pytest.raises(Unavailable):
        await records.find_records(caller(site), STUDIES)
    site.dmp.failures.clear()
    assert len((await records.find_records(caller(site), STUDIES)).records) == 3


async def test_what_cannot_be_traced_is_not_read(site: FhirSite) -> None:
    """The trail fails while KOS come in several batches: one error of ours, not a group."""
    for number in range(4, 20):
        site.dmp.hold(exam(number, date(2026, 7, number)))
    dmp = SlowDmp(entries=site.dmp.entries, contents=site.dmp.contents)

    async def fail() -> None:
        await anyio.wait_all_tasks_blocked()
        site.audit.is_away = True
        dmp.may_answer.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(fail)
        with pytest.raises(Unavailable):
            await records_of(site, dmp).find_records(caller(site), STUDIES)


async def test_a_trail_that_fails_between_two_batches_is_one_error(site: FhirSite) -> None:
    for number in range(4, 20):
        site.dmp.hold(exam(number, date(2026, 7, number)))
    records = records_of(site)
    await records.find_records(caller(site), METADATA)
    site.audit.is_away = True
    with pytest.raises(Unavailable):
        await records.find_records(caller(site), STUDIES)


async def test_a_study_whose_authority_is_a_dummy_is_found_all_the_same(site: FhirSite) -> None:
    """Published entries disagree on CXi.4 of a study UID: a registry compares to the letter."""
    uid = "1.2.250.1.999.7.2"
    reference = ReferenceId(uid, ReferenceIdKind.STUDY_INSTANCE_UID.value)
    query = RecordQuery(
        studies=(StudyInstanceUid(uid),), narrowed_by=DocumentQuery("", reference_ids=(reference,))
    )
    found = await records_of(site).find_records(caller(site), query)
    assert uid in {r.study.study_instance_uid for r in found.records if r.study}
    assert [len(q.reference_ids) for q in site.dmp.queries] == [1, 0]


async def test_of_several_kos_of_one_study_the_newest_in_force_tells_it(site: FhirSite) -> None:
    later = site.dmp.entries[0].creation_time + timedelta(days=1)
    original = site.dmp.entries[0]
    for number, status in ((11, AvailabilityStatus.DEPRECATED), (12, AvailabilityStatus.APPROVED)):
        manifest = exam(1, date(2026, 7, 1), sop_instance_uid=f"2.25.10{number}")
        entry = site.dmp.hold(manifest)
        site.dmp.entries[-1] = replace(entry, status=status, creation_time=later)
    site.dmp.entries[0] = replace(original, status=AvailabilityStatus.DEPRECATED)
    records = records_of(site)
    found = await records.find_records(caller(site), replace(STUDIES, statuses=BOTH))
    (record,) = [r for r in found.records if r.study and r.study.study_instance_uid.endswith("7.1")]
    assert record.kos_id == "2.25.1012"
    assert set(record.superseded_ids) == {"2.25.1011", "2.25.1001"}
    assert len((await records.find_records(caller(site), STUDIES)).records) == 3
    documents = await records.find_records(caller(site), replace(METADATA, statuses=BOTH))
    assert len(documents.records) == 5


async def test_three_kos_of_five_are_told_with_a_warning(site: FhirSite) -> None:
    for number in (4, 5):
        entry = site.dmp.hold(exam(number, date(2026, 7, number)))
        del site.dmp.contents[entry.unique_id]
    records = records_of(site)
    found = await records.find_records(caller(site), STUDIES)
    assert len(found.records) == 3
    assert found.notices == (Notice.KOS_ABSENT,)
    asked = len(site.dmp.calls)
    again = await records.find_records(caller(site), STUDIES)
    assert again.notices == (Notice.KOS_ABSENT,)
    # Not asked for at each search: only once its moment is over.
    assert len(site.dmp.calls) == asked
    site.clock.advance(31)
    await records.find_records(caller(site), STUDIES)
    assert site.dmp.calls[asked:].count("retrieve_documents") == 1


async def test_a_kos_of_another_patient_is_dropped_and_recorded(site: FhirSite) -> None:
    digits = "1850578006084"
    other = replace(
        made_up_patient(), ins=Ins(digits + ins_control_key(digits), InsAuthority.NIR_TEST)
    )
    stranger = exam(9, date(2026, 7, 9), patient=other)
    entry = site.dmp.hold(stranger)
    mine = site.context.patient.ins.xds_patient_id
    site.dmp.entries[-1] = replace(entry, patient_id=mine)
    found = await records_of(site).find_records(caller(site), STUDIES)
    assert len(found.records) == 3
    refused = [e for e in site.audit.events if e.action is AuditAction.ACCESS_REFUSED]
    assert [(e.document_unique_id, e.outcome) for e in refused] == [
        ("2.25.1009", AuditOutcome.SERIOUS_FAILURE)
    ]


@pytest.mark.parametrize(
    ("url", "is_known"),
    [
        ("https://db1.test/dicom-web/studies/1.2.3/series/1.2", True),
        ("https://DB1.test:443/dicom-web/studies/1.2.3", True),
        ("https://db1.test/elsewhere", True),
        ("https://db1.test.evil.example/dicom-web/studies/1.2.3", False),
        ("https://evil.example/dicom-web/../studies/1.2.3", False),
        ("https://[2001:db8::1]/dicom-web/studies/1.2.3", False),
        ("https://[::1", False),
        ("not an address", False),
        ("", False),
    ],
)
async def test_the_source_of_images_is_a_box_of_the_white_list_or_none(
    site: FhirSite, url: str, is_known: bool
) -> None:
    box = Peer("domaine-1", "db1.test", "vi1.test", "CH de Paris", "CN=db1.test")
    site.trusted_space.by_host["db1.test"] = box
    site.dmp.entries.clear()
    site.dmp.hold(exam(1, date(2026, 7, 1), series=(made_up_series(1, 1, retrieve_url=url),)))
    found = await records_of(site).find_records(caller(site), STUDIES)
    (source,) = found.records[0].image_sources
    assert source.box == (box if is_known else None)


async def test_a_document_is_read_by_its_own_id_without_listing_the_others(
    site: FhirSite,
) -> None:
    entry = site.dmp.hold(exam(8, date(2026, 7, 8)))
    identifier = "2f5a6b1c-6a52-4bb0-9e41-0d2b8a5c0001"
    site.dmp.entries[-1] = replace(entry, entry_uuid=f"urn:uuid:{identifier}")
    records = records_of(site)
    found = await records.find_records(
        caller(site), RecordQuery(documents=(identifier,), reads=Studies.IF_READABLE)
    )
    assert [record.kos_id for record in found.records] == [identifier]
    assert site.dmp.queries[-1].entry_uuids == (f"urn:uuid:{identifier}",)
    asked = len(site.dmp.calls)
    await records.find_records(caller(site), RecordQuery(documents=(identifier,)))
    assert len(site.dmp.calls) == asked


async def test_nothing_is_asked_for_another_patient_or_no_state(site: FhirSite) -> None:
    records = records_of(site)
    for query in (replace(STUDIES, patients=()), replace(STUDIES, statuses=frozenset())):
        assert (await records.find_records(caller(site), query)).records == ()
    assert site.dmp.calls == []
