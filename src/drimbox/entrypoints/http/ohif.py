"""OHIF beside our own image page: MPR, MIP, fusion, measures, two exams compared (VI-CS.22 to .24).

    GET /viewer/ohif/{context}/viewer?StudyInstanceUIDs=UID    OHIF's page, for one signed-in call
    ... /viewer/ohif/{context}/dicom-web/...                   DICOMweb, of that call's patient only
    GET /{file}                                                OHIF's files

OHIF is served as it was published: its build has "/" for the address of its files, and scripts in
its page, which the page's policy names by their hashes. What it needs more than our own pages
(WebAssembly, workers, styles it writes) is allowed to its own page and files alone (V2). Its codecs
compile text of their own, which a worker may, where there is no page to attack, and the page not.
"""

import base64
import hashlib
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Receive, Scope, Send

from drimbox.entrypoints.http.signed_in_pages import SignedInPages
from drimbox.errors import SettingsError
from drimbox.flows.consumer.confirm_patient import ConfirmPatient
from drimbox.model.consent import check_may_consult
from drimbox.model.session import Session
from drimbox.standards.dicomweb.content_coding import accepts_gzip

OHIF_PATH = "/viewer/ohif/{context}"
_INDEX = "index.html"
_READS = ("GET", "HEAD")
_WORKER_POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' 'unsafe-eval'"
_INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)
_HASHED_NAME = re.compile(r"\.[0-9a-f]{20}\.|(?:^|/)[0-9a-f]{20}\.")


def ohif_address(context: str, study: str) -> str:
    """Return where OHIF shows an exam of a call."""
    return f"/viewer/ohif/{context}/viewer?StudyInstanceUIDs={study}"


class OhifFiles:
    """The folder that scripts/viewer made; only what stood there at the start is served."""

    def __init__(self, folder: Path, frame_ancestors: tuple[str, ...] = ()) -> None:
        """Read the names of the files, and the page.

        Raises:
            SettingsError: it is no such folder.
        """
        try:
            self._index = (folder / _INDEX).read_text(encoding="utf-8")
        except OSError:
            raise SettingsError("browser.ohif_directory", f"no {_INDEX} there") from None
        files = (path for path in folder.rglob("*") if path.is_file() and path.name[0] != ".")
        self._files: Mapping[str, Path] = {
            path.relative_to(folder).as_posix(): path for path in files if path.name != _INDEX
        }
        self._policy = _policy(self._index, frame_ancestors)

    def page(self) -> Response:
        headers = {"Content-Security-Policy": self._policy, "Cache-Control": "no-store"}
        return HTMLResponse(self._index, headers=headers)

    def has(self, path: str) -> bool:
        return path.removeprefix("/") in self._files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one file that is there; gzipped where that was made and is taken."""
        request = Request(scope, receive)
        name = request.url.path.removeprefix("/")
        is_worker = request.headers.get("sec-fetch-dest") == "worker"
        headers = {
            "Content-Security-Policy": _WORKER_POLICY if is_worker else self._policy,
            "Cache-Control": _caching(name),
            "Vary": "Accept-Encoding, Sec-Fetch-Dest",
        }
        path = self._files[name]
        zipped = self._files.get(f"{name}.gz")
        if zipped is not None and accepts_gzip(request.headers.get("accept-encoding")):
            path, headers["Content-Encoding"] = zipped, "gzip"
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        await FileResponse(path, headers=headers, media_type=media_type)(scope, receive, send)


@dataclass(frozen=True, slots=True)
class OhifDoor:
    confirm_patient: ConfirmPatient
    files: OhifFiles

    async def page(self, request: Request, session: Session) -> Response:
        """Show OHIF for a patient who was confirmed in this session, and for nobody else."""
        context = await self.confirm_patient.get_confirmed(session, request.path_params["context"])
        check_may_consult(context.consent)
        return self.files.page()


def ohif_routes(
    door: OhifDoor, signed_in: SignedInPages, dicomweb: list[BaseRoute]
) -> list[BaseRoute]:
    """Return the routes; the last is below no path of its own, so it comes after all."""
    page = Route("/viewer", signed_in.page(door.page), methods=["GET"])
    return [Mount(OHIF_PATH, routes=[page, *dicomweb]), _FileRoute(door.files)]


class _FileRoute(BaseRoute):
    """Takes the names of the files and nothing else: what has no route stays 404 or 405."""

    def __init__(self, files: OhifFiles) -> None:
        self._files = files

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or not self._files.has(scope["path"]):
            return Match.NONE, {}
        is_read = scope["method"] in _READS
        return (Match.FULL if is_read else Match.PARTIAL), {"endpoint": self._files}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in _READS:
            raise HTTPException(405, headers={"Allow": ", ".join(_READS)})
        await self._files(scope, receive, send)


def _caching(name: str) -> str:
    """A name that holds the hash of its content never changes it."""
    is_hashed = _HASHED_NAME.search(name) is not None
    return "public, max-age=31536000, immutable" if is_hashed else "no-cache"


def _policy(index: str, frame_ancestors: tuple[str, ...]) -> str:
    """Let in this origin, WebAssembly, workers, and the scripts that the page itself holds."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in _INLINE_SCRIPT.findall(index)
    )
    ancestors = " ".join(frame_ancestors) or "'none'"
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' 'wasm-unsafe-eval' {hashes}",
            "worker-src 'self' blob:",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' blob: data:",
            "font-src 'self' data:",
            "connect-src 'self' blob: data:",
            "frame-src 'self' blob:",
            "object-src 'self' blob:",
            "base-uri 'none'",
            "form-action 'none'",
            f"frame-ancestors {ancestors}",
        )
    )
