"""WADO-URI (PS3.18 9): one object, named and described by query parameters.

    requestType=WADO & studyUID & seriesUID & objectUID          which
    contentType=application/dicom [& transferSyntax]             the object
    contentType=image/jpeg ...                                   a picture, a page, a document
        & frameNumber & rows & columns & region & windowCenter & windowWidth & imageQuality

Without contentType the Accept header counts, and without that the category of the object: a picture
of a single frame, a page of a report, else the object (9.1.2.2). What would be left undone is
refused: anonymize, presentation states. annotation and charset are told or harmless.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import anyio
from starlette.responses import Response

from drimbox.entrypoints.http.dicomweb.frames import parse_frame_list
from drimbox.entrypoints.http.dicomweb.instances import instances_response
from drimbox.entrypoints.http.dicomweb.rendered import rendered_response
from drimbox.entrypoints.http.dicomweb.representation import accept_of
from drimbox.entrypoints.http.dicomweb.request import ImageRequest
from drimbox.entrypoints.http.instance_files import read_instance_header
from drimbox.errors import InvalidValue
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import (
    SeriesInstanceUid,
    SopInstanceUid,
    StudyInstanceUid,
    TransferSyntaxUid,
)
from drimbox.standards.dicomweb.media_types import MediaRange, parse_accept

_DICOM = "application/dicom"
_KNOWN = frozenset(
    (
        *("requestType", "studyUID", "seriesUID", "objectUID", "contentType", "transferSyntax"),
        *("rows", "columns", "region", "windowCenter", "windowWidth", "frameNumber"),
        *("imageQuality", "annotation", "anonymize", "presentationUID", "presentationSeriesUID"),
    )
)
_REFUSED = {
    "anonymize": frozenset({"", "no"}),
    "presentationUID": frozenset({""}),
    "presentationSeriesUID": frozenset({""}),
}
_NAME_OF = {
    "StudyInstanceUid": "studyUID",
    "SeriesInstanceUid": "seriesUID",
    "SopInstanceUid": "objectUID",
    "Accept": "contentType",
    "frames": "frameNumber",
    "window": "windowCenter and windowWidth",
    "viewport": "rows and columns",
    "quality": "imageQuality",
}


@dataclass(frozen=True, slots=True)
class WadoUri:
    """One request; ranges is empty where it does not say what is accepted."""

    target: TargetResource
    ranges: tuple[MediaRange, ...]
    parameters: Mapping[str, str]


def parse_wado_uri(items: Sequence[tuple[str, str]]) -> WadoUri:
    """Read the query string; unknown parameters are ignored.

    Raises:
        InvalidValue: one is missing, repeated, of another grammar, or asks for what is not done.
    """
    parameters: dict[str, str] = {}
    for name, value in items:
        if name not in _KNOWN:
            continue
        if name in parameters:
            raise InvalidValue(name, "once")
        parameters[name] = value.strip()
    if parameters.get("requestType") != "WADO":
        raise InvalidValue("requestType", "WADO (PS3.18 9.1.2.1)")
    for name, harmless in _REFUSED.items():
        if parameters.get(name, "") not in harmless:
            raise InvalidValue(name, "it is not done here")
    with _its_own_words():
        target = TargetResource(
            StudyInstanceUid(parameters.get("studyUID", "")),
            SeriesInstanceUid(parameters.get("seriesUID", "")),
            SopInstanceUid(parameters.get("objectUID", "")),
        )
        content_type = parameters.get("contentType")
        ranges = parse_accept([content_type]) if content_type else ()
    return WadoUri(target, ranges, parameters)


async def wado_uri_response(wado: WadoUri, asked: ImageRequest) -> Response:
    """Return the object as what is asked for.

    Raises:
        InvalidValue, NotFound, NotAcceptable: as the resources of WADO-RS.
    """
    with _its_own_words():
        return await _response(wado, asked)


async def _response(wado: WadoUri, asked: ImageRequest) -> Response:
    ranges = wado.ranges or accept_of(asked.request)
    if ranges[0].media_type == "*/*":
        ranges = await _by_category(asked)
    if ranges[0].media_type == _DICOM:
        syntax = wado.parameters.get("transferSyntax")
        chosen = {"transfer-syntax": TransferSyntaxUid(syntax)} if syntax else {}
        return await instances_response(replace(asked, ranges=(MediaRange(_DICOM, chosen),)))
    told = wado.parameters
    drawing = await _drawing(asked, told)
    frames = told.get("frameNumber") or None
    if frames is not None:
        await _check_frame(asked, frames)
    # rows and columns are the most that may come (9.1.2.2).
    return await rendered_response(
        replace(asked, ranges=ranges, parameters=drawing, frames=frames, may_enlarge=False)
    )


async def _check_frame(asked: ImageRequest, text: str) -> None:
    """Check that it is one frame of the object; PS3.18 9.5.2.1 wants 400 where it is not."""
    (number,) = numbers if len(numbers := parse_frame_list(text)) == 1 else (0,)
    header = await anyio.to_thread.run_sync(read_instance_header, await asked.instance())
    if not 1 <= number <= header.number_of_frames:
        raise InvalidValue("frameNumber", f"1 to {header.number_of_frames}, once")


@contextmanager
def _its_own_words() -> Iterator[None]:
    """Name what is wrong by the parameter that was sent, not by what WADO-RS calls it."""
    try:
        yield
    except InvalidValue as error:
        name = _NAME_OF.get(error.what)
        if name is None:
            raise
        raise InvalidValue(name, error.rule) from error


async def _by_category(asked: ImageRequest) -> tuple[MediaRange, ...]:
    """Return the default media type: of several frames only the object holds all."""
    instance = await asked.instance()
    header = await anyio.to_thread.run_sync(read_instance_header, instance)
    is_one_picture = header.pixels is not None and header.number_of_frames == 1
    return (MediaRange("image/jpeg" if is_one_picture else _DICOM, {}),)


async def _drawing(asked: ImageRequest, told: Mapping[str, str]) -> Mapping[str, str]:
    """Return the same in the words of WADO-RS (PS3.18 8.3.5)."""
    drawing: dict[str, str] = {}
    center, width = told.get("windowCenter"), told.get("windowWidth")
    if center or width:
        drawing["window"] = f"{center or ''},{width or ''}"
    if quality := told.get("imageQuality"):
        drawing["quality"] = quality
    if annotation := told.get("annotation"):
        drawing["annotation"] = annotation
    rows, columns = told.get("rows"), told.get("columns")
    if rows or columns or told.get("region"):
        size = f"{columns or 8192},{rows or 8192}"
        region = await _region(asked, told.get("region"))
        drawing["viewport"] = f"{size},{region}" if region else size
    return drawing


async def _region(asked: ImageRequest, text: str | None) -> str | None:
    """Return sx,sy,sw,sh in pixels of what is told in fractions of the image (9.1.2.2.9)."""
    if not text:
        return None
    try:
        left, top, right, bottom = (float(part) for part in text.split(","))
    except ValueError:
        raise InvalidValue("region", "xmin,ymin,xmax,ymax") from None
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise InvalidValue("region", "fractions of the image from 0 to 1")
    instance = await asked.instance()
    header = await anyio.to_thread.run_sync(read_instance_header, instance)
    rows, columns = header.rows, header.columns
    x, y = int(left * columns), int(top * rows)
    width, height = max(round(right * columns) - x, 1), max(round(bottom * rows) - y, 1)
    return f"{x},{y},{width},{height}"
