"""A page of large studies leaves the event loop to others (goal: never held over 50 ms).

What is measured is the processor time of the loop's own thread between two turns of a probe: other
programs of the machine do not count, and neither do the threads that read the KOS.
"""

import time
from datetime import date
from pathlib import Path

import anyio
import anyio.lowlevel
import orjson
import pytest
from starlette.types import ASGIApp, Message
from tests.fakes.fhir_site import FhirSite, exam
from tests.fakes.manifests import made_up_series

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("FA.1")]

EXAMS, INSTANCES = 25, 500
HELD_SECONDS = 0.05


async def answered(app: ASGIApp, path: str, query: bytes = b"") -> bytes:
    """Call the application in this very loop; return the body."""
    body = bytearray()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200
        body.extend(message.get("body", b""))

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "scheme": "https", "path": path, "raw_path": path.encode(), "query_string": query,
        "headers": [(b"authorization", b"Bearer doctor")], "root_path": "",
        "server": ("box.test", 443), "client": ("192.0.2.7", 5000),
    }  # fmt: skip
    await app(scope, receive, send)
    return bytes(body)


async def test_reading_and_writing_large_exams_never_holds_the_loop(tmp_path: Path) -> None:
    site = FhirSite(tmp_path)
    for number in range(1, EXAMS + 1):
        series = (made_up_series(number, INSTANCES),)
        site.dmp.hold(exam(number, date(2026, 7, 1), series=series))
    app, held = site.consumer_app(), [0.0]

    async def probe() -> None:
        while True:
            since = time.thread_time()
            await anyio.lowlevel.checkpoint()
            held.append(time.thread_time() - since)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(probe)
        cold = await answered(app, "/fhir/ImagingStudy")
        warm = await answered(app, "/fhir/ImagingStudy")
        tasks.cancel_scope.cancel()
    assert orjson.loads(cold)["total"] == orjson.loads(warm)["total"] == EXAMS
    assert len(warm) > EXAMS * INSTANCES * 100
    assert max(held) < HELD_SECONDS
