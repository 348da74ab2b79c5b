"""Bulk data, pixel data and metadata: ranges, validators, codings, and what each error says."""

import gzip
from collections.abc import Mapping

import pytest
import requests
from lxml import etree
from tests.fakes.dicom_kinds import (
    COLUMNS,
    FRAMES,
    KINDS,
    MP4,
    PDF,
    ROWS,
    STUDY_PATH,
    grey,
    instance_path,
    series_path,
)
from tests.fakes.dicomweb_site import SYSTEM, DicomwebSite
from tests.fakes.multipart_parts import parts_of


def parts(answer: requests.Response) -> list[tuple[Mapping[str, str], bytes]]:
    return parts_of(answer.headers["content-type"], answer.content)


BULK = f"{instance_path('PDF')}/bulkdata/00420011"
WHOLE = KINDS["PDF"].EncapsulatedDocument


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        pytest.param("bytes=0-9", 0, 9, id="the first ten"),
        pytest.param("bytes=2000-", 2000, 2047, id="from there to the end"),
        pytest.param("bytes=-5", 2043, 2047, id="the last five"),
        pytest.param("bytes=2040-9999", 2040, 2047, id="more than there is"),
    ],
)
def test_a_range_of_a_value_is_given(
    kinds_site: DicomwebSite, asked: str, first: int, last: int
) -> None:
    answer = kinds_site.get(BULK, "application/octet-stream", Range=asked)
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {first}-{last}/2048"
    assert answer.headers["content-length"] == str(last - first + 1)
    assert answer.content == WHOLE[first : last + 1]


def test_a_range_behind_the_end_is_416(kinds_site: DicomwebSite) -> None:
    answer = kinds_site.get(BULK, "application/octet-stream", Range="bytes=9999-")
    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */2048"
    assert answer.json()["status"] == 416


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,4-5", "lines=1-2", "bytes=9-1", "bytes=x", "bytes=-", "nonsense"]
)
def test_a_range_that_is_not_understood_is_the_whole(kinds_site: DicomwebSite, asked: str) -> None:
    answer = kinds_site.get(BULK, "application/octet-stream", Range=asked)
    assert (answer.status_code, answer.content) == (200, WHOLE)


def test_a_range_of_what_has_changed_is_the_whole(kinds_site: DicomwebSite) -> None:
    etag = kinds_site.get(BULK, "application/octet-stream").headers["etag"]
    headers = {"Range": "bytes=0-1", "If-Range": etag}
    assert kinds_site.get(BULK, "application/octet-stream", **headers).status_code == 206
    headers["If-Range"] = '"another"'
    assert kinds_site.get(BULK, "application/octet-stream", **headers).status_code == 200


