"""WADO-URI as dwv and older viewers write it, and the description of all resources."""

import io
import re
from urllib.parse import urlencode

import numpy as np
import pytest
from lxml import etree
from PIL import Image
from pydicom import dcmread
from starlette.applications import Starlette
from starlette.routing import Route
from tests.fakes.dicom_kinds import COLUMNS, KINDS, PDF, ROWS, coloured, grey, series_path
from tests.fakes.dicomweb_site import DicomwebSite

from drimbox.entrypoints.http.dicomweb.capabilities import capabilities

WADL = "application/vnd.sun.wadl+xml"
JPEG_LS, EXPLICIT = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.1"


def wado(kind: str, **parameters: str) -> str:
    image = KINDS[kind]
    told = {
        "requestType": "WADO",
        "studyUID": image.StudyInstanceUID,
        "seriesUID": image.SeriesInstanceUID,
        "objectUID": image.SOPInstanceUID,
    }
    return f"/wado?{urlencode(told | parameters)}"


@pytest.mark.parametrize(
    ("kind", "parameters", "syntax"),
    [
        pytest.param("explicit", {}, EXPLICIT, id="dwv"),
        pytest.param("JPEG-LS", {}, EXPLICIT, id="no syntax: decoded"),
        pytest.param("explicit", {"transferSyntax": JPEG_LS}, JPEG_LS, id="to JPEG-LS"),
        pytest.param("implicit", {"anonymize": "no", "charset": "utf-8"}, EXPLICIT, id="more said"),
    ],
)
def test_an_object_is_given(
    kinds_site: DicomwebSite, kind: str, parameters: dict[str, str], syntax: str
) -> None:
    path = wado(kind, contentType="application/dicom", **parameters)
    answer = kinds_site.get(path, "*/*")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == f"application/dicom; transfer-syntax={syntax}"
    image = dcmread(io.BytesIO(answer.content))
    assert image.SOPInstanceUID == KINDS[kind].SOPInstanceUID


@pytest.mark.parametrize(
    ("kind", "parameters", "accept", "media_type"),
    [
        pytest.param("explicit", {}, None, "image/jpeg", id="a picture of one frame"),
        pytest.param("cine", {}, "*/*", "application/dicom", id="the object of several"),
        pytest.param("SR", {}, "*/*", "application/dicom", id="the object of a report"),
        pytest.param("explicit", {}, "image/png", "image/png", id="the Accept counts"),
        pytest.param("explicit", {"contentType": "image/png"}, "*/*", "image/png", id="said"),
        pytest.param("SR", {"contentType": "text/html"}, None, "text/html", id="a page"),
        pytest.param(
            "PDF", {"contentType": "application/pdf"}, None, "application/pdf", id="a document"
        ),
        pytest.param(
            "explicit", {"contentType": "image/jp2,image/jpeg"}, None, "image/jpeg", id="a list"
        ),
    ],
)
def test_the_media_type_is_the_one_asked_for_or_that_of_the_category(
    kinds_site: DicomwebSite,
    kind: str,
    parameters: dict[str, str],
    accept: str | None,
    media_type: str,
) -> None:
    answer = kinds_site.get(wado(kind, **parameters), accept)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].partition(";")[0] == media_type
    if media_type == "application/pdf":
        assert answer.content.startswith(PDF)


