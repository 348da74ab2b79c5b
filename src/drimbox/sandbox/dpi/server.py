"""A DPI of the demo: a page, of another origin than the box, that makes contextual calls.

Two ways, as real software does: a form posted into a new tab, or a script that reads the JSON
answer and then navigates. It shows the exact body of each call, and calls that must be refused.
"""

import json
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from drimbox.sandbox.dpi.calls import call_parameters, study_parameters, wrong_calls
from drimbox.sandbox.patients.establishments import CONSUMER_ESTABLISHMENT
from drimbox.sandbox.patients.identities import PATIENTS, SandboxPatient
from drimbox.sandbox.patients.professionals import PROFESSIONALS
from drimbox.sandbox.patients.scenario import ScenarioStudy
from drimbox.sandbox.patients.studies import STUDIES

_SITE = Path(__file__).parent / "site"
_TYPES = {"index.html": "text/html", "dpi.css": "text/css", "dpi.js": "text/javascript"}


class SandboxDpi:
    """Serves the page; contextual_call_url is the box's."""

    def __init__(self, contextual_call_url: str) -> None:
        self._call_url = contextual_call_url
        parts = urlsplit(contextual_call_url)
        box = f"{parts.scheme}://{parts.netloc}"
        # A form leads wherever its answer redirects: to the box, then to its identity provider.
        sign_in = f"{parts.scheme}://{parts.hostname}:*"
        self._headers = {
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            # The box checks the Origin of a call; a page that hides it is no web DPI of this site.
            "Referrer-Policy": "strict-origin-when-cross-origin",
            "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; "
            f"base-uri 'none'; img-src 'self' data:; form-action {sign_in}; "
            f"connect-src 'self' {box}",
        }
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes a free one. `url` is then the page's, on localhost."""
        self._runner = web.AppRunner(self.application(), access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.url = f"http://localhost:{self._runner.addresses[0][1]}/"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/", self._index)
        app.router.add_get("/hospital.json", self._hospital)
        app.router.add_get("/{file:dpi[.](?:css|js)}", self._file)
        return app

    async def _index(self, request: web.Request) -> web.Response:
        del request
        return self._static("index.html")

    async def _file(self, request: web.Request) -> web.Response:
        return self._static(request.match_info["file"])

    async def _hospital(self, request: web.Request) -> web.Response:
        del request
        body = json.dumps(hospital(self._call_url), ensure_ascii=False)
        return web.Response(text=body, content_type="application/json", headers=self._headers)

    def _static(self, name: str) -> web.Response:
        text = (_SITE / name).read_text(encoding="utf-8")
        return web.Response(text=text, content_type=_TYPES[name], headers=self._headers)


def hospital(call_url: str) -> dict[str, object]:
    """Return all that the page knows: patients, exams, situations, calls that are wrong."""
    situations = {
        activity.structure.identifier: activity.structure.name
        for professional in PROFESSIONALS
        for activity in professional.activities
    }
    return {
        "call_url": call_url,
        "establishment": CONSUMER_ESTABLISHMENT.name,
        "situations": [{"value": v, "name": n} for v, n in situations.items()],
        "patients": [_patient(patient) for patient in PATIENTS],
        "wrong_calls": [
            {
                "key": call.key,
                "title": call.title,
                "why": call.why,
                "content_type": call.content_type,
                "body": call.body,
            }
            for call in wrong_calls(PATIENTS[0])
        ],
    }


def _patient(patient: SandboxPatient) -> dict[str, object]:
    return {
        "parameters": call_parameters(patient),
        "studies": [_study(study) for study in STUDIES if study.patient is patient],
    }


def _study(study: ScenarioStudy) -> dict[str, object]:
    return {
        "title": study.procedure.description,
        "day": f"{study.started_at:%d/%m/%Y}",
        "is_published": study.is_published,
        "parameters": study_parameters(study),
    }
