"""What each error means at the DICOMweb doors: a status of PS3.18 and a JSON message."""

import orjson
import pytest
from starlette.requests import Request
from tests.fakes.dicom_kinds import instance_path, series_path
from tests.fakes.dicomweb_site import DicomwebSite

from drimbox.entrypoints.http.dicomweb.answers import error_response
from drimbox.errors import (
    Conflict,
    ConsentMissing,
    DrimboxError,
    InvalidValue,
    MalformedMessage,
    Mismatch,
    NotAcceptable,
    NotAuthenticated,
    NotFound,
    Refused,
    RejectedByPartner,
    TimedOut,
    TooLarge,
    Unavailable,
)
from drimbox.standards.dicomweb.validators import RangeNotSatisfiable

REQUEST = Request({"type": "http", "method": "GET", "path": "/dicom-web/studies", "headers": []})


@pytest.mark.parametrize(
    ("error", "status", "headers"),
    [
        pytest.param(InvalidValue("limit", "a number"), 400, {}, id="what is not understood"),
        pytest.param(
            NotAuthenticated("no token"),
            401,
            {"www-authenticate": 'Bearer realm="drimbox"'},
            id="-",
        ),
        pytest.param(
            NotAuthenticated("expired", error="invalid_token"),
            401,
            {"www-authenticate": 'Bearer realm="drimbox", error="invalid_token"'},
            id="a token that does not hold",
        ),
        pytest.param(Refused("profession"), 403, {}, id="no right"),
        pytest.param(ConsentMissing("opposed"), 403, {}, id="no consent"),
        pytest.param(NotFound("no such study"), 404, {}, id="nothing there"),
        pytest.param(NotAcceptable("no media type"), 406, {}, id="nothing acceptable"),
        pytest.param(Mismatch("another patient"), 409, {}, id="another patient's image"),
        pytest.param(Conflict("moved on"), 409, {}, id="moved on"),
        pytest.param(TooLarge("narrow the search"), 413, {}, id="too many matches"),
        pytest.param(
            RangeNotSatisfiable(10), 416, {"content-range": "bytes */10"}, id="a range behind it"
        ),
        pytest.param(MalformedMessage("not a data set"), 502, {}, id="a broken object of a PACS"),
        pytest.param(RejectedByPartner("PACS", "A900"), 502, {}, id="a PACS that refuses"),
        pytest.param(Unavailable("PACS"), 503, {"retry-after": "10"}, id="a PACS that is away"),
        pytest.param(TimedOut("PACS", 30), 504, {"retry-after": "10"}, id="a PACS that is slow"),
        pytest.param(DrimboxError("unknown"), 500, {}, id="anything else"),
    ],
)
def test_each_error_has_its_status(
    error: DrimboxError, status: int, headers: dict[str, str]
) -> None:
    answer = error_response(REQUEST, error)
    told = orjson.loads(answer.body)
    assert (answer.status_code, told["status"]) == (status, status)
    assert told["message"] == str(error)
    assert answer.headers["cache-control"] == "no-store"
    assert {name: answer.headers[name] for name in headers} == headers
    assert ("parameter" in told) == isinstance(error, InvalidValue)


MULTIPART = 'multipart/related; type="application/dicom"'


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        pytest.param(instance_path("explicit"), "image/jpeg", id="an instance as picture"),
        pytest.param(instance_path("explicit"), "application/dicom;q=0", id="q=0"),
        pytest.param(
            instance_path("explicit"),
            f"{MULTIPART}; transfer-syntax=1.2.840.10008.1.2.4.50",
            id="12 bits",
        ),
        pytest.param(
            instance_path("explicit"),
            f"{MULTIPART}; transfer-syntax=1.2.840.10008.1.2.5",
            id="to RLE",
        ),
        pytest.param(
            instance_path("SR"),
            f"{MULTIPART}; transfer-syntax=1.2.840.10008.1.2.4.80",
            id="a report",
        ),
        pytest.param(f"{instance_path('explicit')}/frames/1", "text/html", id="a frame as page"),
        pytest.param(
            f"{instance_path('cine')}/frames/1,2", "image/jpeg", id="two frames in one part"
        ),
        pytest.param(f"{instance_path('video')}/frames/1", "*/*", id="a frame of a video"),
        pytest.param(f"{instance_path('SR')}/frames/1", "*/*", id="a frame of a report"),
        pytest.param(f"{instance_path('explicit')}/metadata", "text/html", id="metadata as page"),
        pytest.param("/studies", "image/png", id="a search as picture"),
        pytest.param(series_path("explicit"), "application/*", id="a series in one part"),
        pytest.param(
            f"{instance_path('PDF')}/bulkdata/00420011", "image/jpeg", id="a PDF as picture"
        ),
        pytest.param(f"{instance_path('PDF')}/rendered", "image/jpeg", id="a PDF drawn"),
        pytest.param(f"{instance_path('SR')}/rendered", "image/jpeg", id="a report drawn"),
        pytest.param(f"{instance_path('video')}/rendered", "image/jpeg", id="a video drawn"),
        pytest.param(
            f"{instance_path('explicit')}/rendered", "application/pdf", id="an image as PDF"
        ),
        pytest.param(
            f"{instance_path('video')}/frames/1/rendered", "*/*", id="a frame of it drawn"
        ),
        pytest.param(f"{instance_path('PDF')}/frames/1/rendered", "*/*", id="a frame of a PDF"),
        pytest.param(
            f"{instance_path('SR')}/frames/1/rendered", "*/*", id="a drawn frame of a report"
        ),
    ],
)
def test_what_cannot_be_given_is_406(kinds_site: DicomwebSite, path: str, accept: str) -> None:
    answer = kinds_site.get(path, accept)
    assert answer.status_code == 406, answer.text
    assert answer.json()["status"] == 406
