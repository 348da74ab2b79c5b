"""Families that go through a whole HTTP door, in this process: whatever is asked, no 5xx."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from datetime import date
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

from starlette.applications import Starlette
from tests.fakes.consultation_site import CALL, ConsultationSite
from tests.fakes.dicom_kinds import KINDS, STUDY_PATH, instance_path, series_path
from tests.fakes.dicomweb_site import SYSTEM, DicomwebSite, Told
from tests.fakes.fhir_site import FhirSite, exam
from tests.fakes.oauth_server import OAuthServer
from tests.fuzz.family import Family
from tests.fuzz.http_inputs import Scope, scope_of, status_of
from tests.fuzz.text_families import (
    ACCEPT_WORDS,
    FHIR,
    FHIR_WORDS,
    QIDO_WORDS,
)

DOORS = ExitStack()
"""Closes the doors that have been opened."""

Ask = Callable[[Scope, bytes], int]


def through(door: Callable[[], Ask]) -> Callable[[bytes], None]:
    """Return what asks one door and judges its answer; the door is made at the first input."""

    def run(octets: bytes) -> None:
        scope, body = scope_of(octets)
        status = door()(scope, body)
        assert 200 <= status < 500, status

    return run


class ThisThread:
    """Runs what a site does on a loop of this thread: between two threads each turn costs more."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()

    def call(self, work: Callable[..., Awaitable[Told]], *arguments: object) -> Told:
        return self._loop.run_until_complete(work(*arguments))


@cache
def dicomweb_door() -> Ask:
    site = DOORS.enter_context(DicomwebSite(_folder(), runs_on=ThisThread()))
    for image in KINDS.values():
        site.add(image)

    def ask(scope: Scope, body: bytes) -> int:
        scope["headers"].append((b"authorization", SYSTEM.encode()))
        site.audit.events.clear()
        return site.portal.call(status_of, site.application, scope, body)

    return ask


@cache
def fhir_door() -> Ask:
    site = FhirSite(_folder(), requests_a_minute=1 << 60)
    for number in range(1, 6):
        site.dmp.hold(exam(number, date(2024, number, 1)), ["774007"])
    app, loop = site.consumer_app(), asyncio.new_event_loop()

    def ask(scope: Scope, body: bytes) -> int:
        scope["headers"].append((b"authorization", b"Bearer doctor"))
        for grown in (site.audit.events, site.dmp.calls, site.dmp.queries, site.dmp.identities):
            grown.clear()
        return loop.run_until_complete(status_of(app, scope, body))

    return ask


@cache
def call_door() -> Ask:
    site, loop = ConsultationSite(_folder()), asyncio.new_event_loop()

    def ask(scope: Scope, body: bytes) -> int:
        site.audit.events.clear()
        site.contexts.contexts.clear()
        return loop.run_until_complete(status_of(site.app, scope, body))

    return ask


@cache
def token_door() -> Ask:
    server, loop = OAuthServer(), asyncio.new_event_loop()
    app = Starlette(routes=server.routes())

    def ask(scope: Scope, body: bytes) -> int:
        server.audit.events.clear()
        return loop.run_until_complete(status_of(app, scope, body))

    return ask


def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="drimbox-fuzz-"))


def request(line: str, body: bytes = b"", **headers: str) -> bytes:
    lines = [line, *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\n".join(lines).encode() + b"\n\n" + body


JSON, FORM = "application/json", "application/x-www-form-urlencoded"
MULTIPART = 'multipart/related; type="application/dicom"; transfer-syntax=*'
DICOMWEB = [
    request("GET /dicom-web/studies?PatientName=P*&includefield=all&limit=2", accept=JSON),
    request(f"GET /dicom-web{STUDY_PATH}/instances?00080060=CT", accept="application/dicom+json"),
    request(f"GET /dicom-web{instance_path('JPEG-LS')}", accept=MULTIPART),
    request(f"GET /dicom-web{series_path('cine')}/metadata", accept="*/*", if_none_match='"x"'),
    request(f"GET /dicom-web{instance_path('cine')}/frames/1,3", accept="image/jpeg"),
    request(f"GET /dicom-web{instance_path('PDF')}/bulkdata/00420011", range="bytes=3-9"),
    request(f"GET /dicom-web{STUDY_PATH}", accept='multipart/related; type="application/dicom"'),
    request("OPTIONS /dicom-web/"),
]
FHIR_REQUESTS = [
    request(f"GET /fhir/ImagingStudy?{FHIR.decode()}", accept="application/fhir+json"),
    request("POST /fhir/DocumentReference/_search", FHIR, content_type=FORM),
    request("GET /fhir/ImagingStudy/1.2.250.1.999.7.1", accept="application/fhir+xml"),
    request("GET /fhir/metadata?_format=json"),
    request("GET /fhir/Binary/2.25.1001", accept="application/dicom"),
]
CALLS = [
    request("POST /drim", urlencode(CALL).encode(), content_type=FORM, accept=JSON),
    request("GET /consultation/x?modality=CT&from=2024-01-01"),
    request("GET /sign-in/callback?code=x&state=y"),
]
TOKENS = [
    request(
        "POST /oauth2/token",
        b"grant_type=client_credentials&scope=system%2F*.rs&client_assertion=a.b.c",
        content_type=FORM,
    ),
    request("POST /oauth2/introspect", b"token=a.b.c", content_type=FORM),
    request("GET /oauth2/jwks"),
]
FORM_WORDS = (b"%00", b"%C3%", b"&", b"=", b"Patient.identifier.value=", b"grant_type=", b"\xff")

DOOR_FAMILIES = (
    Family("http-dicomweb", DICOMWEB, through(dicomweb_door), (*QIDO_WORDS, *ACCEPT_WORDS), 1024),
    Family("http-fhir", FHIR_REQUESTS, through(fhir_door), FHIR_WORDS, 2048),
    Family("http-call", CALLS, through(call_door), FORM_WORDS, 2048),
    Family("http-oauth", TOKENS, through(token_door), FORM_WORDS, 2048),
)
