"""Where the slices of a series lie, so that two that are compared scroll together (VI-CS.35).

GET /viewer/{context}/{study}/series/{series}/slices     JSON
"""

from collections.abc import Sequence
from dataclasses import dataclass

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from drimbox.entrypoints.http.exports import caller_of
from drimbox.entrypoints.http.instance_files import read_instance_header
from drimbox.entrypoints.http.shown_failures import failing_in_words
from drimbox.entrypoints.http.signed_in_pages import SignedInPages
from drimbox.flows.consumer.confirm_patient import ConfirmPatient
from drimbox.flows.consumer.view_study import ViewStudy
from drimbox.model.session import Session
from drimbox.model.uids import SeriesInstanceUid, StudyInstanceUid
from drimbox.ports.image_cache import CachedInstance
from drimbox.standards.dicom.slice_places import parse_slice_places


@dataclass(frozen=True, slots=True)
class ViewerSlicesDoor:
    confirm_patient: ConfirmPatient
    view_study: ViewStudy

    async def slices(self, request: Request, session: Session) -> Response:
        """Answer once the whole series is here."""
        context = await self.confirm_patient.get_confirmed(session, request.path_params["context"])
        study = StudyInstanceUid(request.path_params["study"])
        series = SeriesInstanceUid(request.path_params["series"])
        caller = caller_of(session, context)
        instances = await self.view_study.get_instances(caller, study, series)
        return JSONResponse({"slices": await anyio.to_thread.run_sync(_encode_slices, instances)})


def viewer_slices_routes(door: ViewerSlicesDoor, signed_in: SignedInPages) -> list[BaseRoute]:
    """Return the route of the places of slices."""
    path = "/viewer/{context}/{study}/series/{series}/slices"
    return [Route(path, signed_in.script(failing_in_words(door.slices)), methods=["GET"])]


def _encode_slices(instances: Sequence[CachedInstance]) -> list[dict[str, object]]:
    """Read the elements before the pixels of each file; frames without a place are left out."""
    return [
        {
            "instance": instance.sop_instance_uid,
            "frame": place.frame,
            "frame_of_reference": place.frame_of_reference_uid,
            "position_mm": place.position_mm,
            "normal": place.normal,
        }
        for instance in instances
        for place in parse_slice_places(read_instance_header(instance).data_set)
    ]
