"""What a jailed child does with one request; every failure has its status octet (see pool.py)."""

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from drimbox.adapters.pixel_worker_process import pixels
from drimbox.adapters.pixel_worker_process.drawing import NoSuchRegion, draw
from drimbox.adapters.pixel_worker_process.encoding import (
    CannotEncode,
    transcode_file,
    transcode_frame,
)
from drimbox.adapters.pixel_worker_process.pdf_pages import draw_page, read_pages
from drimbox.ports.pixel_worker import ImageFormat, Rendering, SourceRegion, WindowShape

_Request = Mapping[str, Any]
_STATUS_OF: dict[type[Exception], bytes] = {
    pixels.NoSuchFrame: b"1",
    pixels.NoPixels: b"2",
    CannotEncode: b"4",
    NoSuchRegion: b"5",
}
_UNREADABLE = b"3"
_ON_PDF: Mapping[str, Callable[[bytes, _Request], bytes]] = {
    "read_pages": lambda pdf, _: orjson.dumps(read_pages(pdf)),
    "draw_page": lambda pdf, request: draw_page(pdf, request["page"], request["width"]),
}


def answer(request: _Request, tell_progress: Callable[[], None]) -> tuple[bytes, bytes]:
    """Return the status and the payload; never raises, whatever the octets of the file are."""
    try:
        return b"0", _do(request, tell_progress)
    except Exception as error:  # noqa: BLE001  # hostile octets raise anything; the child goes on
        return _STATUS_OF.get(type(error), _UNREADABLE), b""


def _do(request: _Request, tell_progress: Callable[[], None]) -> bytes:
    operation = request["operation"]
    if operation in _ON_PDF:
        return _ON_PDF[operation](base64.b64decode(request["pdf"]), request)
    path = Path(request["path"])
    if operation == "render":
        return draw(path, _rendering(request["rendering"]))
    if operation == "stored_frame":
        return pixels.stored_frame(path, request["frame"])
    if operation == "transcode_frame":
        return transcode_frame(path, request["frame"], request["syntax"])
    transcode_file(path, Path(request["target"]), request["syntax"], tell_progress)
    return b""


def _rendering(told: Mapping[str, Any]) -> Rendering:
    window, size, shape, region = (told[name] for name in ("window", "size", "shape", "region"))
    return Rendering(
        frame=told["frame"],
        window=(window[0], window[1]) if window else None,
        size=(size[0], size[1]) if size else None,
        format=ImageFormat(told["format"]),
        quality=told["quality"],
        shape=WindowShape(shape) if shape else None,
        region=SourceRegion(**region) if region else None,
        may_enlarge=told["may_enlarge"],
    )
