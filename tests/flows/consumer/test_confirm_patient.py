"""A context shows nothing until its professional confirms the patient in that browser (O8)."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.consultation_site import COLLEAGUE, DOCTOR, ELSEWHERE, HERE, ConsultationSite
from tests.fakes.contexts import made_up_context

from drimbox.errors import NotFound
from drimbox.flows.consumer.situation import SituationNeeded
from drimbox.model.practice import Situation

pytestmark = pytest.mark.anyio
_HERE = Situation(HERE.structure.identifier)


@pytest.fixture
async def site(tmp_path: Path) -> ConsultationSite:
    both = frozenset({HERE.structure.identifier, ELSEWHERE.structure.identifier})
    site = ConsultationSite(tmp_path, installed=both)
    await site.contexts.add(made_up_context(professional=None))
    return site


async def test_confirming_binds_the_context_to_professional_and_session(
    site: ConsultationSite,
) -> None:
    session = site.session_of(DOCTOR)
    await site.confirm_patient(session, "a-context")
    stored = site.sessions.sessions[session.identifier]
    context = await site.confirm_patient.get_confirmed(stored, "a-context")
    assert context.professional == DOCTOR
    assert stored.context_ids == ("a-context",)


async def test_two_tabs_that_confirm_at_once_both_stay_confirmed(site: ConsultationSite) -> None:
    await site.contexts.add(made_up_context(identifier="other", professional=None))
    session = site.session_of(DOCTOR)
    await site.confirm_patient(session, "a-context")
    await site.confirm_patient(session, "other")
    assert site.sessions.sessions[session.identifier].context_ids == ("a-context", "other")


async def test_a_context_not_confirmed_here_is_not_there(site: ConsultationSite) -> None:
    with pytest.raises(NotFound):
        await site.confirm_patient.get_confirmed(site.session_of(DOCTOR), "a-context")


async def test_another_browser_of_the_same_professional_confirms_again(
    site: ConsultationSite,
) -> None:
    await site.confirm_patient(site.session_of(DOCTOR), "a-context")
    other = site.session_of(DOCTOR)
    with pytest.raises(NotFound):
        await site.confirm_patient.get_confirmed(other, "a-context")
    await site.confirm_patient(other, "a-context")


async def test_a_colleague_cannot_take_a_confirmed_context(site: ConsultationSite) -> None:
    await site.confirm_patient(site.session_of(DOCTOR), "a-context")
    colleague = site.session_of(COLLEAGUE)
    for attempt in (site.confirm_patient, site.confirm_patient.get_unconfirmed):
        with pytest.raises(NotFound):
            await attempt(colleague, "a-context")


async def test_a_context_that_is_over_cannot_be_confirmed(site: ConsultationSite) -> None:
    site.clock.advance(1201)
    with pytest.raises(NotFound):
        await site.confirm_patient(site.session_of(DOCTOR), "a-context")


@pytest.mark.requirement("CO.50")
async def test_a_situation_once_chosen_serves_in_the_next_context(site: ConsultationSite) -> None:
    doctor = replace(DOCTOR, activities=(HERE, ELSEWHERE))
    session = site.session_of(doctor)
    await site.confirm_patient(session, "a-context")
    session = site.sessions.sessions[session.identifier]
    elsewhere = Situation(ELSEWHERE.structure.identifier)
    await site.confirm_patient.choose_situation(session, "a-context", elsewhere)
    await site.contexts.add(made_up_context(identifier="next", professional=None))
    session = site.sessions.sessions[session.identifier]
    assert (await site.confirm_patient(session, "next")).situation == elsewhere


@pytest.mark.requirement("CO.49")
async def test_the_situation_of_the_call_prevails_over_the_one_remembered(
    site: ConsultationSite,
) -> None:
    await site.contexts.add(made_up_context(identifier="named", professional=None, situation=_HERE))
    session = replace(site.session_of(DOCTOR), situation=Situation(ELSEWHERE.structure.identifier))
    assert (await site.confirm_patient(session, "named")).situation == _HERE


async def test_a_situation_of_somebody_else_cannot_be_chosen(site: ConsultationSite) -> None:
    session = site.session_of(DOCTOR)
    await site.confirm_patient(session, "a-context")
    session = site.sessions.sessions[session.identifier]
    with pytest.raises(SituationNeeded):
        await site.confirm_patient.choose_situation(session, "a-context", Situation("1990781018"))
