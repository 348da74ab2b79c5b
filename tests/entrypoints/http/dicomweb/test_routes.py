"""The DICOMweb door of a Source, over real HTTP, judged by an independent client and pydicom."""

import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import httpx2
import imagecodecs
import numpy as np
import pytest
import requests
from dicomweb_client import DICOMwebClient
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.uid import (
    JPEG2000,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
from starlette.applications import Starlette
from starlette.requests import Request
from tests.fakes.dicom_files import (
    COLUMNS,
    OTHER_STUDY_UID,
    ROWS,
    STUDY_UID,
    made_up_image,
    pixels,
    write_image,
)
from tests.fakes.fake_audit_repository import FakeAuditRepository
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_study_register import FakeStudyRegister
from tests.fakes.folder_pacs import FolderPacs
from tests.fakes.manifests import made_up_ins
from tests.fakes.publications import made_up_publication

from drimbox.adapters.image_cache_disk.cache import DiskImageCache
from drimbox.adapters.pixel_worker_process.pool import PixelWorkerPool
from drimbox.entrypoints.http.dicomweb.routes import DicomwebDoor, dicomweb_routes
from drimbox.entrypoints.http.error_doors import exception_handlers
from drimbox.entrypoints.http.listener import HttpListener
from drimbox.errors import NotAuthenticated, Unavailable
from drimbox.flows.recent_accesses import RecentAccesses
from drimbox.flows.source.published_manifests import PublishedManifests
from drimbox.flows.source.search_published import SearchPublished
from drimbox.flows.source.serve_study import ServeStudy
from drimbox.flows.source.source_images import SourceImages
from drimbox.model.access import Caller, CallerKind, Peer
from drimbox.model.audit import AuditAction
from drimbox.model.publication import PublicationState
from drimbox.sandbox.patients.professionals import REFERRING_PHYSICIAN

pytestmark = pytest.mark.anyio
SERIES_UID = f"{STUDY_UID}.2"
ANY_SYNTAX = 'multipart/related; type="application/dicom"; transfer-syntax=*'
PEER = Peer("2", "db2.test.mesimagesmedicales.fr", "vi2.test", "Clinique", "CN=db2")


@dataclass
class Source:
    """One Source's images behind real HTTP; callers say who they are by a word."""

    url: str
    pacs: FolderPacs
    audit: FakeAuditRepository
    folder: Path

    def client(self) -> DICOMwebClient:
        session = requests.Session()
        session.headers["Authorization"] = "Bearer system"
        session.trust_env = False
        return DICOMwebClient(self.url, session=session)

    async def get(self, path: str, who: str = "system", **headers: str) -> httpx2.Response:
        async with httpx2.AsyncClient(trust_env=False, timeout=60) as client:
            if who:
                headers["Authorization"] = f"Bearer {who}"
            return await client.get(self.url + path, headers=headers)


async def authenticate(request: Request) -> Caller:
    """Stand for bearer.py, which has tests of its own."""
    who = request.headers.get("authorization", "").removeprefix("Bearer ")
    professional = REFERRING_PHYSICIAN.signed_in(FakeClock().now())
    callers = {
        "system": Caller(CallerKind.SYSTEM, "fhir", frozenset({"system/*.rs"})),
        "unscoped": Caller(CallerKind.SYSTEM, "fhir", frozenset({"system/Patient.rs"})),
        "peer": Caller(CallerKind.PEER, "8997", professional=professional, peer=PEER),
        "secretary": Caller(
            CallerKind.PEER,
            "8998",
            professional=replace(professional, profession_code="331"),
            peer=PEER,
        ),
    }
    if who not in callers:
        raise NotAuthenticated("no bearer token")
    return callers[who]


@pytest.fixture
async def source(tmp_path: Path) -> AsyncIterator[Source]:
    folder = tmp_path / "pacs"
    folder.mkdir()
    for number in (1, 2, 3):
        write_image(made_up_image(number), folder / f"{number}.dcm")
    write_image(made_up_image(1, study=OTHER_STUDY_UID), folder / "other.dcm")
    register = FakeStudyRegister()
    publication = replace(made_up_publication().publication, state=PublicationState.PUBLISHED)
    register.publications.append(publication)
    pacs, audit = FolderPacs(folder), FakeAuditRepository()
    cache = DiskImageCache(tmp_path / "cache", max_bytes=10**8, max_age_seconds=60)
    pixel_workers = PixelWorkerPool(workers=1, deadline_seconds=20)
    clock = FakeClock()
    find_published = SearchPublished(register, PublishedManifests(register), pacs)
    serve = ServeStudy(
        register,
        SourceImages(pacs, cache),
        audit,
        clock,
        frozenset({"10"}),
        find_published,
        RecentAccesses(clock),
    )
    listener: HttpListener | None = None
    door = DicomwebDoor(authenticate, serve, pixel_workers, "http://box/dicom-web")
    app = Starlette(
        routes=dicomweb_routes(door),
        exception_handlers=exception_handlers(),
    )
    listener = HttpListener(app, "127.0.0.1", 0)
    await listener.start()
    yield Source(f"http://127.0.0.1:{listener.port}/dicom-web", pacs, audit, folder)
    await listener.stop()
    await cache.stop()
    await pixel_workers.stop()


def kos() -> str:
    return str(made_up_publication().publication.kos_sop_instance_uid)


async def retrieved(source: Source) -> list[Dataset]:
    client = source.client()
    found = await anyio.to_thread.run_sync(lambda: client.retrieve_study(STUDY_UID))
    return sorted(found, key=lambda image: int(image.InstanceNumber))


@pytest.mark.requirement("SO.32")
@pytest.mark.requirement("FA.3")
async def test_an_independent_client_retrieves_the_study_pixel_identical(source: Source) -> None:
    images = await retrieved(source)
    assert [i.SOPInstanceUID for i in images] == [f"{SERIES_UID}.{n}" for n in (1, 2, 3)]
    for image in images:
        assert image.PixelData == pixels(image.InstanceNumber).tobytes()


@pytest.mark.requirement("SO.39")
async def test_images_leave_with_the_ins_among_other_patient_ids(source: Source) -> None:
    for image in await retrieved(source):
        assert image.PatientID == "IPP0001"
        former, added = image.OtherPatientIDsSequence
        assert former.PatientID == "OLD-7"
        assert added.PatientID == made_up_ins().value
        assert added.IssuerOfPatientIDQualifiersSequence[0].UniversalEntityID == (
            made_up_ins().authority.value
        )


@pytest.mark.requirement("SO.41")
async def test_implicit_vr_leaves_as_explicit_vr(source: Source) -> None:
    write_image(made_up_image(1), source.folder / "1.dcm", ImplicitVRLittleEndian)
    image = (await retrieved(source))[0]
    assert image.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert image.PixelData == pixels(1).tobytes()
    assert str(image.PatientName) == "PÂQUERETTE^ZOÉ"


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless, RLELossless])
async def test_as_stored_gives_the_stored_syntax(source: Source, syntax: str) -> None:
    path = write_image(made_up_image(1), source.folder / "1.dcm", syntax)
    answer = await source.get(
        f"/studies/{STUDY_UID}/series/{SERIES_UID}/instances/{SERIES_UID}.1",
        Accept="application/dicom; transfer-syntax=*",
    )
    image = dcmread(io.BytesIO(answer.content))
    assert image.file_meta.TransferSyntaxUID == syntax
    assert image.PixelData == dcmread(path).PixelData


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless, RLELossless])
async def test_a_compressed_image_is_decoded_for_who_accepts_explicit_vr_only(
    source: Source, syntax: str
) -> None:
    write_image(made_up_image(1), source.folder / "1.dcm", syntax)
    answer = await source.get(
        f"/studies/{STUDY_UID}/series/{SERIES_UID}/instances/{SERIES_UID}.1",
        Accept="application/dicom",
    )
    image = dcmread(io.BytesIO(answer.content))
    assert image.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert image.PixelData == pixels(1).tobytes()


