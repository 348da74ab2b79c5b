"""The image page of a consultation, and what its script asks for (VI-CS.17 to VI-CS.29, VI-CO.27).

    GET /viewer/{context}/{study}[?series=UID][&beside=1]                         the page
    GET /viewer/{context}/{study}/series/{series}/instances/{instance}            facts, JSON
    GET   .../frames/{frame}[?window=CENTER,WIDTH][&size=PIXELS]                  JPEG

Images are drawn here, so that nothing but a browser is needed and no token leaves the box. What
goes wrong is told in the words of shown_failures.py.
"""

import mmap
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from drimbox.entrypoints.http.exports import caller_of, export_choices
from drimbox.entrypoints.http.ohif import ohif_address
from drimbox.entrypoints.http.pages import Pages
from drimbox.entrypoints.http.security_headers import framed_by_our_pages
from drimbox.entrypoints.http.shown_failures import failing_in_words
from drimbox.entrypoints.http.signed_in_pages import SignedInPages, form_token
from drimbox.errors import InvalidValue, NotAcceptable
from drimbox.flows.consumer.confirm_patient import ConfirmPatient
from drimbox.flows.consumer.import_studies import ImportStudies
from drimbox.flows.consumer.view_study import ImageAddress, ViewStudy
from drimbox.model.access import Caller
from drimbox.model.image_facts import ImageFacts
from drimbox.model.manifest import Manifest, ReferencedInstance, ReferencedSeries
from drimbox.model.session import Session
from drimbox.model.uids import SeriesInstanceUid, SopInstanceUid, StudyInstanceUid
from drimbox.ports.image_cache import CachedInstance
from drimbox.ports.pixel_worker import ImageFormat, Rendering
from drimbox.standards.dicom.data_set import PIXEL_DATA_TAGS, DataSetReader
from drimbox.standards.dicom.image_facts import parse_image_facts
from drimbox.standards.dicom.sop_classes import KEY_OBJECT_SELECTION, value_type_of
from drimbox.standards.dicom.transfer_syntaxes import encoding_of

MIN_SIZE, MAX_SIZE = 32, 4096
_MAX_WINDOW = 1e6
_MAX_FRAME = 1e6
_QUALITY = 90


@dataclass(frozen=True, slots=True)
class ViewerDoor:
    """has_ohif is whether OHIF is installed beside this page.

    frame_ancestors are the origins that may frame our pages, and so what these frame.
    """

    confirm_patient: ConfirmPatient
    view_study: ViewStudy
    import_studies: ImportStudies
    pages: Pages
    has_ohif: bool = False
    frame_ancestors: tuple[str, ...] = ()

    async def page(self, request: Request, session: Session) -> Response:
        identifier = request.path_params["context"]
        if identifier not in session.context_ids:
            return RedirectResponse(f"/consultation/{identifier}", HTTPStatus.SEE_OTHER)
        caller = await self._caller(request, session)
        study = StudyInstanceUid(request.path_params["study"])
        manifest = await self.view_study.open(caller, study)
        shown = encode_study(manifest)
        series = first_series(shown, request.query_params.get("series"))
        if series is not None:
            await self.view_study.begin(caller, study, SeriesInstanceUid(series))
        context = await self.confirm_patient.get_confirmed(session, identifier)
        is_beside = "beside" in request.query_params
        page = self.pages.render(
            "viewer.html",
            professional=session.professional,
            patient=context.patient,
            local_patient_id=context.local_patient_id,
            context=identifier,
            manifest=manifest,
            study=shown,
            ohif_address=ohif_address(identifier, study) if self.has_ohif else "",
            is_beside=is_beside,
            export=await export_choices(self.import_studies, session),
            form_token=form_token(session),
        )
        if is_beside:
            page.headers.update(framed_by_our_pages(self.frame_ancestors))
        return page

    async def facts(self, request: Request, session: Session) -> Response:
        caller = await self._caller(request, session)
        instance = await self.view_study.get_instance(caller, image_address(request))
        facts = await anyio.to_thread.run_sync(_read_facts, instance)
        if facts is None:
            raise NotAcceptable("not an image")
        return JSONResponse(asdict(facts))

    async def frame(self, request: Request, session: Session) -> Response:
        caller = await self._caller(request, session)
        rendering = parse_rendering(request)
        drawn = await self.view_study.render(caller, image_address(request), rendering)
        return Response(drawn, media_type=ImageFormat.JPEG.value)

    async def _caller(self, request: Request, session: Session) -> Caller:
        context = await self.confirm_patient.get_confirmed(session, request.path_params["context"])
        return caller_of(session, context)


