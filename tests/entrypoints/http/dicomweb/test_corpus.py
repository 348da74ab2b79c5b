"""Metadata, bulk data and frames equal what pydicom reads, file by file, syntax by syntax."""

import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from dicomweb_client import DICOMwebClient
from pydicom import Dataset
from pydicom.pixels import get_decoder
from tests.fakes.dicomweb_site import DicomwebSite
from tests.fakes.pydicom_corpus import corpus_names, corpus_object
from tests.fakes.pydicom_readings import (
    BULK_OCTETS_IN_BASE_64,
    PIXEL_DATA,
    frames_of,
    is_big,
    little_endian,
    normal,
)

REFUSED_BY_PYDICOM = frozenset({"badVR.dcm"})
NOT_DECODED_BY_PYDICOM = {
    "GDCMJ2K_TextGBR.dcm": "a header that Pillow does not read",
    "JPEG-lossy.dcm": "12-bit JPEG, which Pillow does not read",
    "JPGExtended.dcm": "the same",
    "JPEG2000-embedded-sequence-delimiter.dcm": "a codestream that claims another image",
    "JPEGLSNearLossless_08.dcm": "no plugin here reads JPEG-LS",
    "JPEGLSNearLossless_16.dcm": "the same",
    "MR_small_jpeg_ls_lossless.dcm": "the same; compared with MR_small.dcm below",
    "SC_rgb_jls_lossy_line.dcm": "the same",
    "SC_rgb_jls_lossy_sample.dcm": "the same",
    "SC_rgb_jpeg_gdcm.dcm": "no plugin here reads lossless JPEG",
}
AS_STORED = "multipart/related; type=application/octet-stream; transfer-syntax=*"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DicomwebSite]:
    with DicomwebSite(tmp_path_factory.mktemp("corpus")) as running, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in corpus_names():
            running.add(corpus_object(name))
        yield running


@pytest.fixture(autouse=True)
def _odd_files_make_pydicom_warn() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.requirement("FA.3")
@pytest.mark.parametrize("name", [n for n in corpus_names() if n not in REFUSED_BY_PYDICOM])
def test_metadata_equal_what_pydicom_reads(site: DicomwebSite, name: str) -> None:
    image = corpus_object(name)
    answer = site.get(site.path_of(image) + "/metadata", "application/dicom+json")
    assert answer.status_code == 200, answer.text
    (ours,) = answer.json()
    theirs = image.to_json_dict(BULK_OCTETS_IN_BASE_64, lambda _: "elsewhere")
    assert normal(ours) == normal(theirs, is_big_endian=is_big(image))


@pytest.mark.parametrize("name", corpus_names())
def test_every_bulk_data_uri_leads_to_the_value(site: DicomwebSite, name: str) -> None:
    image = corpus_object(name)
    (row,) = site.get(site.path_of(image) + "/metadata", "application/dicom+json").json()
    uris = {t: a["BulkDataURI"] for t, a in row.items() if "BulkDataURI" in a}
    for tag, uri in uris.items():
        if tag == PIXEL_DATA and image.file_meta.TransferSyntaxUID.is_encapsulated:
            continue
        answer = site.get(uri.removeprefix("http://box/dicom-web"), "application/octet-stream")
        assert answer.content == little_endian(image, int(tag, 16))


def with_pixels(*, compressed_only: bool = False) -> list[str]:
    def is_one(image: Dataset) -> bool:
        is_compressed = image.file_meta.TransferSyntaxUID.is_encapsulated
        return "PixelData" in image and (is_compressed or not compressed_only)

    return [n for n in corpus_names() if n not in REFUSED_BY_PYDICOM and is_one(corpus_object(n))]


@pytest.mark.parametrize("name", with_pixels())
def test_frames_equal_the_stored_ones(site: DicomwebSite, name: str) -> None:
    image = corpus_object(name)
    stored = frames_of(image)
    listed = ",".join(str(n + 1) for n in range(len(stored)))
    client: DICOMwebClient = site.client()
    answer = site.get(f"{site.path_of(image)}/frames/{listed}", AS_STORED)
    assert answer.status_code == 200, answer.text
    assert list(client._decode_multipart_message(answer, stream=False)) == stored


@pytest.mark.parametrize(
    "name", [n for n in with_pixels(compressed_only=True) if n not in NOT_DECODED_BY_PYDICOM]
)
def test_decoded_frames_equal_what_pydicom_decodes(site: DicomwebSite, name: str) -> None:
    """Colours leave as RGB, whatever they were stored as."""
    image = corpus_object(name)
    decoded, _ = get_decoder(image.file_meta.TransferSyntaxUID).as_array(image, index=0)
    answer = site.get(f"{site.path_of(image)}/frames/1", "application/octet-stream")
    assert answer.status_code == 200, answer.text
    ours = np.frombuffer(answer.content, decoded.dtype).reshape(decoded.shape)
    assert (ours == decoded).all()


@pytest.mark.parametrize(
    "name", [n for n in with_pixels() if n.startswith("MR_small_") and "padded" not in n]
)
def test_one_image_in_every_lossless_syntax_is_the_same_image(
    site: DicomwebSite, name: str
) -> None:
    """Who made the files says so: each is MR_small.dcm, brought into another syntax."""
    answer = site.get(f"{site.path_of(corpus_object(name))}/frames/1", "application/octet-stream")
    assert answer.content == corpus_object("MR_small.dcm").PixelData


@pytest.mark.parametrize("name", ["badVR.dcm"])
def test_pixels_that_no_one_can_tell_apart_are_refused_by_name(
    site: DicomwebSite, name: str
) -> None:
    answer = site.get(f"{site.path_of(corpus_object(name))}/frames/1", AS_STORED)
    assert answer.status_code == 502
    assert answer.json() == {"status": 502, "message": "the pixels cannot be decoded"}