def test_a_range_of_an_instance_is_of_the_same_octets(kinds_site: DicomwebSite) -> None:
    whole = kinds_site.get(instance_path("explicit"), "application/dicom")
    headers = {"Range": "bytes=100-299", "If-Range": whole.headers["etag"]}
    part = kinds_site.get(instance_path("explicit"), "application/dicom", **headers)
    assert part.status_code == 206
    assert part.content == whole.content[100:300]
    assert part.headers["content-range"] == f"bytes 100-299/{len(whole.content)}"
    assert whole.headers["content-disposition"] == "attachment"


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        pytest.param(BULK, "application/octet-stream", id="bulk data"),
        pytest.param(BULK, 'multipart/related; type="application/pdf"', id="as a part"),
        pytest.param(instance_path("explicit"), "application/dicom", id="an instance"),
        pytest.param(
            instance_path("explicit"), 'multipart/related; type="application/dicom"', id="part"
        ),
        pytest.param(f"{instance_path('cine')}/frames/2", "image/jpeg", id="a frame"),
        pytest.param(f"{instance_path('cine')}/frames/2,3", "*/*", id="frames"),
        pytest.param(f"{instance_path('cine')}/rendered", "image/jpeg", id="a picture"),
        pytest.param(f"{instance_path('cine')}/thumbnail", "image/png", id="a thumbnail"),
        pytest.param(f"{instance_path('SR')}/rendered", "text/html", id="a report"),
        pytest.param(f"{instance_path('PDF')}/rendered", "application/pdf", id="a document"),
    ],
)
def test_what_the_caller_has_is_not_sent_again(
    kinds_site: DicomwebSite, path: str, accept: str
) -> None:
    first = kinds_site.get(path, accept)
    etag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    again = kinds_site.get(path, accept, **{"If-None-Match": f'"other", {etag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == etag
    assert kinds_site.get(path, accept, **{"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        pytest.param(f"{instance_path('cine')}/rendered", "image/jpeg", id="a picture"),
        pytest.param(f"{instance_path('cine')}/thumbnail", "image/png", id="a thumbnail"),
        pytest.param(f"{series_path('cine')}/rendered", "image/png", id="of a series"),
        pytest.param(f"{instance_path('explicit')}/frames/1", "image/jls", id="a coded frame"),
    ],
)
def test_what_the_caller_has_is_not_made_again(
    kinds_site: DicomwebSite, path: str, accept: str
) -> None:
    etag = kinds_site.get(path, accept).headers["etag"]
    before = kinds_site.pixels.asked
    assert kinds_site.get(path, accept, **{"If-None-Match": etag}).status_code == 304
    assert kinds_site.pixels.asked == before


def test_whether_there_is_any_picture_is_found_out_first(kinds_site: DicomwebSite) -> None:
    condition = {"If-None-Match": "*"}
    path = f"{instance_path('cine')}/frames"
    assert kinds_site.get(f"{path}/1/rendered", "image/png", **condition).status_code == 304
    assert kinds_site.get(f"{path}/999/rendered", "image/png", **condition).status_code == 404


def test_metadata_as_xml_say_what_json_says(kinds_site: DicomwebSite) -> None:
    xml = 'multipart/related; type="application/dicom+xml"'
    ((headers, octets),) = parts(kinds_site.get(f"{instance_path('explicit')}/metadata", xml))
    assert headers["Content-Type"] == "application/dicom+xml"
    (row,) = kinds_site.get(f"{instance_path('explicit')}/metadata").json()
    model = etree.fromstring(octets)
    told = {e.get("tag"): e for e in model}
    assert set(told) == set(row)
    name = told["00100010"].findtext(".//{*}FamilyName")
    assert name == "PÂQUERETTE"


@pytest.mark.parametrize("level", [STUDY_PATH, series_path("cine"), instance_path("cine")])
def test_pixel_data_are_every_frame_of_a_compressed_image(
    kinds_site: DicomwebSite, level: str
) -> None:
    accept = 'multipart/related; type="image/jpeg", */*; q=0.1'
    found = parts(kinds_site.get(f"{level}/pixeldata", accept))
    base = f"http://box/dicom-web{instance_path('cine')}/frames/"
    of_cine = [(h, o) for h, o in found if h["Content-Location"].startswith(base)]
    assert len(of_cine) == FRAMES
    assert all(h["Content-Type"].startswith("image/jpeg") for h, _ in of_cine)


def test_pixel_data_of_a_plain_image_are_its_octets(kinds_site: DicomwebSite) -> None:
    ((headers, octets),) = parts(kinds_site.get(f"{instance_path('explicit')}/pixeldata"))
    location = headers["Content-Location"].removeprefix("http://box/dicom-web")
    assert octets == grey().tobytes()
    assert kinds_site.get(location, "application/octet-stream").content == octets


def test_pixel_data_of_a_cine_can_be_decoded_as_one(kinds_site: DicomwebSite) -> None:
    accept = 'multipart/related; type="application/octet-stream"'
    ((_, octets),) = parts(kinds_site.get(f"{instance_path('cine')}/bulkdata/7FE00010", accept))
    assert len(octets) == ROWS * COLUMNS * 3 * FRAMES


def test_pixel_data_of_a_video_are_its_stream(kinds_site: DicomwebSite) -> None:
    ((headers, octets),) = parts(kinds_site.get(f"{instance_path('video')}/pixeldata", "*/*"))
    assert headers["Content-Type"].startswith("video/mp4")
    assert octets == MP4


def test_all_bulk_data_are_what_metadata_tell_of(kinds_site: DicomwebSite) -> None:
    found = parts(kinds_site.get(f"{STUDY_PATH}/bulkdata", "*/*"))
    uris = {
        attribute["BulkDataURI"]
        for row in kinds_site.get(f"{STUDY_PATH}/metadata").json()
        for attribute in row.values()
        if "BulkDataURI" in attribute
    }
    locations = {h["Content-Location"].partition("/frames/")[0] for h, _ in found}
    assert locations == {
        u.removesuffix("/bulkdata/7FE00010") if is_compressed(u) else u for u in uris
    }


def is_compressed(uri: str) -> bool:
    image = next(i for i in KINDS.values() if f"/{i.SOPInstanceUID}/" in uri)
    syntax = image.file_meta.TransferSyntaxUID
    is_stream = syntax.startswith("1.2.840.10008.1.2.4.10")
    return syntax.is_encapsulated and not is_stream and uri.endswith("7FE00010")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param(f"{instance_path('cine')}/frames/4", 404, id="no such frame"),
        pytest.param(f"{instance_path('cine')}/frames/1,4", 404, id="one frame too far"),
        pytest.param(f"{instance_path('cine')}/frames/0", 400, id="frame 0"),
        pytest.param(f"{instance_path('cine')}/frames/1,,2", 400, id="an empty one in the list"),
        pytest.param(f"{instance_path('cine')}/frames/99999999999", 400, id="a long number"),
        pytest.param(f"{instance_path('cine')}/frames/4/rendered", 404, id="no such frame to draw"),
        pytest.param(f"{instance_path('cine')}/frames/x/thumbnail", 400, id="no number"),
        pytest.param(f"{instance_path('cine')}/bulkdata/00420011", 404, id="no such value"),
        pytest.param(f"{instance_path('cine')}/bulkdata/..%2f..%2fetc", 404, id="a path"),
        pytest.param(f"{instance_path('cine')}/bulkdata/00420011/1", 404, id="half a path"),
        pytest.param(f"{instance_path('SR')}/bulkdata/0040A730", 404, id="a sequence"),
        pytest.param(
            f"{instance_path('SR')}/bulkdata/0040A730/99/0040A160", 404, id="no such item"
        ),
        pytest.param(f"{instance_path('SR')}/pixeldata", 404, id="pixels of a report"),
        pytest.param("/studies/1.2.3", 404, id="no such study"),
        pytest.param("/studies/x/rendered", 400, id="no UID"),
        pytest.param("/nothing", 404, id="no such resource"),
    ],
)
def test_what_is_not_there_has_its_status(kinds_site: DicomwebSite, path: str, status: int) -> None:
    answer = kinds_site.get(path)
    assert answer.status_code == status
    assert answer.json()["status"] == status