def viewer_routes(door: ViewerDoor, signed_in: SignedInPages) -> list[BaseRoute]:
    """Return the routes of the image page."""
    root = "/viewer/{context}/{study}"
    instance = root + "/series/{series}/instances/{instance}"
    facts = signed_in.script(failing_in_words(door.facts))
    frame = signed_in.script(failing_in_words(door.frame))
    return [
        Route(root, signed_in.page(door.page), methods=["GET"]),
        Route(instance, facts, methods=["GET"]),
        Route(instance + "/frames/{frame}", frame, methods=["GET"]),
    ]


def encode_study(manifest: Manifest) -> dict[str, object]:
    """Return the exam as the page's script needs it: series in order, instances in order."""
    series = sorted(manifest.series, key=lambda s: (s.series_number is None, s.series_number or 0))
    return {
        "study": manifest.study_instance_uid,
        "series": [_encode_series(one) for one in series],
    }


def first_series(study: Mapping[str, Any], asked: str | None) -> str | None:
    """Return the series that the page opens: the one asked for, else the first with images."""
    uids = [str(one["uid"]) for one in study["series"]]
    pictured = (str(one["uid"]) for one in study["series"] if one["is_pictured"])
    return asked if asked in uids else next(pictured, None)


def parse_rendering(request: Request) -> Rendering:
    """Read how a frame shall be drawn.

    Raises:
        InvalidValue: a number that is none, or out of bounds.
    """
    size = _number(request.query_params.get("size", "1024"), "size")
    frame = _number(request.path_params["frame"], "frame")
    if not (MIN_SIZE <= size <= MAX_SIZE and 1 <= frame <= _MAX_FRAME):
        raise InvalidValue("size", f"{MIN_SIZE} à {MAX_SIZE} pixels")
    return Rendering(
        frame=int(frame),
        window=_parse_window(request.query_params.get("window")),
        size=(int(size), int(size)),
        format=ImageFormat.JPEG,
        quality=_QUALITY,
    )


def _parse_window(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    center, _, width = text.partition(",")
    window = _number(center, "window"), _number(width, "window")
    # Written so that a NaN is refused too.
    if not (abs(window[0]) <= _MAX_WINDOW and 0 < window[1] <= _MAX_WINDOW):
        raise InvalidValue("window", "centre,largeur")
    return window


def _number(text: str, what: str) -> float:
    try:
        return float(text) if len(text) < 32 else float("nan")
    except ValueError:
        raise InvalidValue(what, "un nombre") from None


def image_address(request: Request) -> ImageAddress:
    """Read which image the address names.

    Raises:
        InvalidValue: one of the three is no UID.
    """
    return ImageAddress(
        StudyInstanceUid(request.path_params["study"]),
        SeriesInstanceUid(request.path_params["series"]),
        SopInstanceUid(request.path_params["instance"]),
    )


def _encode_series(series: ReferencedSeries) -> dict[str, object]:
    def order(instance: ReferencedInstance) -> tuple[bool, int]:
        return instance.instance_number is None, instance.instance_number or 0

    return {
        "uid": series.series_instance_uid,
        "modality": series.modality,
        "number": series.series_number,
        "description": series.series_description,
        "is_key_images": all(i.sop_class_uid == KEY_OBJECT_SELECTION for i in series.instances),
        "is_pictured": any(value_type_of(i.sop_class_uid) == "IMAGE" for i in series.instances),
        "instances": [i.sop_instance_uid for i in sorted(series.instances, key=order)],
    }


def _read_facts(instance: CachedInstance) -> ImageFacts | None:
    """Read the elements before the pixels; the file is mapped, so the pixels are not read."""
    with (
        instance.path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as view,
        view[instance.data_set_offset :] as octets,
    ):
        reader = DataSetReader(octets, encoding_of(instance.transfer_syntax_uid))
        data_set, _ = reader.read_before(PIXEL_DATA_TAGS, len(octets))
        return parse_image_facts(data_set)
