"""A Source's DICOMweb door over a folder of DICOM files, behind real HTTP, in a thread of its own.

with DicomwebSite(tmp_path) as site:
    site.add(path)                      one file: its study is published at once
    site.get("/studies", accept="application/dicom+json")
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date, time
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar
from urllib.parse import urlsplit

import requests
from anyio.from_thread import start_blocking_portal
from dicomweb_client import DICOMwebClient
from pydicom import Dataset, dcmread
from starlette.applications import Starlette
from starlette.requests import Request
from tests.fakes.fake_audit_repository import FakeAuditRepository
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_images import FakePixelWorker
from tests.fakes.fake_study_register import FakeStudyRegister
from tests.fakes.folder_pacs import FolderPacs
from tests.fakes.publications import made_up_publication
from tests.fakes.published_answers import check_published

from drimbox.adapters.image_cache_disk.cache import DiskImageCache
from drimbox.adapters.pixel_worker_process.pool import PixelWorkerPool
from drimbox.entrypoints.http.bearer import CONTEXT_HEADER
from drimbox.entrypoints.http.dicomweb.routes import DicomwebDoor, dicomweb_routes
from drimbox.entrypoints.http.error_doors import application_of
from drimbox.entrypoints.http.listener import HttpListener
from drimbox.errors import NotAuthenticated, NotFound
from drimbox.flows.draw_ahead import DrawAhead
from drimbox.flows.fetch_ahead import FetchAhead
from drimbox.flows.recent_accesses import RecentAccesses
from drimbox.flows.source.published_manifests import PublishedManifests
from drimbox.flows.source.search_published import SearchPublished
from drimbox.flows.source.serve_study import ServeStudy
from drimbox.flows.source.source_images import SourceImages
from drimbox.model.access import Caller, CallerKind
from drimbox.model.manifest import (
    ImagingOrder,
    Manifest,
    ReferencedInstance,
    ReferencedSeries,
)
from drimbox.model.patient import LocalPatientId
from drimbox.model.publication import PublicationState
from drimbox.model.study import AccessionNumber, ImageSize, StudyPatient
from drimbox.model.uids import (
    SeriesInstanceUid,
    SopClassUid,
    SopInstanceUid,
    StudyInstanceUid,
    TransferSyntaxUid,
)
from drimbox.ports.pacs import Pacs
from drimbox.ports.pixel_worker import Rendering

SYSTEM = "Bearer system"
WITHOUT_SCOPES = "Bearer without scopes"
_SCOPES_OF = {SYSTEM: frozenset({"system/*.rs"}), WITHOUT_SCOPES: frozenset[str]()}
Told = TypeVar("Told")


class Portal(Protocol):
    """Where asynchronous work is done for who is not."""

    def call(self, work: Callable[..., Awaitable[Told]], *arguments: object) -> Told: ...


async def authenticate(request: Request) -> Caller:
    """Stand for bearer.py, which has tests of its own."""
    scopes = _SCOPES_OF.get(request.headers.get("authorization", ""))
    if scopes is None:
        raise NotAuthenticated("no bearer token")
    if CONTEXT_HEADER in request.headers:
        raise NotFound("no such context in this session")
    return Caller(CallerKind.SYSTEM, "fhir", scopes)


class CountingPixels(PixelWorkerPool):
    """Draws as the product does, and counts what it was asked to draw or to transcode."""

    asked = 0

    async def render(self, path: Path, rendering: Rendering) -> bytes:
        self.asked += 1
        return await super().render(path, rendering)

    async def transcode_frame(self, path: Path, frame: int, syntax: TransferSyntaxUid) -> bytes:
        self.asked += 1
        return await super().transcode_frame(path, frame, syntax)


@dataclass
class DicomwebSite:
    """url is that of /dicom-web, once it is entered; behind is asked in place of the folder.

    runs_on runs what is asynchronous, None for a thread of its own.
    """

    folder: Path
    behind: Pacs | None = None
    fetch_ahead: FetchAhead | None = None
    runs_on: Portal | None = None
    url: str = ""
    register: FakeStudyRegister = field(default_factory=FakeStudyRegister)
    audit: FakeAuditRepository = field(default_factory=FakeAuditRepository)
    application: Starlette = field(init=False)
    pacs: FolderPacs = field(init=False)
    pixels: CountingPixels = field(init=False)
    portal: Portal = field(init=False)
    session: requests.Session = field(default_factory=requests.Session)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        own_thread = start_blocking_portal("asyncio")
        self.portal = self.runs_on or self._stack.enter_context(own_thread)
        (self.folder / "pacs").mkdir()
        self.pacs = FolderPacs(self.folder / "pacs", chunk_size=100_000)
        self.portal.call(self._start)
        self.session.trust_env = False
        self.session.headers["Authorization"] = SYSTEM
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.session.close()
        self.portal.call(self._stop)
        self._stack.close()

    async def _start(self) -> None:
        self.pixels = CountingPixels(workers=1, deadline_seconds=20)
        self._cache = DiskImageCache(self.folder / "cache", max_bytes=10**9, max_age_seconds=600)
        self.drawn_ahead = FakePixelWorker()
        clock = FakeClock()
        pacs = self.behind or self.pacs
        serve = ServeStudy(
            self.register,
            SourceImages(pacs, self._cache),
            self.audit,
            clock,
            frozenset({"10"}),
            SearchPublished(self.register, PublishedManifests(self.register), pacs),
            RecentAccesses(clock),
        )
        door = DicomwebDoor(
            authenticate,
            serve,
            self.pixels,
            "http://box/dicom-web",
            fetch_ahead=self.fetch_ahead,
            draw_ahead=DrawAhead(self.drawn_ahead),
        )
        self.application = application_of(dicomweb_routes(door))
        self._listener = HttpListener(self.application, "127.0.0.1", 0)
        await self._listener.start()
        self.url = f"http://127.0.0.1:{self._listener.port}/dicom-web"

    async def _stop(self) -> None:
        await self._listener.stop()
        await self._cache.stop()
        await self.pixels.stop()

    def add(self, image: Dataset) -> str:
        """Keep an object in the PACS and name it in the KOS of its study; return its path."""
        path = self.pacs.folder / f"{len(list(self.pacs.folder.iterdir())):04d}.dcm"
        image.save_as(path, enforce_file_format=True)
        self.publish(path)
        return self.path_of(image)

    def publish(self, path: Path) -> None:
        """Name a file of the PACS's folder in the KOS of its study."""
        image = dcmread(path, stop_before_pixels=True)
        study = StudyInstanceUid(image.StudyInstanceUID)
        known = next((p for p in self.register.publications if p.study_instance_uid == study), None)
        if known is None:
            made_up = made_up_publication(study=len(self.register.publications) + 1).publication
            manifest = _manifest_of(image, made_up.manifest)
            known = replace(
                made_up,
                study_instance_uid=study,
                manifest=manifest,
                state=PublicationState.PUBLISHED,
            )
        else:
            self.register.publications.remove(known)
        series = _with_instance(known.manifest.series, image)
        # Another content_key: what was read of the former manifest is not used again.
        self.register.publications.append(
            replace(
                known,
                manifest=replace(known.manifest, series=series),
                content_key=f"{known.content_key}+",
            )
        )

    @staticmethod
    def path_of(image: Dataset) -> str:
        """Return the path of an instance below /dicom-web."""
        return (
            f"/studies/{image.StudyInstanceUID}/series/{image.SeriesInstanceUID}"
            f"/instances/{image.SOPInstanceUID}"
        )

    def get(self, path: str, accept: str | None = None, **headers: str) -> requests.Response:
        """Ask; requests would send `Accept: */*` where None is sent here."""
        told: Mapping[str, str | None] = {"Accept": accept, **headers}
        answer = self.session.get(self.url + path, headers=dict(told), timeout=60)
        check_published("GET", urlsplit(answer.url).path, answer.status_code)
        return answer

    def client(self) -> DICOMwebClient:
        return DICOMwebClient(self.url, session=self.session)


