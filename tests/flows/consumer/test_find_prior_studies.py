"""A context -> exams: consent first, access first, one bad KOS stops nothing."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.fakes.consultation_site import DOCTOR, ELSEWHERE, HERE, ConsultationSite
from tests.fakes.contexts import made_up_context
from tests.fakes.manifests import made_up_manifest, made_up_patient, made_up_series

from drimbox.errors import (
    ConsentMissing,
    DrimboxError,
    Mismatch,
    NotAuthenticated,
    NotFound,
    TimedOut,
    Unavailable,
)
from drimbox.flows.consumer.consult_dmp import DmpNotReadable, DmpState
from drimbox.flows.consumer.situation import SituationNeeded
from drimbox.model.access import ConsultationContext
from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.consent import InformationEtOppositionConsultation as Consent
from drimbox.model.document_entry import ReferenceId, ReferenceIdKind
from drimbox.model.manifest import ImagingOrder, Manifest
from drimbox.model.patient import AssigningAuthority, Ins, InsAuthority, ins_control_key
from drimbox.model.practice import Situation
from drimbox.model.publication import AuthenticationMode
from drimbox.model.search_criteria import DateRange, SearchCriteria
from drimbox.model.study import AccessionNumber
from drimbox.model.uids import Oid, SopInstanceUid, StudyInstanceUid
from drimbox.ports.dmp import DmpAccess, DocumentAbsent, DocumentAltered, DocumentUnreadable

pytestmark = pytest.mark.anyio


@pytest.fixture
def site(tmp_path: Path) -> ConsultationSite:
    return ConsultationSite(tmp_path)


def _exam(number: int, day: date, modality: str = "CT", **changes: object) -> Manifest:
    values: dict[str, object] = {
        "sop_instance_uid": SopInstanceUid(f"2.25.{1000 + number}"),
        "study_instance_uid": StudyInstanceUid(f"1.2.250.1.999.7.{number}"),
        "study_date": day,
        "series": (made_up_series(number, 3, modality=modality),),
    }
    return made_up_manifest(**(values | changes))


@pytest.mark.requirement("CO.54")
@pytest.mark.requirement("UX.08")
@pytest.mark.requirement("CO.02")
async def test_access_is_asked_before_the_list_and_the_list_before_the_documents(
    site: ConsultationSite,
) -> None:
    site.dmp.hold(_exam(1, date(2025, 3, 2)))
    site.dmp.hold(_exam(2, date(2026, 7, 1), "MR"))
    found = await site.find_prior_studies(made_up_context())
    assert [study.study_date for study in found.studies] == [date(2026, 7, 1), date(2025, 3, 2)]
    assert site.dmp.calls == ["check_access", "find_documents", "retrieve_documents"]
    assert {i.mode for i in site.dmp.identities} == {AuthenticationMode.INDIRECTE_RENFORCEE}


@pytest.mark.requirement("CO.92")
@pytest.mark.requirement("AIRS.06")
async def test_the_dmp_is_asked_in_the_name_of_the_professional_and_of_the_situation(
    site: ConsultationSite,
) -> None:
    await site.find_prior_studies(made_up_context())
    identity = site.dmp.identities[0]
    assert identity.user.identifier == DOCTOR.national_id
    assert (identity.structure_identifier, identity.sector) == (HERE.structure.identifier, "SA04")
    assert [role.value for role in identity.roles] == ["10", "SM74"]
    assert identity.patient_id == made_up_patient().ins.xds_patient_id


@pytest.mark.requirement("CO.93")
@pytest.mark.requirement("CO.94")
@pytest.mark.parametrize("consent", [Consent.INFORME_ET_OPPOSE, Consent.NOT_COLLECTED])
async def test_without_consent_nothing_leaves_the_box(
    site: ConsultationSite, consent: Consent
) -> None:
    site.dmp.hold(_exam(1, date(2025, 3, 2)))
    context = made_up_context(consent=consent)
    with pytest.raises(ConsentMissing):
        await site.find_prior_studies(context)
    with pytest.raises(ConsentMissing):
        await site.find_prior_studies.get(context, StudyInstanceUid("1.2.250.1.999.7.1"))
    assert site.dmp.calls == []
    assert site.audit.actions == [AuditAction.ACCESS_REFUSED] * 2


async def test_a_consent_withdrawn_by_a_later_call_closes_what_was_read(
    site: ConsultationSite,
) -> None:
    exam = _exam(1, date(2025, 3, 2))
    site.dmp.hold(exam)
    context = made_up_context()
    await site.find_prior_studies(context)
    opposed = replace(context, consent=Consent.INFORME_ET_OPPOSE)
    with pytest.raises(ConsentMissing):
        await site.find_prior_studies.get(opposed, exam.study_instance_uid)


async def test_nobody_signed_in_means_no_call(site: ConsultationSite) -> None:
    with pytest.raises(NotAuthenticated):
        await site.find_prior_studies(made_up_context(professional=None))
    assert site.dmp.calls == []


@pytest.mark.parametrize(
    ("access", "state"),
    [
        (DmpAccess(exists=False, is_open=False, is_authorised=False), DmpState.ABSENT),
        (DmpAccess(exists=True, is_open=False, is_authorised=True), DmpState.CLOSED),
        (DmpAccess(exists=True, is_open=True, is_authorised=False), DmpState.NOT_AUTHORISED),
    ],
)
@pytest.mark.requirement("UX.08")
async def test_a_dmp_that_may_not_be_read_is_not_searched(
    site: ConsultationSite, access: DmpAccess, state: DmpState
) -> None:
    site.dmp.access = access
    with pytest.raises(DmpNotReadable) as raised:
        await site.find_prior_studies(made_up_context())
    assert raised.value.state is state
    assert site.dmp.calls == ["check_access"]


async def test_one_kos_that_cannot_be_read_hides_no_other(site: ConsultationSite) -> None:
    good = _exam(1, date(2025, 3, 2))
    site.dmp.hold(good)
    lost = site.dmp.hold(_exam(2, date(2025, 3, 3)))
    del site.dmp.contents[lost.unique_id]
    broken = site.dmp.hold(_exam(3, date(2025, 3, 4)))
    site.dmp.contents[broken.unique_id] = b"no DICOM"
    other = "1580975124123"
    ins = Ins(other + ins_control_key(other), InsAuthority.NIR_TEST)
    foreign = site.dmp.hold(_exam(4, date(2025, 3, 5), patient=made_up_patient(ins=ins)))
    site.dmp.entries[-1] = replace(foreign, patient_id=lost.patient_id)
    found = await site.find_prior_studies(made_up_context())
    assert [s.study_instance_uid for s in found.studies] == [good.study_instance_uid]
    assert {u.document.unique_id: type(u.failure) for u in found.unreadable} == {
        lost.unique_id: DocumentAbsent,
        broken.unique_id: DocumentUnreadable,
        foreign.unique_id: Mismatch,
    }


async def test_documents_that_the_dmp_does_not_give_are_told_not_raised(
    site: ConsultationSite,
) -> None:
    site.dmp.hold(_exam(1, date(2025, 3, 2)))
    site.dmp.failures["retrieve_documents"] = TimedOut("DMP", 60)
    found = await site.find_prior_studies(made_up_context())
    assert [type(u.failure) for u in found.unreadable] == [TimedOut]


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (DocumentAbsent("lost"), DocumentAbsent),
        (DocumentAltered("other hash"), DocumentAltered),
        (TimedOut("DMP", 60), TimedOut),
        (Mismatch("another patient"), NotFound),
    ],
)
async def test_an_exam_whose_kos_cannot_be_read_is_not_told_to_be_unknown(
    site: ConsultationSite, failure: DrimboxError, expected: type[DrimboxError]
) -> None:
    exam = _exam(1, date(2025, 3, 2))
    entry = site.dmp.hold(exam)
    study = ReferenceId(exam.study_instance_uid, ReferenceIdKind.STUDY_INSTANCE_UID.value)
    site.dmp.entries[-1] = replace(entry, reference_ids=(study,))
    site.dmp.spoilt[entry.unique_id] = failure
    for _ in range(2):
        with pytest.raises(DrimboxError) as raised:
            await site.find_prior_studies.get(made_up_context(), exam.study_instance_uid)
        assert type(raised.value) is expected
    with pytest.raises(NotFound):
        await site.find_prior_studies.get(made_up_context(), StudyInstanceUid("1.2.3"))


@pytest.mark.parametrize("call", ["check_access", "find_documents"])
async def test_a_dmp_that_is_away_says_so(site: ConsultationSite, call: str) -> None:
    site.dmp.failures[call] = Unavailable("DMP")
    with pytest.raises(Unavailable):
        await site.find_prior_studies(made_up_context())
    assert site.audit.events[-1].outcome is AuditOutcome.SERIOUS_FAILURE


async def test_the_newest_kos_of_an_exam_is_the_one_shown(site: ConsultationSite) -> None:
    old = _exam(1, date(2025, 3, 2))
    new = replace(
        old,
        sop_instance_uid=SopInstanceUid("2.25.77"),
        study_description="Corrigé",
        created_at=old.created_at.replace(year=2027),
    )
    site.dmp.hold(new)
    site.dmp.hold(old)
    found = await site.find_prior_studies(made_up_context())
    assert [study.title for study in found.studies] == ["Corrigé"]


@pytest.mark.requirement("CO.69 / CO.70")
async def test_what_was_read_is_not_asked_for_again_in_its_context_only(
    site: ConsultationSite,
) -> None:
    exam = _exam(1, date(2025, 3, 2))
    site.dmp.hold(exam)
    context = made_up_context()
    await site.find_prior_studies(context)
    await site.find_prior_studies(context)
    await site.find_prior_studies.get(context, exam.study_instance_uid)
    assert site.dmp.calls.count("retrieve_documents") == 1
    await site.find_prior_studies(made_up_context(identifier="another"))
    assert site.dmp.calls.count("retrieve_documents") == 2


async def test_an_exam_of_nobody_and_one_of_another_patient_are_the_same(
    site: ConsultationSite,
) -> None:
    with pytest.raises(NotFound):
        await site.find_prior_studies.get(made_up_context(), StudyInstanceUid("1.2.3"))


@pytest.mark.requirement("CO.81")
@pytest.mark.requirement("CO.80 / .81 / .82")
async def test_access_list_and_each_document_are_traced(site: ConsultationSite) -> None:
    entries = [site.dmp.hold(_exam(n, date(2025, 3, n))) for n in range(1, 8)]
    await site.find_prior_studies(made_up_context())
    assert site.audit.actions[:2] == [AuditAction.DMP_ACCESS_CHECKED, AuditAction.DMP_QUERIED]
    retrieved = [
        e.document_unique_id
        for e in site.audit.events
        if e.action is AuditAction.DMP_DOCUMENT_RETRIEVED
    ]
    assert sorted(map(str, retrieved)) == sorted(e.unique_id for e in entries)
    assert {e.user for e in site.audit.events} == {DOCTOR.national_id}


async def test_a_trail_that_cannot_be_written_stops_the_consultation(
    site: ConsultationSite,
) -> None:
    site.audit.is_away = True
    with pytest.raises(Unavailable):
        await site.find_prior_studies(made_up_context())
    assert site.dmp.calls == ["check_access"]


_ORDER = ImagingOrder(AccessionNumber("ACC0001", Oid("1.2.250.1.999.1")))
_CRITERIA = [
    pytest.param(SearchCriteria(), [1, 2, 3], id="none: all"),
    pytest.param(SearchCriteria(modalities=("MR",)), [2], id="a modality"),
    pytest.param(SearchCriteria(modalities=("MR", "CT")), [1, 2], id="one of two modalities"),
    pytest.param(SearchCriteria(anatomic_regions=("774007",)), [2], id="a region"),
    pytest.param(
        SearchCriteria(study_dates=DateRange(date(2025, 1, 1), date(2025, 12, 31))), [2], id="days"
    ),
    pytest.param(SearchCriteria(study_dates=DateRange(last=date(2025, 6, 1))), [1, 2], id="until"),
    pytest.param(SearchCriteria(study_dates=DateRange(first=date(2025, 6, 1))), [2, 3], id="since"),
    pytest.param(SearchCriteria(accession_number="ACC0001"), [1], id="an order without issuer"),
    pytest.param(
        SearchCriteria(
            accession_number="ACC0001",
            accession_number_issuer=AssigningAuthority(universal_id=Oid("1.2.250.1.999.1")),
        ),
        [1],
        id="an order with its issuer",
    ),
]


@pytest.mark.requirement("CO.55")
@pytest.mark.requirement("UX.27")
@pytest.mark.parametrize(("criteria", "expected"), _CRITERIA)
async def test_criteria_choose_the_exams(
    site: ConsultationSite, criteria: SearchCriteria, expected: list[int]
) -> None:
    other = ImagingOrder(AccessionNumber("ACC0002"))
    site.dmp.hold(_exam(1, date(2024, 5, 1), "CT", order=_ORDER), ["67734004"])
    site.dmp.hold(_exam(2, date(2025, 6, 1), "MR", order=other), ["774007"])
    site.dmp.hold(_exam(3, date(2026, 7, 1), "US", order=other), ["80891009"])
    found = await site.find_prior_studies(made_up_context(), criteria)
    numbers = sorted(int(s.study_instance_uid.rsplit(".", 1)[1]) for s in found.studies)
    assert numbers == expected


async def test_the_dmp_is_asked_by_codes_days_and_order(site: ConsultationSite) -> None:
    issuer = AssigningAuthority(universal_id=Oid("1.2.250.1.999.1"))
    criteria = SearchCriteria(
        ("CT",), ("774007",), DateRange(date(2025, 6, 1), date(2025, 6, 2)), "ACC", issuer
    )
    await site.find_prior_studies(made_up_context(), criteria)
    (query,) = site.dmp.queries
    assert [c.value for c in query.type_codes] == ["IMG-KOS"]
    assert [(c.value, c.system) for c in query.modalities] == [("CT", "1.2.840.10008.2.16.4")]
    assert [c.value for c in query.anatomic_regions] == ["774007"]
    assert [r.value for r in query.reference_ids] == ["ACC"]
    assert query.service_start_from is not None
    assert query.service_start_to is not None
    # A day of margin on each side: the DMP's instants are UTC, the exam's day is local.
    assert query.service_start_from.isoformat() == "2025-05-31T00:00:00+00:00"
    assert query.service_start_to.isoformat() == "2025-06-04T00:00:00+00:00"


_TWO_PLACES = replace(DOCTOR, activities=(ELSEWHERE, HERE))
_SITUATIONS = [
    pytest.param(None, "1990782024", id="unnamed: the one whose certificates are here"),
    pytest.param(Situation("1990782024"), "1990782024", id="named by the call"),
]


@pytest.mark.requirement("CO.91")
@pytest.mark.parametrize(("situation", "structure"), _SITUATIONS)
async def test_the_situation_is_one_of_the_professional_s(
    site: ConsultationSite, situation: Situation | None, structure: str
) -> None:
    context = made_up_context(professional=_TWO_PLACES, situation=situation)
    await site.find_prior_studies(context)
    assert site.dmp.identities[0].structure_identifier == structure


async def test_two_situations_that_can_be_used_here_must_be_chosen_between(
    tmp_path: Path,
) -> None:
    both = frozenset({HERE.structure.identifier, ELSEWHERE.structure.identifier})
    site = ConsultationSite(tmp_path, installed=both)
    with pytest.raises(SituationNeeded):
        await site.find_prior_studies(made_up_context(professional=_TWO_PLACES))
    named = Situation(ELSEWHERE.structure.identifier)
    await site.find_prior_studies(made_up_context(professional=_TWO_PLACES, situation=named))
    assert site.dmp.identities[0].structure_identifier == named.value


@pytest.mark.requirement("CO.49")
async def test_a_situation_that_cannot_be_told_must_be_chosen(site: ConsultationSite) -> None:
    unnamed: list[ConsultationContext] = [
        made_up_context(
            professional=_TWO_PLACES, situation=Situation(ELSEWHERE.structure.identifier)
        ),
        made_up_context(professional=replace(DOCTOR, activities=(ELSEWHERE,))),
        made_up_context(professional=replace(DOCTOR, activities=())),
        made_up_context(situation=Situation("1990781018")),
    ]
    for context in unnamed:
        with pytest.raises(SituationNeeded):
            await site.find_prior_studies(context)
    assert site.dmp.calls == []
