"""What each error means at the DICOMweb doors: a status of PS3.18 and a JSON message."""

import orjson
import pytest
from starlette.requests import Request

from drimbox.entrypoints.http.dicomweb_answers import error_response
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
