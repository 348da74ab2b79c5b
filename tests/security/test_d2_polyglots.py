"""D2 (CVE-2019-11687): a program or page in the preamble of an object goes no further than here."""

from collections.abc import Iterator

import pytest
from tests.fakes.dicom_kinds import KINDS
from tests.fakes.dicomweb_site import DicomwebSite

PREAMBLES = {
    "a Windows program": b"MZ\x90\x00" + b"PE\0\0" * 30,
    "a Linux program": b"\x7fELF\x02\x01\x01" + bytes(range(120)),
    "a page": b"<html><script>alert(1)</script>",
    "a script": b"#!/bin/sh\nrm -rf /\n",
    "an archive": b"PK\x03\x04" + b"\x14\x00" * 60,
    "a TIFF": b"II*\x00\x08\x00\x00\x00",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DicomwebSite]:
    with DicomwebSite(tmp_path_factory.mktemp("polyglots")) as running:
        yield running


@pytest.mark.parametrize("name", PREAMBLES)
def test_an_object_leaves_without_what_stood_before_it(site: DicomwebSite, name: str) -> None:
    number = list(PREAMBLES).index(name)
    image = KINDS["explicit"].copy()
    image.file_meta = KINDS["explicit"].file_meta
    image.StudyInstanceUID = f"1.2.250.1.999.90.{number}"
    image.preamble = PREAMBLES[name][:128].ljust(128, b"\0")
    before = set(site.pacs.folder.iterdir())
    path = site.add(image)
    [stored] = set(site.pacs.folder.iterdir()) - before
    assert stored.read_bytes().startswith(image.preamble)
    for accept in (
        "application/dicom",
        "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.80",
    ):
        answer = site.get(path, accept)
        assert answer.content[:132] == bytes(128) + b"DICM"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-disposition"] == "attachment"


@pytest.mark.parametrize("media_type", ["text/html", "image/svg+xml", "application/xhtml+xml"])
def test_an_encapsulated_page_leaves_as_octets(site: DicomwebSite, media_type: str) -> None:
    document = KINDS["PDF"].copy()
    document.file_meta = KINDS["PDF"].file_meta
    document.StudyInstanceUID = f"1.2.250.1.999.91.{len(media_type)}"
    document.MIMETypeOfEncapsulatedDocument = media_type
    document.EncapsulatedDocument = b"<script>alert(1)</script>".ljust(2048)
    path = site.add(document)
    assert site.get(f"{path}/rendered", media_type).status_code == 406
    bulk = f"{path}/bulkdata/00420011"
    assert site.get(bulk, media_type).status_code == 406
    answer = site.get(bulk, "*/*")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