def _with_instance(
    known: tuple[ReferencedSeries, ...], image: Dataset
) -> tuple[ReferencedSeries, ...]:
    uid = SeriesInstanceUid(image.SeriesInstanceUID)
    instance = ReferencedInstance(
        SopInstanceUid(image.SOPInstanceUID),
        SopClassUid(image.SOPClassUID),
        _number(image.get("InstanceNumber")),
        _number(image.get("NumberOfFrames")),
        _size_of(image),
    )
    for series in known:
        if series.series_instance_uid == uid:
            grown = replace(series, instances=(*series.instances, instance))
            return tuple(grown if one is series else one for one in known)
    made = ReferencedSeries(
        uid,
        "https://db1.test/x",
        (instance,),
        str(image.get("Modality", "")),
        _number(image.get("SeriesNumber")),
        str(image.get("SeriesDescription", "")),
    )
    return (*known, made)


def _manifest_of(image: Dataset, made_up: Manifest) -> Manifest:
    """Return what a publication would know of the study: its level as the PACS tells it."""
    accession, identifier = str(image.get("AccessionNumber", "")), str(image.get("PatientID", ""))
    return replace(
        made_up,
        study_instance_uid=StudyInstanceUid(image.StudyInstanceUID),
        series=(),
        order=ImagingOrder(AccessionNumber(accession)) if accession else None,
        study_date=_date(str(image.get("StudyDate", ""))),
        study_time=_time(str(image.get("StudyTime", ""))),
        study_description=str(image.get("StudyDescription", "")),
        study_id=str(image.get("StudyID", "")),
        referring_physician_name=str(image.get("ReferringPhysicianName", "")),
        pacs_patient=StudyPatient(
            LocalPatientId(identifier) if identifier else None,
            str(image.get("PatientName", "")),
            str(image.get("PatientBirthDate", "")),
            str(image.get("PatientSex", "")),
        ),
    )


def _size_of(image: Dataset) -> ImageSize | None:
    if "Rows" not in image:
        return None
    return ImageSize(image.Rows, image.Columns, image.BitsAllocated)


def _number(value: object) -> int | None:
    text = str(value if value is not None else "")
    return int(text) if text.isdigit() else None


def _date(text: str) -> date | None:
    return date(int(text[:4]), int(text[4:6]), int(text[6:8])) if len(text) == 8 else None


def _time(text: str) -> time | None:
    if len(text) < 6:
        return None
    microseconds = int(text.partition(".")[2].ljust(6, "0") or "0")
    return time(int(text[:2]), int(text[2:4]), int(text[4:6]), microseconds)
