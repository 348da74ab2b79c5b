"""Each answer that openapi/dicomweb.yaml publishes of an operation is one that it can give.

The other way round, an answer that is not published fails whichever test is given it
(tests/fakes/published_answers.py).
"""

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.testclient import TestClient
from tests.fakes.boxes import SOURCE, ListedBoxes
from tests.fakes.consultation_site import ConsultationSite
from tests.fakes.contexts import made_up_caller, made_up_context
from tests.fakes.dicom_files import made_up_image, write_image
from tests.fakes.dicom_kinds import KINDS, KINDS_STUDY
from tests.fakes.dicomweb_site import WITHOUT_SCOPES, DicomwebSite
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_images import FakePixelWorker
from tests.fakes.folder_pacs import FolderPacs
from tests.fakes.manifests import STUDY, made_up_manifest, made_up_series
from tests.fakes.published_answers import check_published, operations, published
from tests.fakes.two_boxes import ProfessionalsToken

from drimbox.adapters.image_cache_disk.cache import DiskImageCache
from drimbox.entrypoints.http.bearer import CONTEXT_HEADER
from drimbox.entrypoints.http.dicomweb.routes import DicomwebDoor, dicomweb_routes
from drimbox.entrypoints.http.error_doors import exception_handlers
from drimbox.entrypoints.http.peer_limits import PeerLimits
from drimbox.errors import DrimboxError, RejectedByPartner, TimedOut, Unavailable
from drimbox.flows.consumer.retrieve_study import RetrieveStudy
from drimbox.flows.recent_accesses import RecentAccesses
from drimbox.flows.source.search_published import MAX_CANDIDATES
from drimbox.model.access import Caller, Peer
from drimbox.model.retrieval import DicomJson, DicomQuery, InstanceStream, TargetResource
from drimbox.model.study import Study
from drimbox.model.uids import SopInstanceUid, StudyInstanceUid, TransferSyntaxUid

pytestmark = pytest.mark.requirement("FA.6")

OTHER_PATIENT = 409
TOO_MANY = 429
DOCUMENT_STUDY = f"{KINDS_STUDY}.99"  # one PDF and nothing else
# Octets where they are plain, else what they are: a video is one of the kinds.
ANY_PARTS = 'multipart/related; type="application/octet-stream", multipart/related; q=0.1'
DICOMWEB = sorted(
    (one for one in operations() if one.path.startswith("/dicom-web")),
    key=lambda one: (one.path, one.method),
)
ROWS = [
    pytest.param(one.method, one.path, int(status), id=f"{one.method} {one.path} {status}")
    for one in DICOMWEB
    for status in sorted(one.statuses)
]


@dataclass
class BrokenPacs:
    """Fails as it is told to; found is what a search gives, where it does not."""

    failure: DrimboxError | None = None
    found: tuple[DicomJson, ...] = ()

    async def echo(self) -> None:
        self._fail()

    async def find(self, query: DicomQuery) -> tuple[DicomJson, ...]:
        self._fail()
        return self.found[: query.limit]

    async def find_study(self, study_instance_uid: StudyInstanceUid) -> Study:
        self._fail()
        raise NotImplementedError(study_instance_uid)

    async def retrieve(
        self, target: TargetResource, transfer_syntaxes: Sequence[TransferSyntaxUid] = ()
    ) -> AsyncIterator[InstanceStream]:
        del target, transfer_syntaxes
        self._fail()
        return
        yield

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


@dataclass
class AnotherPatientsImages:
    """A Source whose images do not carry the INS of the contextual call."""

    pacs: FolderPacs

    async def retrieve(
        self,
        peer: Peer,
        target: TargetResource,
        *,
        access_token: str,
        kos_sop_instance_uid: SopInstanceUid,
        transfer_syntaxes: Sequence[tuple[TransferSyntaxUid, float]],
    ) -> AsyncIterator[InstanceStream]:
        del peer, access_token, kos_sop_instance_uid, transfer_syntaxes
        async for instance in self.pacs.retrieve(target):
            yield instance