def test_a_picture_is_drawn_as_asked(kinds_site: DicomwebSite) -> None:
    drawing = {"windowCenter": "2048", "windowWidth": "1", "contentType": "image/png"}
    answer = kinds_site.get(wado("explicit", region="0.5,0,1,0.5", **drawing))
    picture = np.asarray(Image.open(io.BytesIO(answer.content)))
    expected = (grey() > 2047)[: ROWS // 2, COLUMNS // 2 :]
    assert ((picture == 255) == expected).all()


def test_a_frame_and_a_size_are_taken(kinds_site: DicomwebSite) -> None:
    path = wado("cine", frameNumber="3", columns="16", contentType="image/png")
    picture = np.asarray(Image.open(io.BytesIO(kinds_site.get(path).content)))
    assert picture.shape == (12, 16, 3)
    assert np.abs(picture.astype(int) - coloured(2)[::2, ::2]).mean() < 16


def test_rows_and_columns_are_the_most_that_may_come(kinds_site: DicomwebSite) -> None:
    path = wado("cine", rows="100", columns="100", contentType="image/png")
    assert Image.open(io.BytesIO(kinds_site.get(path).content)).size == (COLUMNS, ROWS)


@pytest.mark.parametrize(
    ("changes", "name", "status"),
    [
        pytest.param({"requestType": "XYZ"}, "requestType", 400, id="another request"),
        pytest.param({"studyUID": ""}, "studyUID", 400, id="no study"),
        pytest.param({"objectUID": "../x"}, "objectUID", 400, id="a path"),
        pytest.param({"anonymize": "yes"}, "anonymize", 400, id="anonymize is not done"),
        pytest.param({"presentationUID": "1.2"}, "presentationUID", 400, id="nor presentation"),
        pytest.param({"region": "0,0,2,2"}, "region", 400, id="outside of the image"),
        pytest.param({"region": "0,0"}, "region", 400, id="half a region"),
        pytest.param(
            {"windowCenter": "1"}, "windowCenter and windowWidth", 400, id="half a window"
        ),
        pytest.param({"rows": "-1"}, "rows and columns", 400, id="a negative size"),
        pytest.param({"imageQuality": "0"}, "imageQuality", 400, id="no quality"),
        pytest.param({"frameNumber": "0"}, "frameNumber", 400, id="frame 0"),
        pytest.param({"frameNumber": "2"}, "frameNumber", 400, id="a frame too far"),
        pytest.param({"frameNumber": "1,1"}, "frameNumber", 400, id="two frames"),
        pytest.param({"contentType": "x"}, "contentType", 400, id="no media type"),
    ],
)
def test_what_is_wrong_is_named(
    kinds_site: DicomwebSite, changes: dict[str, str], name: str, status: int
) -> None:
    parameters = {"contentType": "image/png"} | changes
    answer = kinds_site.get(wado("explicit", **parameters))
    assert answer.status_code == status, answer.text
    assert answer.json()["parameter"] == name


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        pytest.param({"objectUID": "1.2.3"}, 404, id="no such object"),
        pytest.param({"contentType": "video/mp4"}, 406, id="no video"),
    ],
)
def test_what_is_not_there_has_its_status(
    kinds_site: DicomwebSite, changes: dict[str, str], status: int
) -> None:
    assert kinds_site.get(wado("explicit", **changes)).status_code == status


@pytest.mark.parametrize("content_type", ["image/jpeg", "image/png"])
def test_no_picture_is_made_of_a_video(kinds_site: DicomwebSite, content_type: str) -> None:
    assert kinds_site.get(wado("video", contentType=content_type)).status_code == 406
    assert kinds_site.get(f"{series_path('video')}/rendered", content_type).status_code == 406


@pytest.mark.requirement("SO.103")
@pytest.mark.parametrize("method", ["OPTIONS", "GET"])
@pytest.mark.parametrize("path", ["", "/"])
@pytest.mark.parametrize("accept", ["application/json", "*/*", WADL])
def test_capabilities_are_described_without_a_token(
    kinds_site: DicomwebSite, method: str, path: str, accept: str
) -> None:
    headers = {"Accept": accept, "Authorization": ""}
    answer = kinds_site.session.request(method, kinds_site.url + path, headers=headers, timeout=60)
    assert answer.status_code == 200
    expected = {one.path for one in capabilities(is_for_peers=False)}
    if accept == WADL:
        assert answer.headers["content-type"] == WADL
        root = etree.fromstring(answer.content)
        assert {e.get("path") for e in root.iter("{*}resource")} == expected
        return
    assert answer.headers["content-type"] == "application/json"
    described = answer.json()
    assert described["service"] == "DICOMweb"
    assert {one["path"] for one in described["resources"]} == expected


def test_capabilities_in_another_media_type_are_406(kinds_site: DicomwebSite) -> None:
    assert kinds_site.get("", "text/html").status_code == 406


def test_the_reference_prototype_s_place_for_it_is_kept(kinds_site: DicomwebSite) -> None:
    answer = kinds_site.session.options(
        kinds_site.url + "/studies", headers={"Accept": WADL}, timeout=60
    )
    assert answer.headers["content-type"] == WADL


def test_capabilities_are_the_routes(kinds_site: DicomwebSite) -> None:
    application: Starlette = kinds_site.application
    served = {
        re.sub(r":\w+}", "}", route.path).removeprefix("/dicom-web/")
        for route in application.routes
        if isinstance(route, Route) and "GET" in (route.methods or ())
    }
    described = {one.path for one in capabilities(is_for_peers=False)}
    assert served - {"", "/dicom-web"} == described
