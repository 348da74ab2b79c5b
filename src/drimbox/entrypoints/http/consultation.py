"""The consultation pages: home, patient to confirm, exams, situation (CO.49 to CO.55, CS.53, O8).

    GET  /consultation                          home: who is signed in, open patients
    GET  /consultation/{context}                the patient to confirm, then the exams
    POST /consultation/{context}/confirmation   303 back
    POST /consultation/{context}/situation      303 back
    GET  /consultation/{context}/exams          the list, for the page's script (UX.10)

The page answers at once; its script asks for the list, which is what calls the DMP.
"""

from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from drimbox.entrypoints.http.calling_program import page_of
from drimbox.entrypoints.http.exam_filters import parse_filters
from drimbox.entrypoints.http.exports import export_choices
from drimbox.entrypoints.http.pages import Pages
from drimbox.entrypoints.http.problems import status_of
from drimbox.entrypoints.http.shown_failures import shown_failure_of
from drimbox.entrypoints.http.signed_in_pages import SignedInPages, form_token, read_form
from drimbox.errors import (
    ConsentMissing,
    DrimboxError,
    NotFound,
    RejectedByPartner,
    SettingsError,
    Unavailable,
    row_of,
)
from drimbox.flows.consumer.confirm_patient import ConfirmPatient
from drimbox.flows.consumer.consult_dmp import DmpNotReadable
from drimbox.flows.consumer.find_prior_studies import FindPriorStudies
from drimbox.flows.consumer.import_studies import ImportStudies
from drimbox.flows.consumer.situation import SituationChoice, SituationNeeded, Situations
from drimbox.model.access import ConsultationContext
from drimbox.model.imaging_codes import ANATOMIC_REGIONS, MODALITIES
from drimbox.model.patient import Ins, PatientTraits
from drimbox.model.practice import Situation
from drimbox.model.prior_study import PriorStudies
from drimbox.model.session import Session

# The modalities of the DRIM-M domains come first; the others stand behind them.
USUAL_MODALITIES = ("CR", "DX", "CT", "MR", "US", "MG", "NM", "PT", "XA", "RF")

# Why no list can be shown, where the user can do something about it.
EXAM_OBSTACLES: dict[type[DrimboxError], str] = {
    ConsentMissing: "consent",
    SituationNeeded: "situation",
    DmpNotReadable: "dmp-not-readable",
    RejectedByPartner: "dmp-refused",
    Unavailable: "dmp-away",
    SettingsError: "dmp-refused",
}


