"""The Accept headers that viewers, archives and boxes really send, and what each gets.

Recorded: OHIF 3.13.2 from Chromium, Orthanc's plugin (test_orthanc_client.py), dicomweb-client of
dcmjs (test_client_js.py), dwv (test_client_dwv.py), HttpURLConnection of Java 17. As their sources
write them: Weasis (RsQueryResult, ThumbnailManager), dicomweb-client (Python). Besides, the two
lists of the ANS client simulator, in one header or in ten.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.encaps import get_frame
from tests.fakes.dicom_kinds import (
    COLUMNS,
    KINDS,
    ROWS,
    coloured,
    grey,
    instance_path,
    jpeg,
    series_path,
)
from tests.fakes.dicomweb_site import SYSTEM, DicomwebSite
from tests.fakes.multipart_parts import parts_of

ROOT = "1.2.840.10008.1.2"
EXPLICIT, JPEG_BASELINE, JPEG_LOSSLESS = f"{ROOT}.1", f"{ROOT}.4.50", f"{ROOT}.4.70"
JPEG_LS, J2K_LOSSLESS, J2K, HTJ2K = f"{ROOT}.4.80", f"{ROOT}.4.90", f"{ROOT}.4.91", f"{ROOT}.4.201"
RLE = f"{ROOT}.5"
LOSSLESS_PROFILE = (
    ("4.70", 0.9), ("4.80", 0.8), ("4.91", 0.6), ("4.50", 0.5), ("4.51", 0.5), ("4.100", 0.5),
    ("4.101", 0.5), ("4.102", 0.5), ("4.103", 0.5), ("1", 0.4),
)  # fmt: skip
LOSSY_PROFILE = (
    ("4.50", 0.9), ("4.51", 0.9), ("4.70", 0.6), ("4.80", 0.5), ("4.91", 0.5), ("4.100", 0.5),
    ("4.101", 0.5), ("4.102", 0.5), ("4.103", 0.5), ("1", 0.4),
)  # fmt: skip


def ans(profile: Sequence[tuple[str, float]], boundary: str = "**") -> list[str]:
    return [
        f'multipart/related; type="application/dicom";transfer-syntax={ROOT}.{s};q={q};'
        f"boundary={boundary}"
        for s, q in profile
    ]


@dataclass(frozen=True)
class Got:
    """What came: media type of the whole, of each part, and the octets of the parts."""

    status: int
    media_type: str
    parts: tuple[tuple[str, bytes], ...] = ()

    @property
    def types(self) -> list[str]:
        return [content_type for content_type, _ in self.parts]


def ask(site: DicomwebSite, path: str, accept: Sequence[str]) -> Got:
    """Send each Accept in a header of its own; none where there is none."""
    address = urlsplit(site.url)
    connection = HTTPConnection(str(address.hostname), address.port, timeout=60)
    connection.putrequest("GET", address.path + path)
    for value in accept:
        connection.putheader("Accept", value)
    connection.putheader("Authorization", SYSTEM)
    connection.endheaders()
    answer = connection.getresponse()
    content, media_type = answer.read(), str(answer.headers["content-type"])
    connection.close()
    if answer.status != 200 or not media_type.startswith("multipart/"):
        return Got(answer.status, media_type, ((media_type, content),))
    parts = ((headers["Content-Type"], octets) for headers, octets in parts_of(media_type, content))
    return Got(answer.status, media_type.partition(";")[0], tuple(parts))


MULTIPART = 'multipart/related; type="application/dicom"'


@pytest.mark.requirement("SO.85 / CS.83")
@pytest.mark.parametrize(
    ("kind", "accept", "syntax"),
    [
        pytest.param("JPEG-LS", [], JPEG_LS, id="none at all: as stored"),
        pytest.param("JPEG-LS", ["*/*"], JPEG_LS, id="curl, requests: as stored"),
        pytest.param("explicit", ["application/dicom"], EXPLICIT, id="dwv, single part"),
        pytest.param("JPEG-LS", ["application/dicom"], EXPLICIT, id="no syntax named: decoded"),
        pytest.param("RLE", [f"{MULTIPART}; transfer-syntax=*"], RLE, id="OHIF, as stored"),
        pytest.param(
            "JPEG 2000",
            ["multipart/related; type=application/dicom; transfer-syntax=*"],
            J2K_LOSSLESS,
            id="OHIF, without quotes",
        ),
        pytest.param("JPEG-LS", [MULTIPART], EXPLICIT, id="dicomweb-client (Python)"),
        pytest.param(
            "JPEG-LS",
            ['multipart/related; type="application/dicom"; transfer-syntax=*'],
            JPEG_LS,
            id="dicomweb-client (Python), any syntax; Orthanc",
        ),
        pytest.param(
            "RLE",
            ['multipart/related; type="application/dicom"'],
            EXPLICIT,
            id="dicomweb-client JS",
        ),
        pytest.param("explicit", ["multipart/related"], EXPLICIT, id="a multipart of anything"),
        pytest.param("JPEG-LS", ["application/*"], JPEG_LS, id="any application type"),
        pytest.param(
            "JPEG-LS",
            ['multipart/related;type="application/dicom";transfer-syntax=*'],
            JPEG_LS,
            id="Weasis, its default",
        ),
        pytest.param(
            "RLE",
            ["multipart/related; type=application/dicom;"],
            EXPLICIT,
            id="a semicolon at the end",
        ),
        pytest.param(
            "JPEG 2000", [",".join(ans(LOSSLESS_PROFILE)) + ","], J2K, id="ANS, trailing comma"
        ),
        pytest.param("JPEG-LS", ans(LOSSLESS_PROFILE), JPEG_LS, id="ANS, one range a header"),
        pytest.param("JPEG-LS", ans(LOSSY_PROFILE), JPEG_LS, id="ANS, lossy: stored is accepted"),
        pytest.param("explicit", ans(LOSSLESS_PROFILE, "myboundary"), EXPLICIT, id="ANS, plain CT"),
        pytest.param("implicit", ans(LOSSLESS_PROFILE), EXPLICIT, id="ANS, implicit is converted"),
        pytest.param("big endian", ans(LOSSLESS_PROFILE), EXPLICIT, id="ANS, big endian too"),
        pytest.param("RLE", ans(LOSSLESS_PROFILE), EXPLICIT, id="ANS, RLE is decoded"),
        pytest.param("RLE", ans(LOSSY_PROFILE), EXPLICIT, id="ANS, lossy: RLE is decoded too"),
        pytest.param("cine", ans(LOSSLESS_PROFILE), JPEG_BASELINE, id="ANS, a cine as stored"),
        pytest.param("video", ans(LOSSLESS_PROFILE), f"{ROOT}.4.102", id="ANS, a video"),
        pytest.param("SR", ans(LOSSLESS_PROFILE), EXPLICIT, id="ANS, a report"),
        pytest.param(
            "explicit", [f"{MULTIPART}; transfer-syntax={JPEG_LS}"], JPEG_LS, id="to JPEG-LS"
        ),
        pytest.param(
            "explicit",
            [f'{MULTIPART}; transfer-syntax="{J2K_LOSSLESS}"'],
            J2K_LOSSLESS,
            id="to JPEG 2000, quoted",
        ),
        pytest.param(
            "JPEG-LS", [f"application/dicom; transfer-syntax={HTJ2K}"], HTJ2K, id="to HTJ2K"
        ),
        pytest.param(
            "RLE",
            [f"{MULTIPART}; transfer-syntax={JPEG_BASELINE}, {MULTIPART}; q=0.1"],
            EXPLICIT,
            id="decoded rather than lossy",
        ),
        pytest.param(
            "RLE",
            [f"{MULTIPART}; transfer-syntax={s}" for s in (JPEG_BASELINE, JPEG_LS)],
            JPEG_LS,
            id="lossless rather than lossy",
        ),
    ],
)
def test_an_instance_leaves_in_the_syntax_due(
    kinds_site: DicomwebSite, kind: str, accept: list[str], syntax: str
) -> None:
    got = ask(kinds_site, instance_path(kind), accept)
    assert got.status == 200, got
    ((content_type, octets),) = got.parts
    assert content_type == f"application/dicom; transfer-syntax={syntax}"
    image = dcmread(io.BytesIO(octets))
    assert image.file_meta.TransferSyntaxUID == syntax
    if "PixelData" in image and syntax in {EXPLICIT, JPEG_LS, J2K_LOSSLESS, HTJ2K, JPEG_LOSSLESS}:
        assert (decoded(image) == grey()).all()


@pytest.mark.parametrize(
    "accept",
    [
        pytest.param([f"application/dicom; transfer-syntax={JPEG_BASELINE}"], id="by name"),
        pytest.param(
            [f"{MULTIPART}; transfer-syntax={JPEG_BASELINE}, {MULTIPART}; transfer-syntax={RLE}"],
            id="where nothing else can be given",
        ),
    ],
)
def test_a_lossy_copy_is_made_by_name_only_and_says_so(
    kinds_site: DicomwebSite, accept: list[str]
) -> None:
    ((content_type, octets),) = ask(kinds_site, instance_path("RGB"), accept).parts
    assert content_type == f"application/dicom; transfer-syntax={JPEG_BASELINE}"
    image = dcmread(io.BytesIO(octets))
    assert image.LossyImageCompression == "01"
    assert image.LossyImageCompressionMethod == "ISO_10918_1"
    assert image.SOPInstanceUID == KINDS["RGB"].SOPInstanceUID
    frame = get_frame(image.PixelData, 0, number_of_frames=1)
    drawn = np.asarray(Image.open(io.BytesIO(frame)).convert("RGB"))
    assert np.abs(drawn.astype(int) - coloured(0)).mean() < 8


def test_a_lossy_frame_is_made_by_name_only(kinds_site: DicomwebSite) -> None:
    path = f"{instance_path('RGB')}/frames/1"
    lossy = f'multipart/related; type="image/jpeg"; transfer-syntax={JPEG_BASELINE}'
    ((content_type, frame),) = ask(kinds_site, path, [lossy]).parts
    assert content_type == f"image/jpeg; transfer-syntax={JPEG_BASELINE}"
    assert Image.open(io.BytesIO(frame)).size == (COLUMNS, ROWS)
    # The default of image/jpeg is lossless (PS3.18 table 8.7.3-5).
    ((content_type, frame),) = ask(kinds_site, path, ['multipart/related; type="image/jpeg"']).parts
    assert content_type == f"image/jpeg; transfer-syntax={ROOT}.4.70"
    assert (imagecodecs.ljpeg_decode(frame) == coloured(0)).all()


def decoded(image: Dataset) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    """Decode by imagecodecs: the pixels are those that were made."""
    syntax = image.file_meta.TransferSyntaxUID
    decoders = {
        JPEG_LS: imagecodecs.jpegls_decode,
        J2K_LOSSLESS: imagecodecs.jpeg2k_decode,
        HTJ2K: imagecodecs.htj2k_decode,
        JPEG_LOSSLESS: imagecodecs.ljpeg_decode,
    }
    if syntax == EXPLICIT:
        return np.frombuffer(image.PixelData, np.uint16).reshape(image.Rows, image.Columns)
    return np.asarray(decoders[syntax](get_frame(image.PixelData, 0, number_of_frames=1)))


OCTETS = 'multipart/related; type="application/octet-stream"'
OCTET = "application/octet-stream"


@pytest.mark.parametrize(
    ("kind", "accept", "content_type"),
    [
        pytest.param("explicit", [], f"{OCTET}; transfer-syntax={EXPLICIT}", id="none at all"),
        pytest.param("JPEG-LS", ["*/*"], f"image/jls; transfer-syntax={JPEG_LS}", id="anything"),
        pytest.param(
            "JPEG-LS",
            ["multipart/related; type=application/octet-stream; transfer-syntax=*"],
            f"image/jls; transfer-syntax={JPEG_LS}",
            id="OHIF 3.13.2",
        ),
        pytest.param(
            "cine",
            ["multipart/related; type=application/octet-stream; transfer-syntax=*"],
            f"image/jpeg; transfer-syntax={JPEG_BASELINE}",
            id="OHIF 3.13.2, a cine",
        ),
        pytest.param(
            "JPEG-LS", [OCTETS], f"{OCTET}; transfer-syntax={EXPLICIT}", id="decoded, no syntax"
        ),
        pytest.param(
            "JPEG 2000",
            ['multipart/related; type="image/jp2"; transfer-syntax=' + J2K_LOSSLESS],
            f"image/jp2; transfer-syntax={J2K_LOSSLESS}",
            id="cornerstone, the stored type",
        ),
        pytest.param(
            "JPEG 2000",
            ['multipart/related; type="image/jp2"; transfer-syntax=' + J2K],
            f"image/jp2; transfer-syntax={J2K}",
            id="lossless under the wider syntax",
        ),
        pytest.param(
            "RLE",
            ['multipart/related; type="image/dicom-rle"'],
            f"image/dicom-rle; transfer-syntax={RLE}",
            id="RLE as it is",
        ),
        pytest.param(
            "JPEG-LS",
            [f'multipart/related; type="image/x-jls"; transfer-syntax={JPEG_LS}'],
            f"image/x-jls; transfer-syntax={JPEG_LS}",
            id="dicomweb-client (JavaScript), the former name",
        ),
        pytest.param(
            "explicit",
            ['multipart/related; type="image/jls"'],
            f"image/jls; transfer-syntax={JPEG_LS}",
            id="to JPEG-LS, the default of its type",
        ),
        pytest.param(
            "explicit",
            ['multipart/related; type="image/jpeg"'],
            f"image/jpeg; transfer-syntax={JPEG_LOSSLESS}",
            id="to lossless JPEG, the default of its type",
        ),
        pytest.param(
            "JPEG-LS",
            ['multipart/related; type="image/jphc"'],
            f"image/jphc; transfer-syntax={HTJ2K}",
            id="to HTJ2K",
        ),
        pytest.param(
            "explicit",
            [
                f'multipart/related; type="image/jpeg"; transfer-syntax={JPEG_BASELINE}',
                f"{OCTETS}; q=0.5",
            ],
            f"{OCTET}; transfer-syntax={EXPLICIT}",
            id="12 bits do not fit into JPEG baseline: the next best",
        ),
        pytest.param("JPEG-LS", ["image/jls"], f"image/jls; transfer-syntax={JPEG_LS}", id="alone"),
        pytest.param(
            "explicit", [OCTET], f"{OCTET}; transfer-syntax={EXPLICIT}", id="octets alone"
        ),
        pytest.param(
            "explicit",
            ans(LOSSLESS_PROFILE),
            f"image/jpeg; transfer-syntax={JPEG_LOSSLESS}",
            id="ANS asks for frames with the Accept of objects",
        ),
        pytest.param(
            "JPEG-LS",
            [f'{OCTETS}; transfer-syntax={EXPLICIT}, multipart/related; type="image/jls"; q=0.9'],
            f"{OCTET}; transfer-syntax={EXPLICIT}",
            id="q decides",
        ),
    ],
)
def test_a_frame_leaves_in_the_form_due(
    kinds_site: DicomwebSite, kind: str, accept: list[str], content_type: str
) -> None:
    got = ask(kinds_site, f"{instance_path(kind)}/frames/1", accept)
    assert got.status == 200, got
    assert got.types == [content_type]
    if content_type.endswith(f"={EXPLICIT}"):
        assert got.parts[0][1] == grey().tobytes()


def test_a_list_of_frames_is_a_part_each(kinds_site: DicomwebSite) -> None:
    got = ask(
        kinds_site, f"{instance_path('cine')}/frames/3,1", ['multipart/related; type="image/jpeg"']
    )
    assert [octets for _, octets in got.parts] == [jpeg(2), jpeg(0)]


@pytest.mark.parametrize("path", [series_path("cine"), instance_path("JPEG-LS")])
def test_weasis_gets_a_thumbnail(kinds_site: DicomwebSite, path: str) -> None:
    got = ask(kinds_site, f"{path}/thumbnail?viewport=256%2C256", ["image/jpeg"])
    assert (got.status, got.media_type) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(got.parts[0][1])).size == (COLUMNS, ROWS)


JSON, XML = "application/dicom+json", "application/dicom+xml"
JAVA = "text/html, image/gif, image/jpeg, */*; q=0.2"
JAVA_8 = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        pytest.param([], JSON, id="none at all"),
        pytest.param(["*/*"], JSON, id="anything; Orthanc"),
        pytest.param([JAVA], JSON, id="Weasis: what Java says by itself"),
        pytest.param([JAVA_8], JSON, id="Weasis, of an older Java"),
        pytest.param([JSON], JSON, id="OHIF, dicomweb-client"),
        pytest.param(["application/json"], JSON, id="dicomweb-client JS, curl users"),
        pytest.param(["application/dicom+json, application/json"], JSON, id="both"),
        pytest.param([f'multipart/related; type="{XML}"'], XML, id="Weasis: XML"),
        pytest.param([XML], XML, id="XML, said loosely"),
        pytest.param([f'multipart/related; type="{XML}"; q=0.5, {JSON}'], JSON, id="q decides"),
    ],
)
def test_metadata_and_searches_leave_in_the_media_type_due(
    kinds_site: DicomwebSite, accept: list[str], media_type: str
) -> None:
    for path in (f"{instance_path('explicit')}/metadata", "/studies"):
        got = ask(kinds_site, path, accept)
        assert got.status == 200
        assert got.types == [media_type]


@pytest.mark.parametrize(
    ("query", "media_type"),
    [
        pytest.param("accept=application/dicom%2Bjson", JSON, id="as it should be"),
        pytest.param("accept=application/dicom+json", JSON, id="a plus that means a space"),
        pytest.param("accept=application/dicom+xml", XML, id="XML, in the same way"),
        pytest.param("accept=text/html", JSON, id="the header, where nothing of it can be given"),
    ],
)
def test_the_query_parameter_counts_before_the_header(
    kinds_site: DicomwebSite, query: str, media_type: str
) -> None:
    path = f"{instance_path('explicit')}/metadata"
    assert ask(kinds_site, f"{path}?{query}", [JSON]).types == [media_type]