@pytest.mark.requirement("SO.85 / CS.83")
async def test_lossless_jpeg_2000_is_sent_under_the_syntax_that_boxes_name(source: Source) -> None:
    """The ten syntaxes between boxes hold JPEG 2000 as ...4.91 only; the octets are the same."""
    path = write_image(made_up_image(1), source.folder / "1.dcm", JPEG2000Lossless)
    answer = await source.get(
        f"/studies/{STUDY_UID}/series/{SERIES_UID}/instances/{SERIES_UID}.1",
        Accept="application/dicom; transfer-syntax=1.2.840.10008.1.2.4.91",
    )
    image = dcmread(io.BytesIO(answer.content))
    assert image.file_meta.TransferSyntaxUID == JPEG2000
    assert image.PixelData == dcmread(path).PixelData


async def test_metadata_equal_what_pydicom_reads(source: Source) -> None:
    client = source.client()
    found = await anyio.to_thread.run_sync(
        lambda: client.retrieve_instance_metadata(STUDY_UID, SERIES_UID, f"{SERIES_UID}.2")
    )
    stored = dcmread(source.folder / "2.dcm").to_json_dict(
        bulk_data_threshold=1024, bulk_data_element_handler=lambda _: "bulk"
    )
    ours = dict(found)
    for bulk in ("7FE00010", "00091001"):
        assert ours[bulk].pop("BulkDataURI")
        stored[bulk].pop("BulkDataURI")
    del ours["00101002"], stored["00101002"]
    assert ours.pop("00083002")["Value"] == [ExplicitVRLittleEndian]
    assert ours == stored


