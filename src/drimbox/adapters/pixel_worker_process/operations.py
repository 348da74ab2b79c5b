"""What a jailed child does with one request; every failure has its status octet (see pool.py)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drimbox.adapters.pixel_worker_process import pixels
from drimbox.adapters.pixel_worker_process.drawing import draw
from drimbox.ports.pixel_worker import ImageFormat


def answer(request: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """The status and the payload; never raises, whatever the octets of the file are."""
    path = Path(request["path"])
    try:
        if request["operation"] == "decode_file":
            pixels.decode_file(path, Path(request["target"]))
            return b"0", b""
        if request["operation"] == "stored_frame":
            return b"0", pixels.stored_frame(path, request["frame"])
        if request["operation"] == "decode_frame":
            return b"0", pixels.decode_frame(path, request["frame"]).tobytes()
        window = request["window"]
        size = request["size"]
        drawn = draw(
            pixels.load(path),
            pixels.decode_frame(path, request["frame"]),
            window=(window[0], window[1]) if window else None,
            size=(size[0], size[1]) if size else None,
            image_format=ImageFormat[request["format"]],
            quality=request["quality"],
        )
    except pixels.NoSuchFrame:
        return b"1", b""
    except pixels.NoPixels:
        return b"2", b""
    except Exception:  # noqa: BLE001  # hostile octets raise anything; the child must go on
        return b"3", b""
    return b"0", drawn
