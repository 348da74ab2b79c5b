"""Exports from the consultation page: asked for, followed, never waited for (CO.60, CO.61, CO.76).

POST /consultation/{context}/exports   study=UID... destination=NAME -> 202, the exports
                                       transfer_syntax=WORD (CO.74; empty: the destination's own)
GET  /consultation/{context}/exports   where each stands
GET  /consultation/exports             whether any of this session is under way (sign-out)
"""

from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from drimbox.entrypoints.http.signed_in_pages import SignedInPages, read_form
from drimbox.errors import InvalidValue
from drimbox.flows.consumer.confirm_patient import ConfirmPatient
from drimbox.flows.consumer.import_studies import ImportStudies
from drimbox.flows.issue_token import CONTEXT_SCOPES
from drimbox.model.access import Caller, CallerKind, ConsultationContext
from drimbox.model.export import Export
from drimbox.model.export_syntax import ExportSyntax
from drimbox.model.session import Session
from drimbox.model.uids import StudyInstanceUid

MAX_STUDIES_A_REQUEST = 100


@dataclass(frozen=True, slots=True)
class ExportChoices:
    """Where exams may be exported to, and where this professional did last (CO.60, CO.62)."""

    destinations: tuple[str, ...]
    usual: str | None


@dataclass(frozen=True, slots=True)
class ExportsDoor:
    confirm_patient: ConfirmPatient
    import_studies: ImportStudies

    async def request(self, request: Request, session: Session) -> Response:
        form = await read_form(request, session)
        context = await self.confirm_patient.get_confirmed(session, request.path_params["context"])
        studies = tuple(dict.fromkeys(StudyInstanceUid(str(v)) for v in form.getlist("study")))
        if not 0 < len(studies) <= MAX_STUDIES_A_REQUEST:
            raise InvalidValue("study", f"1 à {MAX_STUDIES_A_REQUEST} examens")
        exports = await self.import_studies.request(
            caller_of(session, context),
            studies,
            str(form.get("destination", "")),
            session_identifier=session.identifier,
            syntax=_syntax(str(form.get("transfer_syntax", ""))),
        )
        return JSONResponse(_encode(exports), HTTPStatus.ACCEPTED)

    async def list(self, request: Request, session: Session) -> Response:
        context = await self.confirm_patient.get_confirmed(session, request.path_params["context"])
        return JSONResponse(_encode(await self.import_studies.find(context)))

    async def count_under_way(self, request: Request, session: Session) -> Response:
        del request
        count = await self.import_studies.count_under_way(session.context_ids)
        return JSONResponse({"under_way": count})


def export_routes(door: ExportsDoor, signed_in: SignedInPages) -> list[BaseRoute]:
    """Return the routes; to be tried before /consultation/{context}."""
    exports = "/consultation/{context}/exports"
    return [
        Route("/consultation/exports", signed_in.script(door.count_under_way), methods=["GET"]),
        Route(exports, signed_in.script(door.request), methods=["POST"]),
        Route(exports, signed_in.script(door.list), methods=["GET"]),
    ]


async def export_choices(flow: ImportStudies, session: Session) -> ExportChoices:
    """Return what a page offers to this professional."""
    user = session.professional.national_id
    return ExportChoices(flow.destination_names, await flow.find_usual_destination(user))


def caller_of(session: Session, context: ConsultationContext) -> Caller:
    """Return the professional of a page as a caller of flows."""
    return Caller(
        kind=CallerKind.PROFESSIONAL,
        subject=session.professional.national_id,
        scopes=CONTEXT_SCOPES,
        context=context,
        professional=session.professional,
        access_token=session.access_token,
    )


def _syntax(text: str) -> ExportSyntax | None:
    """Read the choice of a transfer syntax; an empty one leaves it to destination and modality."""
    try:
        return ExportSyntax(text) if text else None
    except ValueError:
        words = ", ".join(syntax.value for syntax in ExportSyntax)
        raise InvalidValue("transfer_syntax", words) from None


def _encode(exports: tuple[Export, ...]) -> list[dict[str, object]]:
    return [
        {
            "export": one.identifier,
            "study": one.study_instance_uid,
            "destination": one.destination,
            "state": one.state.value,
            "stored": one.stored,
            "total": one.total,
            "failure": one.failure.value if one.failure else None,
        }
        for one in exports
    ]