async def test_bulk_data_is_found_at_its_uri(source: Source) -> None:
    instance = f"/studies/{STUDY_UID}/series/{SERIES_UID}/instances/{SERIES_UID}.1"
    answer = await source.get(f"{instance}/bulkdata/00091001", Accept="*/*")
    assert answer.content == bytes(range(256)) * 8
    answer = await source.get(f"{instance}/bulkdata/7FE00010", Accept="*/*")
    assert answer.content == pixels(1).tobytes()
    assert (await source.get(f"{instance}/bulkdata/00091099", Accept="*/*")).status_code == 404


async def frames_of(source: Source, *media_types: str) -> list[bytes]:
    client = source.client()
    found = await anyio.to_thread.run_sync(
        lambda: client.retrieve_instance_frames(
            STUDY_UID, SERIES_UID, f"{SERIES_UID}.1", [1], media_types=media_types or None
        )
    )
    return [bytes(frame) for frame in found]


async def test_frames_are_the_pixels_of_the_instance(source: Source) -> None:
    assert await frames_of(source) == [pixels(1).tobytes()]


async def test_compressed_frames_come_as_stored_or_decoded(source: Source) -> None:
    write_image(made_up_image(1), source.folder / "1.dcm", JPEGLSLossless)
    (stored,) = await frames_of(source, "image/jls")
    assert (imagecodecs.jpegls_decode(stored.rstrip(b"\0")) == pixels(1)).all()
    assert await frames_of(source, "application/octet-stream") == [pixels(1).tobytes()]


async def test_one_retrieval_from_the_pacs_serves_all_frames_of_a_series(source: Source) -> None:
    for number in (1, 2, 3):
        path = f"/studies/{STUDY_UID}/series/{SERIES_UID}/instances/{SERIES_UID}.{number}/frames/1"
        assert (await source.get(path)).status_code == 200
    assert source.pacs.retrievals == 1


async def test_a_rendered_frame_is_a_picture_of_its_window(source: Source) -> None:
    path = f"/studies/{STUDY_UID}/series/{SERIES_UID}/instances/{SERIES_UID}.1/rendered"
    answer = await source.get(f"{path}?window=2048,1", Accept="image/png")
    drawn = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert drawn.shape == (ROWS, COLUMNS)
    assert ((drawn == 255) == (pixels(1) > 2047)).all()