@dataclass(frozen=True, slots=True)
class ConsultationDoor:
    confirm_patient: ConfirmPatient
    find_prior_studies: FindPriorStudies
    import_studies: ImportStudies
    situations: Situations
    pages: Pages

    async def home(self, request: Request, session: Session) -> Response:
        """List the patients of this session, the last opened first, each by its last call."""
        del request
        open_contexts: dict[Ins, ConsultationContext] = {}
        for identifier in reversed(session.context_ids):
            if (context := await self._find(session, identifier)) is not None:
                open_contexts.setdefault(context.patient.ins, context)
        return self.pages.render(
            "home.html",
            professional=session.professional,
            situation_name=self._situation_name(session, session.situation),
            open_contexts=list(open_contexts.values()),
        )

    async def page(self, request: Request, session: Session) -> Response:
        """Show the exams' page, or first whose it is: nothing else until that is confirmed."""
        identifier = request.path_params["context"]
        if identifier not in session.context_ids:
            return await self._confirmation_page(session, identifier)
        context = await self.confirm_patient.get_confirmed(session, identifier)
        return self.pages.render(
            "consultation.html",
            professional=session.professional,
            patient=context.patient,
            local_patient_id=context.local_patient_id,
            context=context.identifier,
            consent=context.consent.name,
            situation=self._situation_in_use(context),
            situation_choices=self.situations.choices(session.professional),
            criteria=context.criteria,
            usual_modalities={code: MODALITIES[code] for code in USUAL_MODALITIES},
            other_modalities={
                code: label for code, label in MODALITIES.items() if code not in USUAL_MODALITIES
            },
            regions=ANATOMIC_REGIONS,
            export=await export_choices(self.import_studies, session),
            form_token=form_token(session),
        )

    async def confirm(self, request: Request, session: Session) -> Response:
        await read_form(request, session)
        context = await self.confirm_patient(session, request.path_params["context"])
        return RedirectResponse(page_of(context), HTTPStatus.SEE_OTHER)

    async def choose_situation(self, request: Request, session: Session) -> Response:
        form = await read_form(request, session)
        context = await self.confirm_patient.choose_situation(
            session, request.path_params["context"], Situation(str(form.get("situation", "")))
        )
        return RedirectResponse(f"/consultation/{context.identifier}", HTTPStatus.SEE_OTHER)

    async def exams(self, request: Request, session: Session) -> Response:
        """Search the DMP; what stands in the way is part of the answer."""
        context = await self.confirm_patient.get_confirmed(session, request.path_params["context"])
        try:
            criteria = parse_filters(request.query_params, context.criteria)
            found = await self.find_prior_studies(context, criteria)
        except tuple(EXAM_OBSTACLES) as error:
            return self._obstacle(context, error)
        exported = await self.import_studies.find_done(
            [s.study_instance_uid for s in found.studies]
        )
        return self.pages.render(
            "exams.html",
            context=context.identifier,
            studies=found.studies,
            unreadable=[
                (one.document, shown_failure_of(one.failure).sentence) for one in found.unreadable
            ],
            has_filters=not criteria.is_empty,
            exported={one.study_instance_uid: one for one in exported},
            patient=complete_traits(context.patient, found),
            local_patient_id=context.local_patient_id,
        )

    def _obstacle(self, context: ConsultationContext, error: DrimboxError) -> Response:
        kind = row_of(EXAM_OBSTACLES, error)
        return self.pages.render(
            "exams_obstacle.html",
            int(status_of(error)),
            obstacle=kind,
            dmp_state=error.state.value if isinstance(error, DmpNotReadable) else "",
            consent=context.consent.name,
        )

    async def _confirmation_page(self, session: Session, identifier: str) -> Response:
        context = await self.confirm_patient.get_unconfirmed(session, identifier)
        return self.pages.render(
            "confirm_patient.html",
            professional=session.professional,
            patient=context.patient,
            local_patient_id=context.local_patient_id,
            context=context.identifier,
            form_token=form_token(session),
        )

    async def _find(self, session: Session, identifier: str) -> ConsultationContext | None:
        try:
            return await self.confirm_patient.get_confirmed(session, identifier)
        except NotFound:
            return None

    def _situation_in_use(self, context: ConsultationContext) -> SituationChoice | None:
        try:
            activity = self.situations.activity_of(context)
        except SituationNeeded:
            return None
        is_installed = activity.structure.identifier in self.situations.installed
        return SituationChoice(activity, is_installed)

    def _situation_name(self, session: Session, situation: Situation | None) -> str:
        """Name the situation chosen, else the only one that can be used here (CO.50)."""
        choices = self.situations.choices(session.professional)
        usable = [choice.activity.structure for choice in choices if choice.is_installed]
        for structure in usable:
            if situation is not None and structure.identifier == situation.value:
                return structure.name
        return usable[0].name if situation is None and len(usable) == 1 else ""


def complete_traits(patient: PatientTraits, found: PriorStudies) -> PatientTraits:
    """Return the traits of the call with what the patient's own KOS add (INS/va1.36).

    The call carries the strict traits; given names and used names come with the documents.
    """
    for study in found.studies:
        told = study.manifest.patient
        if told is not None and told.ins.value == patient.ins.value and told.birth_given_names:
            return PatientTraits(
                ins=patient.ins,
                family_name=patient.family_name,
                given_name=patient.given_name,
                gender=patient.gender,
                birth_date=patient.birth_date,
                birth_place=patient.birth_place,
                birth_given_names=told.birth_given_names,
                used_family_name=told.used_family_name,
                used_given_name=told.used_given_name,
            )
    return patient


def consultation_routes(door: ConsultationDoor, signed_in: SignedInPages) -> list[BaseRoute]:
    """Return the routes of the pages; those of exports stand in exports.py."""
    root = "/consultation"
    one = root + "/{context}"
    return [
        Route(root, signed_in.page(door.home), methods=["GET"]),
        Route(one, signed_in.page(door.page), methods=["GET"]),
        Route(one + "/confirmation", signed_in.page(door.confirm), methods=["POST"]),
        Route(one + "/situation", signed_in.page(door.choose_situation), methods=["POST"]),
        Route(one + "/exams", signed_in.script(door.exams), methods=["GET"]),
    ]
