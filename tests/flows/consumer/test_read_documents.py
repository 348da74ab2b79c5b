"""Reports of the DMP: rights first, only what is asked for, only of this patient."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.fakes.clinical_documents import STARTED_AT, cda, pdf_body, report_entry, sections
from tests.fakes.consultation_site import ConsultationSite
from tests.fakes.contexts import made_up_context
from tests.fakes.manifests import made_up_manifest

from drimbox.errors import ConsentMissing, Mismatch, NotFound, RejectedByPartner, UnsupportedMessage
from drimbox.flows.consumer.consult_dmp import DmpNotReadable
from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.clinical_document import DocumentKind
from drimbox.model.consent import InformationEtOppositionConsultation as Consent
from drimbox.model.document_entry import ReferenceId, ReferenceIdKind
from drimbox.model.imaging_codes import MODALITY_CODE_SYSTEM
from drimbox.model.patient import Ins, InsAuthority, ins_control_key
from drimbox.model.practice import Code
from drimbox.model.search_criteria import EVERY_EXAM, DateRange, SearchCriteria
from drimbox.ports.dmp import DmpAccess

pytestmark = pytest.mark.anyio
MR = SearchCriteria(modalities=("MR",))
AUGUST = SearchCriteria(study_dates=DateRange(date(2026, 8, 1), None))
_OTHER = "2610475114902"
OTHER_PATIENT = Ins(_OTHER + ins_control_key(_OTHER), InsAuthority.NIR_TEST)


@pytest.fixture
def site(tmp_path: Path) -> ConsultationSite:
    return ConsultationSite(tmp_path)


@pytest.mark.requirement("CO.58")
async def test_reports_orders_and_biology_are_listed_newest_first(site: ConsultationSite) -> None:
    site.dmp.hold(made_up_manifest())
    for number, kind in enumerate(DocumentKind):
        entry = report_entry(f"1.2.{number}", kind=kind)
        later = entry.creation_time.replace(day=10 + number)
        site.dmp.hold_document(replace(entry, creation_time=later), b"")
    found = await site.read_documents.find(made_up_context())
    assert [one.kind for one in found] == list(reversed(DocumentKind))
    assert site.dmp.calls == ["check_access", "find_documents"]


@pytest.mark.requirement("CO.55")
@pytest.mark.parametrize(
    ("criteria", "is_listed"), [(EVERY_EXAM, True), (MR, False), (AUGUST, False)]
)
async def test_the_list_answers_the_criteria_of_the_page(
    site: ConsultationSite, criteria: SearchCriteria, is_listed: bool
) -> None:
    site.dmp.hold_document(report_entry(event_codes=(Code("CT", MODALITY_CODE_SYSTEM),)), b"")
    assert bool(await site.read_documents.find(made_up_context(), criteria)) == is_listed


@pytest.mark.requirement("CO.59")
async def test_a_report_leads_to_its_exam_by_study_by_order_or_by_start(
    site: ConsultationSite,
) -> None:
    manifest = made_up_manifest(study_date=STARTED_AT.date())
    kos = site.dmp.hold(manifest)
    study = ReferenceId(manifest.study_instance_uid, ReferenceIdKind.STUDY_INSTANCE_UID.value)
    site.dmp.hold_document(report_entry("1.2.1", references=(study,), started_at=None), b"")
    site.dmp.hold_document(report_entry("1.2.2", started_at=kos.service_start_time), b"")
    site.dmp.hold_document(report_entry("1.2.3"), b"")
    context = made_up_context()
    await site.find_prior_studies(context)
    about = {one.entry.unique_id: one.studies for one in await site.read_documents.find(context)}
    uid = manifest.study_instance_uid
    assert about == {"1.2.1": (uid,), "1.2.2": (uid,), "1.2.3": ()}


@pytest.mark.requirement("CO.81")
async def test_a_document_is_retrieved_once_and_traced(site: ConsultationSite) -> None:
    site.dmp.hold_document(report_entry(), cda(sections("Rien.")))
    context = made_up_context()
    await site.read_documents.find(context)
    assert "retrieve_documents" not in site.dmp.calls
    first = await site.read_documents.get(context, "1.2.3")
    assert first is await site.read_documents.get(context, "1.2.3")
    assert site.dmp.calls.count("retrieve_documents") == 1
    assert site.audit.actions.count(AuditAction.DMP_DOCUMENT_RETRIEVED) == 1


@pytest.mark.requirement("CO.93")
@pytest.mark.requirement("CO.94")
@pytest.mark.parametrize("consent", [Consent.INFORME_ET_OPPOSE, Consent.NOT_COLLECTED])
async def test_without_consent_nothing_is_listed_nor_read_again(
    site: ConsultationSite, consent: Consent
) -> None:
    site.dmp.hold_document(report_entry(), cda(sections("Rien.")))
    await site.read_documents.get(made_up_context(), "1.2.3")
    site.dmp.calls.clear()
    for work in (
        site.read_documents.find(made_up_context(consent=consent)),
        site.read_documents.get(made_up_context(consent=consent), "1.2.3"),
    ):
        with pytest.raises(ConsentMissing):
            await work
    assert site.dmp.calls == []


async def test_a_dmp_that_may_not_be_read_gives_no_list(site: ConsultationSite) -> None:
    site.dmp.access = DmpAccess(exists=True, is_open=True, is_authorised=False)
    with pytest.raises(DmpNotReadable):
        await site.read_documents.find(made_up_context())


@pytest.mark.requirement("CO.68")
async def test_a_document_of_another_patient_is_not_shown(site: ConsultationSite) -> None:
    site.dmp.hold_document(report_entry(), cda(sections("Rien."), ins=OTHER_PATIENT))
    with pytest.raises(Mismatch):
        await site.read_documents.get(made_up_context(), "1.2.3")


async def test_a_document_that_is_not_this_patients_is_unknown(site: ConsultationSite) -> None:
    site.dmp.hold_document(replace(report_entry(), patient_id="other"), cda(pdf_body()))
    with pytest.raises(NotFound):
        await site.read_documents.get(made_up_context(), "1.2.3")


async def test_a_document_that_does_not_come_is_traced_as_such(site: ConsultationSite) -> None:
    site.dmp.hold_document(report_entry(), cda(pdf_body()))
    site.dmp.failures["retrieve_documents"] = RejectedByPartner("DMP", "XDSRepositoryError")
    with pytest.raises(RejectedByPartner):
        await site.read_documents.get(made_up_context(), "1.2.3")
    last = site.audit.events[-1]
    assert (last.action, last.outcome) == (
        AuditAction.DMP_DOCUMENT_RETRIEVED,
        AuditOutcome.MINOR_FAILURE,
    )


async def test_a_document_that_is_no_cda_is_not_even_asked_for(site: ConsultationSite) -> None:
    site.dmp.hold_document(report_entry(mime_type="text/html"), b"<html>")
    with pytest.raises(UnsupportedMessage):
        await site.read_documents.get(made_up_context(), "1.2.3")
    assert "retrieve_documents" not in site.dmp.calls