def test_another_method_is_405_in_json(kinds_site: DicomwebSite) -> None:
    answer = kinds_site.session.post(
        kinds_site.url + STUDY_PATH, headers={"Authorization": SYSTEM}, timeout=60
    )
    assert answer.status_code == 405
    assert answer.json()["status"] == 405
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize("path", ["", "/", "/studies", STUDY_PATH])
def test_a_refused_method_is_told_every_other(kinds_site: DicomwebSite, path: str) -> None:
    """RFC 9110 15.5.6: Allow names the methods that the target has."""

    def ask(method: str) -> requests.Response:
        return kinds_site.session.request(
            method, kinds_site.url + path, timeout=60, allow_redirects=False
        )

    allowed = {method.strip() for method in ask("DELETE").headers["allow"].split(",")}
    for method in ("GET", "HEAD", "OPTIONS"):
        assert (ask(method).status_code != 405) == (method in allowed), method


def test_gzip_is_undone_to_the_same_octets(kinds_site: DicomwebSite) -> None:
    path = f"{kinds_site.url}{STUDY_PATH}/instances?includefield=all"
    told = {"Accept-Encoding": "gzip"}
    raw = kinds_site.session.get(path, headers=told, stream=True, timeout=60)
    assert raw.headers["content-encoding"] == "gzip"
    plain = kinds_site.session.get(path, headers={"Accept-Encoding": "identity"}, timeout=60)
    assert gzip.decompress(raw.raw.read()) == plain.content


def test_ohif_finds_a_pdf_as_bulk_data(kinds_site: DicomwebSite) -> None:
    """As recorded: .../bulkdata/00420011 with two ranges, the first of which is taken."""
    (row,) = kinds_site.get(f"{instance_path('PDF')}/metadata").json()
    uri = row["00420011"]["BulkDataURI"].removeprefix("http://box/dicom-web")
    accept = (
        'multipart/related; type="application/pdf", '
        'multipart/related; type="application/octet-stream"'
    )
    ((headers, octets),) = parts(kinds_site.get(uri, accept))
    assert headers["Content-Type"] == "application/pdf"
    assert octets.startswith(PDF)