@pytest.mark.requirement("SO.37 / SO.38")
async def test_only_studies_with_a_kos_are_found(source: Source) -> None:
    client = source.client()
    found = await anyio.to_thread.run_sync(client.search_for_studies)
    assert [s["0020000D"]["Value"] for s in found] == [[STUDY_UID]]
    assert found[0]["00081190"]["Value"] == [f"http://box/dicom-web/studies/{STUDY_UID}"]
    assert (await source.get(f"/studies/{OTHER_STUDY_UID}")).status_code == 404


async def test_a_page_of_instances_says_that_there_are_more(source: Source) -> None:
    answer = await source.get(f"/studies/{STUDY_UID}/instances?limit=1&offset=1")
    assert len(answer.json()) == 1
    assert answer.headers["warning"] == (
        '299 drimbox "There are 2 additional results that can be requested"'
    )


@pytest.mark.parametrize(
    ("who", "headers", "path", "status"),
    [
        pytest.param("", {}, "", 401, id="no token"),
        pytest.param("unscoped", {}, "", 403, id="a token for something else"),
        pytest.param("secretary", {"KOS-SOPInstanceUID": "x"}, "", 403, id="profession"),
        pytest.param("peer", {}, "", 400, id="a peer that names no KOS"),
        pytest.param("peer", {"KOS-SOPInstanceUID": "2.25.9"}, "", 404, id="another KOS"),
        pytest.param("peer", {"KOS-SOPInstanceUID": "x"}, "", 404, id="what is no KOS"),
        pytest.param("system", {}, "/series/1.2.3", 404, id="a series of another study"),
        pytest.param("system", {}, "/series/..%2f..%2fetc", 404, id="a path"),
        pytest.param("system", {}, "/series/0.01", 400, id="what is no UID"),
        pytest.param("system", {"Accept": "image/jpeg"}, "", 406, id="nothing acceptable"),
        pytest.param("system", {"Accept": "x"}, "", 400, id="an Accept that is none"),
    ],
)
@pytest.mark.requirement("SO.34")
async def test_each_refusal_has_its_status_and_its_trace(
    source: Source, who: str, headers: dict[str, str], path: str, status: int
) -> None:
    answer = await source.get(f"/studies/{STUDY_UID}{path}", who, **headers)
    assert answer.status_code == status
    assert answer.json()["status"] == status
    assert source.pacs.retrievals == 0


@pytest.mark.requirement("SO.46 / SO.47")
async def test_an_access_and_a_refusal_are_both_recorded(source: Source) -> None:
    headers = {"KOS-SOPInstanceUID": kos(), "Accept": ANY_SYNTAX}
    answer = await source.get(f"/studies/{STUDY_UID}/series/{SERIES_UID}", "peer", **headers)
    assert answer.status_code == 200
    await source.get(f"/studies/{OTHER_STUDY_UID}", "peer", **headers)
    served, refused = source.audit.events
    assert served.action is AuditAction.IMAGES_SERVED
    assert served.user == "8997"
    assert served.document_unique_id == kos()
    assert refused.action is AuditAction.ACCESS_REFUSED
    assert refused.study_instance_uid == OTHER_STUDY_UID


async def test_a_pacs_that_is_away_is_503_with_retry_after(source: Source) -> None:
    source.pacs.failure = Unavailable("PACS")
    answer = await source.get(f"/studies/{STUDY_UID}")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert answer.json() == {"status": 503, "message": "PACS does not answer"}


async def test_a_pacs_that_stops_in_the_middle_leaves_a_message_without_its_end(
    source: Source,
) -> None:
    source.pacs.failure, source.pacs.fails_after = Unavailable("PACS"), 2
    with pytest.raises(httpx2.RemoteProtocolError):
        await source.get(f"/studies/{STUDY_UID}", Accept=ANY_SYNTAX)


async def test_an_audit_trail_that_is_away_stops_the_access(source: Source) -> None:
    source.audit.is_away = True
    assert (await source.get(f"/studies/{STUDY_UID}")).status_code == 503
    assert source.pacs.retrievals == 0


@pytest.mark.requirement("SO.103")
async def test_capabilities_need_no_token(source: Source) -> None:
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as client:
        assert (await client.options(source.url + "/")).status_code == 200
        assert (await client.get(source.url)).json()["service"] == "DICOMweb"
