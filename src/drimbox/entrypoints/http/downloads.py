"""Exams kept by the professional as one ZIP, laid out per IHE PDI (CO.71).

GET /consultation/{context}/studies.zip?study=UID&study=UID
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from drimbox.entrypoints.http.exports import caller_of
from drimbox.entrypoints.http.signed_in_pages import SignedInPages
from drimbox.errors import InvalidValue
from drimbox.flows.consumer.confirm_patient import ConfirmPatient
from drimbox.flows.consumer.download_studies import DownloadStudies
from drimbox.flows.image_streams import close
from drimbox.model.session import Session
from drimbox.model.uids import StudyInstanceUid

MAX_STUDIES_A_DOWNLOAD = 20
_HEADERS = {
    "Content-Disposition": 'attachment; filename="examens.zip"',
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class DownloadsDoor:
    confirm_patient: ConfirmPatient
    download_studies: DownloadStudies

    async def download(self, request: Request, session: Session) -> Response:
        context = await self.confirm_patient.get_confirmed(session, request.path_params["context"])
        asked = dict.fromkeys(request.query_params.getlist("study"))
        studies = tuple(StudyInstanceUid(uid) for uid in asked)
        if not 0 < len(studies) <= MAX_STUDIES_A_DOWNLOAD:
            raise InvalidValue("study", f"1 à {MAX_STUDIES_A_DOWNLOAD} examens")
        archive = self.download_studies(caller_of(session, context), studies)
        # A Source that is away, or a right that is missing, still has its page.
        first = await anext(archive)
        return StreamingResponse(
            _continued(first, archive), media_type="application/zip", headers=_HEADERS
        )


def download_routes(door: DownloadsDoor, signed_in: SignedInPages) -> list[BaseRoute]:
    """Return the route."""
    path = "/consultation/{context}/studies.zip"
    return [Route(path, signed_in.page(door.download), methods=["GET"])]


async def _continued(first: bytes, archive: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        yield first
        async for octets in archive:
            yield octets
    finally:
        await close(archive)
