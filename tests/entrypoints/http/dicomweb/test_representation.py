"""Content coding and the headers of an answer, of what is on its way and of what is here."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.fakes.dicom_studies import searchable_objects
from tests.fakes.dicomweb_site import SYSTEM, DicomwebSite
from tests.fakes.multipart_parts import parts_of

from drimbox.errors import Unavailable

OBJECTS = searchable_objects()[:4]
STUDY_PATH = f"/studies/{OBJECTS[0].StudyInstanceUID}"
SERIES = OBJECTS[0].SeriesInstanceUID
OBJECT, MULTIPART = "application/dicom", 'multipart/related; type="application/dicom"'


@pytest.fixture
def site(tmp_path: Path) -> Iterator[DicomwebSite]:
    with DicomwebSite(tmp_path) as running:
        for image in OBJECTS:
            running.add(image)
        yield running


def ask(
    site: DicomwebSite, path: str, *headers: tuple[str, str], method: str = "GET"
) -> tuple[HTTPResponse, bytes]:
    address = urlsplit(site.url)
    connection = HTTPConnection(str(address.hostname), address.port, timeout=60)
    connection.putrequest(method, address.path + path, skip_accept_encoding=True)
    for name, value in (("Authorization", SYSTEM), *headers):
        connection.putheader(name, value)
    connection.endheaders()
    with closing(connection):
        response = connection.getresponse()
        return response, response.read()


@pytest.mark.parametrize("level", [STUDY_PATH, f"{STUDY_PATH}/series/{SERIES}"])
def test_xml_leaves_gzipped_and_is_not_sent_to_who_has_it(site: DicomwebSite, level: str) -> None:
    path, xml = f"{level}/metadata", ("Accept", 'multipart/related; type="application/dicom+xml"')
    cold, _ = ask(site, path, xml)
    coded, octets = ask(site, path, xml, ("Accept-Encoding", "gzip"))
    plain, expected = ask(site, path, xml)
    assert cold.headers["etag"] is None
    assert (coded.headers["content-encoding"], plain.headers["content-encoding"]) == ("gzip", None)
    told, wanted = (
        [part for _, part in parts_of(answer.headers["content-type"], content)]
        for answer, content in ((coded, gzip.decompress(octets)), (plain, expected))
    )
    assert told == wanted
    json, _ = ask(site, path)
    assert coded.headers["etag"] == plain.headers["etag"] != json.headers["etag"]
    held, nothing = ask(site, path, xml, ("If-None-Match", plain.headers["etag"]))
    assert (held.status, nothing) == (304, b"")


def test_metadata_on_their_way_leave_gzipped_too(site: DicomwebSite) -> None:
    path = f"{STUDY_PATH}/metadata"
    on_its_way, cold = ask(site, path, ("Accept-Encoding", "gzip"))
    stored, warm = ask(site, path, ("Accept-Encoding", "gzip"))
    _, plain = ask(site, path)
    assert [one.headers["content-encoding"] for one in (on_its_way, stored)] == ["gzip", "gzip"]
    assert [one.headers["etag"] is None for one in (on_its_way, stored)] == [True, False]
    assert gzip.decompress(cold) == gzip.decompress(warm) == plain


def test_who_takes_no_gzip_gets_plain_metadata_on_their_way(site: DicomwebSite) -> None:
    response, body = ask(site, f"{STUDY_PATH}/metadata", ("Accept-Encoding", "gzip;q=0, br"))
    assert response.headers["content-encoding"] is None
    assert body.startswith(b"[{")


def test_gzipped_metadata_of_a_retrieval_that_breaks_off_are_cut(site: DicomwebSite) -> None:
    """Nobody takes the part for the whole: neither transfer coding nor gzip comes to its end."""
    site.pacs.failure, site.pacs.fails_after = Unavailable("PACS"), 1
    with pytest.raises(IncompleteRead) as cut:
        ask(site, f"{STUDY_PATH}/series/{SERIES}/metadata", ("Accept-Encoding", "gzip"))
    reader = zlib.decompressobj(wbits=31)
    assert reader.decompress(cut.value.partial).startswith(b"[{")
    assert not reader.eof


def test_repeated_headers_are_one_list(site: DicomwebSite) -> None:
    told = (("Accept-Encoding", "identity"), ("Accept-Encoding", "gzip"))
    response, _ = ask(site, f"{STUDY_PATH}/instances?includefield=all", *told)
    assert response.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("accept", [OBJECT, MULTIPART])
@pytest.mark.parametrize("is_here", [False, True])
def test_head_tells_what_get_tells(site: DicomwebSite, accept: str, *, is_here: bool) -> None:
    path = site.path_of(OBJECTS[0])
    if is_here:
        ask(site, f"{STUDY_PATH}/metadata")
    told = []
    for method in ("HEAD", "GET"):
        response, body = ask(site, path, ("Accept", accept), method=method)
        assert bool(body) == (method == "GET")
        content_type = str(response.headers["content-type"]).partition("; boundary")[0]
        length = response.headers["content-length"]
        told.append((response.status, content_type, response.headers["etag"], length))
    assert told[0] == told[1]
