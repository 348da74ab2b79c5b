"""A DICOMweb PACS as it may be: hierarchical only, paging, redirecting, huge, cut off, away."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from tests.fakes.dicom_objects import STUDY, MadeUpStudy
from tests.fakes.dicomweb_service import DicomwebService

from drimbox.adapters.pacs_dicomweb.pacs import DicomwebPacs
from drimbox.errors import (
    DrimboxError,
    NotAcceptable,
    NotFound,
    RejectedByPartner,
    TimedOut,
    TooLarge,
    Unavailable,
)
from drimbox.model.retrieval import DicomQuery, QueryLevel, TargetResource
from drimbox.model.uids import SeriesInstanceUid, StudyInstanceUid, TransferSyntaxUid
from drimbox.ports.circuit_breaker import FAILURES
from drimbox.settings.partners import DicomwebServiceSettings
from drimbox.standards.dicom.transfer_syntaxes import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    JPEG_2000_LOSSLESS,
    JPEG_BASELINE,
)

pytestmark = pytest.mark.anyio
WHOLE = TargetResource(StudyInstanceUid(STUDY))
CT_SERIES = TargetResource(StudyInstanceUid(STUDY), SeriesInstanceUid(f"{STUDY}.1"))
MIXED_SERIES = TargetResource(StudyInstanceUid(STUDY), SeriesInstanceUid(f"{STUDY}.2"))


@asynccontextmanager
async def pacs_of(service: DicomwebService, **changes: object) -> AsyncIterator[DicomwebPacs]:
    values = {"idle_timeout_seconds": 30, **changes}
    async with service.running():
        pacs = DicomwebPacs(DicomwebServiceSettings(url=service.url, **values))  # type: ignore[arg-type]
        yield pacs
        await pacs.close()


@pytest.fixture
def service() -> DicomwebService:
    return DicomwebService(MadeUpStudy().objects)


async def octets_of(
    pacs: DicomwebPacs, target: TargetResource, *syntaxes: TransferSyntaxUid
) -> dict[str, bytes]:
    return {
        str(one.sop_instance_uid): b"".join([chunk async for chunk in one.chunks])
        async for one in pacs.retrieve(target, syntaxes)
    }


async def test_a_search_skips_levels_where_the_pacs_allows_it(service: DicomwebService) -> None:
    query = DicomQuery(QueryLevel.SERIES, {"00080060": "CT"}, ("00081030",))
    async with pacs_of(service) as pacs:
        rows = await pacs.find(query)
    assert [row["0020000E"]["Value"] for row in rows] == [[f"{STUDY}.1"], [f"{STUDY}.2"]]
    assert rows[0]["00081030"]["Value"] == ["Scanner thoracique"]
    assert len(service.requests) == 1


async def test_a_pacs_without_relational_searches_is_walked_from_then_on(
    service: DicomwebService,
) -> None:
    service.is_relational = False
    query = DicomQuery(QueryLevel.IMAGE, {"00080060": "CT", "00100020": "IPP50"}, ("00080016",))
    async with pacs_of(service) as pacs:
        first = await pacs.find(query)
        asked = len(service.requests)
        assert await pacs.find(query) == first
    assert len(first) == 7
    assert len(service.requests) == 2 * asked - 1
    assert "/studies?" in service.requests[1]


@pytest.mark.parametrize("is_relational", [True, False])
async def test_an_attribute_of_the_study_is_asked_for_with_its_series(
    service: DicomwebService, is_relational: bool
) -> None:
    service.is_relational = is_relational
    query = DicomQuery(QueryLevel.SERIES, {"0020000D": STUDY}, ("00100010",))
    async with pacs_of(service) as pacs:
        rows = await pacs.find(query)
    assert {row["00100010"]["Value"][0]["Alphabetic"] for row in rows} == {"PÂQUERETTE^ZOÉ"}  # type: ignore[index]
    assert all("00081190" not in row for row in rows), "an address of the PACS"


async def test_below_a_study_that_it_does_not_hold_nothing_is_found(
    service: DicomwebService,
) -> None:
    service.answer = lambda _: web.Response(status=404)
    async with pacs_of(service) as pacs:
        assert await pacs.find(DicomQuery(QueryLevel.SERIES, {"0020000D": "1.2.3"})) == ()


async def test_pages_are_followed_to_the_last(service: DicomwebService) -> None:
    service.page_size = 3
    async with pacs_of(service) as pacs:
        study = await pacs.find_study(StudyInstanceUid(STUDY))
        some = await pacs.find(DicomQuery(QueryLevel.IMAGE, {"0020000D": STUDY}, limit=4))
    assert study.instance_count == 8
    assert len(some) == 4


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RejectedByPartner),
        (401, RejectedByPartner),
        (404, NotFound),
        (413, TooLarge),
        (429, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
    ],
)
async def test_a_status_has_its_meaning(
    service: DicomwebService, status: int, error: type[DrimboxError]
) -> None:
    service.answer = lambda _: web.Response(status=status)
    async with pacs_of(service) as pacs:
        with pytest.raises(error):
            await pacs.find(DicomQuery(QueryLevel.STUDY, {"00100020": "IPP50"}))
        with pytest.raises(error):
            await octets_of(pacs, WHOLE)


async def test_a_redirection_is_followed_nowhere(service: DicomwebService) -> None:
    """Threat S3: the PACS, or who answers for it, does not send us elsewhere."""
    service.answer = lambda _: web.Response(
        status=302, headers={"Location": f"{service.url}/elsewhere"}
    )
    async with pacs_of(service) as pacs:
        with pytest.raises(RejectedByPartner, match="redirects"):
            await pacs.find_study(StudyInstanceUid(STUDY))
        with pytest.raises(RejectedByPartner, match="redirects"):
            await octets_of(pacs, WHOLE)
    assert not [path for path in service.requests if "elsewhere" in path]


async def test_an_answer_without_end_is_cut_short(service: DicomwebService) -> None:
    async with pacs_of(service, max_search_bytes=1000) as pacs:
        with pytest.raises(TooLarge):
            await pacs.find(DicomQuery(QueryLevel.IMAGE, {"0020000D": STUDY}))


@pytest.mark.parametrize("body", [b"<html>", b'{"a": 1', b'["text"]', b'[{"00080018": 5}]'])
async def test_an_answer_that_is_no_dicom_json_is_no_answer(
    service: DicomwebService, body: bytes
) -> None:
    service.answer = lambda _: web.Response(body=body, content_type="application/dicom+json")
    async with pacs_of(service) as pacs:
        with pytest.raises(Unavailable):
            await pacs.find_study(StudyInstanceUid(STUDY))


async def test_no_proxy_of_the_environment_is_used(
    service: DicomwebService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threat S5."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with pacs_of(service) as pacs:
        await pacs.echo()
        assert len(await octets_of(pacs, WHOLE)) == 8


async def test_no_address_and_so_no_patient_reaches_a_log(
    service: DicomwebService, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with pacs_of(service) as pacs:
        await pacs.find(DicomQuery(QueryLevel.STUDY, {"00100020": "IPP50"}))
    logged = [r.getMessage() for r in caplog.records if not r.name.startswith("aiohttp.access")]
    assert not [one for one in logged if "IPP50" in one]


async def test_a_pacs_that_keeps_failing_is_left_alone(service: DicomwebService) -> None:
    service.answer = lambda _: web.Response(status=503)
    async with pacs_of(service) as pacs:
        for _ in range(FAILURES + 3):
            with pytest.raises(Unavailable):
                await pacs.find(DicomQuery(QueryLevel.STUDY, {}))
    assert len(service.requests) == FAILURES


# Retrieval


async def test_a_cut_stream_is_no_end(service: DicomwebService) -> None:
    service.cut_after = 6000
    seen = []
    async with pacs_of(service) as pacs:
        with pytest.raises(Unavailable):  # noqa: PT012
            async for instance in pacs.retrieve(WHOLE):
                seen.append(instance.sop_instance_uid)
                async for _ in instance.chunks:
                    pass
    assert 0 < len(seen) < 8


async def test_a_silent_pacs_is_given_up(service: DicomwebService) -> None:
    service.stall = asyncio.Event()
    async with pacs_of(service, idle_timeout_seconds=0.3) as pacs:
        with pytest.raises(TimedOut):
            await octets_of(pacs, WHOLE)


async def test_a_consumer_that_leaves_ends_the_transfer(service: DicomwebService) -> None:
    """Nothing else would end it in this time."""
    service.stall = asyncio.Event()
    async with pacs_of(service, idle_timeout_seconds=300) as pacs:
        instances = pacs.retrieve(WHOLE)
        await anext(instances)
        await instances.aclose()
        async with asyncio.timeout(30):
            await service.released.wait()


async def test_what_the_caller_takes_is_asked_for_where_the_stored_syntax_is_another(
    service: DicomwebService,
) -> None:
    async with pacs_of(service) as pacs:
        assert len(await octets_of(pacs, CT_SERIES, EXPLICIT_VR_LITTLE_ENDIAN)) == 5
        assert len(service.accepts) == 1, "the stored one is good"
        with pytest.raises(NotAcceptable):
            await octets_of(pacs, CT_SERIES, JPEG_2000_LOSSLESS)
        with pytest.raises(NotAcceptable):
            await octets_of(pacs, MIXED_SERIES, JPEG_BASELINE)
    assert service.accepts[-1].endswith(f"transfer-syntax={JPEG_BASELINE}")


async def test_a_study_of_several_syntaxes_comes_series_by_series(
    service: DicomwebService,
) -> None:
    async with pacs_of(service) as pacs:
        octets = await octets_of(pacs, WHOLE, EXPLICIT_VR_LITTLE_ENDIAN, JPEG_BASELINE)
    assert octets == MadeUpStudy().octets


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda _: web.Response(status=204), id="no content"),
        pytest.param(
            lambda _: web.Response(
                body=b"--B--\r\n", headers={"Content-Type": "multipart/related; boundary=B"}
            ),
            id="no part",
        ),
    ],
)
async def test_an_empty_answer_is_not_found(service: DicomwebService, answer: object) -> None:
    service.answer = answer  # type: ignore[assignment]
    async with pacs_of(service) as pacs:
        with pytest.raises(NotFound):
            await octets_of(pacs, WHOLE)
