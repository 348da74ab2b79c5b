"""The jailed child: limits itself, then answers one request after the other (see pool.py)."""

import resource
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

MAX_ADDRESS_SPACE = 3 * 1024**3


def main() -> None:
    """Serve until the parent closes the pipe."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESS_SPACE, MAX_ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    while len(prefix := stdin.read(4)) == 4:
        request = orjson.loads(stdin.read(int.from_bytes(prefix, "big")))
        status, payload = _answer(request)
        stdout.write(status + len(payload).to_bytes(4, "big"))
        stdout.write(payload)
        stdout.flush()


def _answer(request: Mapping[str, Any]) -> tuple[bytes, bytes]:
    # Imported after the limits are set, so that they hold for the codecs too.
    from drimbox.adapters.pixel_worker_process import pixels
    from drimbox.adapters.pixel_worker_process.drawing import draw
    from drimbox.ports.pixel_worker import ImageFormat

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


if __name__ == "__main__":
    main()