@dataclass
class Sites:
    """A Source that works, one whose PACS fails, and a Consommatrice that gets wrong images.

    busy answers nobody any more: it has had its one request of this minute.
    """

    working: DicomwebSite
    broken: DicomwebSite
    consumer: TestClient
    busy: TestClient
    pacs: BrokenPacs = field(default_factory=BrokenPacs)


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    folder = tmp_path_factory.mktemp("published")
    (folder / "working").mkdir()
    (folder / "broken").mkdir()
    pacs = BrokenPacs()
    document = deepcopy(KINDS["PDF"])
    document.StudyInstanceUID = DOCUMENT_STUDY
    document.SeriesInstanceUID, document.SOPInstanceUID = (
        f"{DOCUMENT_STUDY}.1",
        f"{DOCUMENT_STUDY}.2",
    )
    with (
        DicomwebSite(folder / "working") as working,
        DicomwebSite(folder / "broken", behind=pacs) as broken,
        TestClient(application := _consumer(folder)) as consumer,
        TestClient(PeerLimits(application, FakeClock(), a_minute=1, at_once=1)) as busy,
    ):
        busy.get("/")
        for image in (*KINDS.values(), document):
            working.add(image)
            broken.add(image)
        yield Sites(working, broken, published(consumer), published(busy), pacs)


def _consumer(folder: Path) -> Starlette:
    (folder / "images").mkdir()
    for number in (1, 2, 3):
        write_image(made_up_image(number), folder / "images" / f"{number}.dcm")
    site = ConsultationSite(folder)
    url = f"https://{SOURCE}/dicom-web/studies/1/series/2"
    site.dmp.hold(made_up_manifest(series=(made_up_series(2, 3, retrieve_url=url),)))
    images = RetrieveStudy(
        find_prior_studies=site.find_prior_studies,
        trusted_space=ListedBoxes(),
        peer=AnotherPatientsImages(FolderPacs(folder / "images")),
        cache=DiskImageCache(folder / "cache", max_bytes=10**8, max_age_seconds=60),
        audit=site.trail,
        accesses=RecentAccesses(site.clock),
        peer_tokens=ProfessionalsToken(),
    )

    async def authenticate(request: Request) -> Caller:
        del request
        return made_up_caller(made_up_context())

    door = DicomwebDoor(authenticate, images, FakePixelWorker(), "http://box/dicom-web")
    return Starlette(routes=dicomweb_routes(door), exception_handlers=exception_handlers())


