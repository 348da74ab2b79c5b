"""Key images among the series of an exam: which frames the viewer shows as such (VI-CS.34).

GET /viewer/{context}/{study}/series/{series}/instances/{instance}/key-images     JSON
"""

from collections.abc import Mapping
from dataclasses import dataclass

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from drimbox.entrypoints.http.exports import caller_of
from drimbox.entrypoints.http.instance_files import read_instance_header
from drimbox.entrypoints.http.shown_failures import failing_in_words
from drimbox.entrypoints.http.signed_in_pages import SignedInPages
from drimbox.entrypoints.http.viewer.page import image_address
from drimbox.errors import NotAcceptable
from drimbox.flows.consumer.confirm_patient import ConfirmPatient
from drimbox.flows.consumer.view_study import ViewStudy
from drimbox.model.key_images import KeyImages
from drimbox.model.manifest import Manifest
from drimbox.model.session import Session
from drimbox.standards.dicom.key_images import parse_key_images
from drimbox.standards.dicom.sop_classes import KEY_OBJECT_SELECTION

# What the titles of CID 7010 are called here; the writer's own words stand for any other.
_TITLES = {
    "113000": "Images clés",
    "113002": "Images clés pour le médecin demandeur",
    "113003": "Images clés pour la chirurgie",
    "113004": "Images clés pour l'enseignement",
    "113005": "Images clés pour une réunion",
    "113006": "Images clés pour le traitement",
    "113007": "Images clés pour le patient",
    "113008": "Images clés pour une relecture",
    "113009": "Images clés pour la recherche",
    "113013": "Meilleures images",
    "113018": "Images clés pour l'impression",
    "113020": "Images clés du compte rendu",
}


@dataclass(frozen=True, slots=True)
class ViewerKeyImagesDoor:
    confirm_patient: ConfirmPatient
    view_study: ViewStudy

    async def key_images(self, request: Request, session: Session) -> Response:
        """Answer with what the note marks of this exam's images."""
        context = await self.confirm_patient.get_confirmed(session, request.path_params["context"])
        caller, address = caller_of(session, context), image_address(request)
        manifest = await self.view_study.open(caller, address.study)
        instance = await self.view_study.get_instance(caller, address)
        if instance.sop_class_uid != KEY_OBJECT_SELECTION:
            raise NotAcceptable("no key object selection")
        header = await anyio.to_thread.run_sync(read_instance_header, instance)
        note = parse_key_images(header.data_set)
        if note is None:
            raise NotAcceptable("a manifest or a rejection note")
        return JSONResponse(encode_key_images(note, manifest))


def viewer_key_images_routes(
    door: ViewerKeyImagesDoor, signed_in: SignedInPages
) -> list[BaseRoute]:
    """Return the route of key images in the viewer."""
    path = "/viewer/{context}/{study}/series/{series}/instances/{instance}/key-images"
    return [Route(path, signed_in.script(failing_in_words(door.key_images)), methods=["GET"])]


def encode_key_images(note: KeyImages, manifest: Manifest) -> Mapping[str, object]:
    """Return a note as the viewer needs it; unavailable counts images that the exam has no more."""
    named = {
        (series.series_instance_uid, instance.sop_instance_uid)
        for series in manifest.series
        for instance in series.instances
    }
    here = [image for image in note.images if (image.series, image.instance) in named]
    return {
        "title": _TITLES.get(note.title_code, note.title) or "Images clés",
        "description": note.description,
        "unavailable": len(note.images) - len(here),
        "images": [
            {"series": image.series, "instance": image.instance, "frame": frame}
            for image in here
            for frame in image.frames or (1,)
        ],
    }