@dataclass(frozen=True)
class Asking:
    """One operation, asked so that it answers as wanted."""

    sites: Sites
    method: str
    path: str

    @property
    def last(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def is_search(self) -> bool:
        return self.last in {"studies", "series", "instances"}

    @property
    def accept(self) -> str:
        return ANY_PARTS if self.last in {"bulkdata", "pixeldata"} else "*/*"

    def kind(self, status: int) -> str:
        """Return of which object is spoken: of a PDF where ranges are, else of an image."""
        if "bulkdata" in self.path or (status in {206, 416} and "rendered" in self.path):
            return "PDF"
        return "explicit"

    def address(self, status: int) -> str:
        """Return what is asked, below /dicom-web."""
        image = KINDS[self.kind(status)]
        uids = [image.StudyInstanceUID, image.SeriesInstanceUID, image.SOPInstanceUID]
        if self.kind(status) == "PDF" and "rendered" in self.path:
            uids = [DOCUMENT_STUDY, f"{DOCUMENT_STUDY}.1", f"{DOCUMENT_STUDY}.2"]
        if status == OTHER_PATIENT:
            uids = [STUDY, f"{STUDY}.2", f"{STUDY}.2.1"]
        if status == 404:
            uids[0] = "1.2.3.4"
        address = self.path.removeprefix("/dicom-web")
        for name, value in zip(("{study}", "{series}", "{instance}"), uids, strict=True):
            address = address.replace(name, value)
        address = address.replace("{frames}", "1").replace("{path}", "00420011")
        if self.last == "wado":
            names = ("requestType", "studyUID", "seriesUID", "objectUID")
            return f"{address}?{urlencode(dict(zip(names, ('WADO', *uids), strict=True)))}"
        return address

    def ask(
        self, status: int, accept: str | None = None, query: str = "", **headers: str
    ) -> requests.Response:
        site = self.sites.broken if status in {413, 502, 503, 504} else self.sites.working
        address = self.address(status)
        address += f"{'&' if '?' in address else '?'}{query}" if query else ""
        told = {"Accept": accept or self.accept, **headers}
        answer = site.session.request(
            self.method, site.url + address, headers=told, timeout=60, allow_redirects=False
        )
        check_published(self.method, self.path, answer.status_code)
        return answer

    def again(self) -> requests.Response:
        """Ask with the ETag of an earlier answer; one made of what is still coming has none."""
        accept = "application/dicom" if self.last == "{instance}" else None
        query = "contentType=image/png" if self.last == "wado" else ""
        until = time.monotonic() + 60
        while "etag" not in (first := self.ask(304, accept, query)).headers:
            assert time.monotonic() < until, "no answer has an ETag"
            time.sleep(0.1)
        return self.ask(304, accept, query, **{"If-None-Match": first.headers["etag"]})

    def in_range(self, status: int, wanted: str) -> requests.Response:
        accept = "application/dicom" if self.last == "{instance}" else None
        query = "contentType=application/dicom" if self.last == "wado" else ""
        return self.ask(status, accept, query, Range=wanted)

    def of_broken_pacs(self, status: int, failure: DrimboxError | None) -> requests.Response:
        """Ask for what no manifest tells, so that the PACS is needed."""
        self.sites.pacs.failure = failure
        told = {"0020000D": {"vr": "UI", "Value": [KINDS_STUDY]}}
        self.sites.pacs.found = (told,) * (MAX_CANDIDATES + 1)
        return self.ask(status, query="PatientComments=x" if self.is_search else "")

    def of_no_context(self) -> requests.Response:
        """Ask in a context that is over, or was never that of this session."""
        return self.ask(404, **{CONTEXT_HEADER: "x" * 43})

    def of_busy_box(self) -> int:
        address = f"/dicom-web{self.address(TOO_MANY)}"
        answer = self.sites.busy.request(self.method, address, headers={"Accept": self.accept})
        assert int(answer.headers["retry-after"]) > 0
        return answer.status_code

    def of_another_patient(self) -> int:
        address = f"/dicom-web{self.address(OTHER_PATIENT)}"
        answer = self.sites.consumer.get(address, headers={"Accept": self.accept})
        return answer.status_code


CAUSES: Mapping[int, Callable[[Asking], requests.Response]] = {
    200: lambda asking: asking.ask(200),
    204: lambda asking: asking.ask(204, "application/dicom+xml", query="StudyDate=19010101"),
    206: lambda asking: asking.in_range(206, "bytes=0-1"),
    304: lambda asking: asking.again(),
    400: lambda asking: asking.ask(400, "no media type"),
    401: lambda asking: asking.ask(401, Authorization="Bearer unknown"),
    403: lambda asking: asking.ask(403, Authorization=WITHOUT_SCOPES),
    404: lambda asking: asking.of_no_context() if asking.is_search else asking.ask(404),
    406: lambda asking: asking.ask(406, "audio/basic", query="contentType=audio/basic"),
    413: lambda asking: asking.of_broken_pacs(413, None),
    416: lambda asking: asking.in_range(416, "bytes=99999999-"),
    502: lambda asking: asking.of_broken_pacs(502, RejectedByPartner("PACS", "A900")),
    503: lambda asking: asking.of_broken_pacs(503, Unavailable("PACS")),
    504: lambda asking: asking.of_broken_pacs(504, TimedOut("PACS", 30)),
}


@pytest.mark.parametrize(("method", "path", "status"), ROWS)
def test_each_published_answer_can_be_given(
    sites: Sites, method: str, path: str, status: int
) -> None:
    asking = Asking(sites, method, path)
    if status in {OTHER_PATIENT, TOO_MANY}:
        ask = asking.of_busy_box if status == TOO_MANY else asking.of_another_patient
        assert ask() == status
        return
    answer = CAUSES[status](asking)
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert answer.json()["status"] == status
    if status in {503, 504}:
        assert int(answer.headers["retry-after"]) > 0
