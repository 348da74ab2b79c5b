"""dicomweb-client of dcmjs, the one in OHIF, reads every kind of image here, unchanged."""

import base64
import io
import json
import subprocess
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from tests.fakes.dicom_kinds import COLUMNS, KINDS, KINDS_STUDY, ROWS, grey
from tests.fakes.dicomweb_site import SYSTEM, DicomwebSite
from tests.fakes.node_judge import NODE_TESTS

SCRIPT = NODE_TESTS / "dicomweb_client.mjs"
STORED_TYPES = {
    "explicit": ("application/octet-stream", "1.2.840.10008.1.2.1"),
    "JPEG-LS": ("image/x-jls", "1.2.840.10008.1.2.4.80"),
    "JPEG 2000": ("image/jp2", "1.2.840.10008.1.2.4.90"),
    "RLE": ("image/x-dicom-rle", "1.2.840.10008.1.2.5"),
    "cine": ("image/jpeg", "1.2.840.10008.1.2.4.50"),
}
Json = dict[str, Any]


@pytest.fixture(scope="module")
def answer(kinds_site: DicomwebSite) -> Json:
    if not (NODE_TESTS / "node_modules" / "dicomweb-client").is_dir():
        pytest.skip("tests/node/node_modules is not installed: scripts/test installs it")
    kinds = [
        json.dumps(
            {
                "name": name,
                "study": KINDS[name].StudyInstanceUID,
                "series": KINDS[name].SeriesInstanceUID,
                "instance": KINDS[name].SOPInstanceUID,
                "mediaTypes": [{"mediaType": media_type, "transferSyntaxUID": syntax}],
            }
        )
        for name, (media_type, syntax) in STORED_TYPES.items()
    ]
    run = subprocess.run(
        ["node", SCRIPT, kinds_site.url, SYSTEM, *kinds],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr.decode()[-2000:]
    told: Json = json.loads(run.stdout)
    return told


def octets(text: str) -> bytes:
    return base64.b64decode(text)


@pytest.mark.requirement("FA.3")
@pytest.mark.parametrize("kind", STORED_TYPES)
def test_it_finds_and_reads_every_kind(answer: Json, kind: str) -> None:
    told, image = answer["told"][kind], KINDS[kind]
    assert [s["0020000D"]["Value"] for s in told["studies"]] == [[KINDS_STUDY]]
    assert len(told["series"]) == len(KINDS)
    assert [i["00080018"]["Value"] for i in told["instances"]] == [[image.SOPInstanceUID]]
    assert told["metadata"][0]["00080018"]["Value"] == [image.SOPInstanceUID]
    assert [m["00080018"]["Value"] for m in told["seriesMetadata"]] == [[image.SOPInstanceUID]]
    for text in (told["object"], *told["objects"]):
        assert dcmread(io.BytesIO(octets(text))).SOPInstanceUID == image.SOPInstanceUID


@pytest.mark.parametrize("kind", STORED_TYPES)
def test_it_gets_frames_as_stored_and_decoded(answer: Json, kind: str) -> None:
    told = answer["told"][kind]
    (stored,), (decoded,) = map(octets, told["frames"]), map(octets, told["decoded"])
    if kind == "explicit":
        assert stored == grey().tobytes()
    else:
        assert stored in KINDS[kind].PixelData
    if kind != "cine":
        assert decoded == grey().tobytes()
    else:
        assert len(decoded) == ROWS * COLUMNS * 3


@pytest.mark.parametrize("kind", STORED_TYPES)
def test_it_gets_pictures(answer: Json, kind: str) -> None:
    told = answer["told"][kind]
    for name in ("picture", "framePicture"):
        picture = Image.open(io.BytesIO(octets(told[name])))
        assert np.asarray(picture).shape[:2] == (ROWS, COLUMNS)


def test_its_accept_headers_are_those_of_our_table(answer: Json) -> None:
    """What test_dicomweb_accept.py says of this client is what it sends."""
    assert set(answer["accepts"]) >= {
        "application/dicom+json",
        'multipart/related; type="application/dicom"',
        'multipart/related; type="application/octet-stream"',
        'multipart/related; type="image/x-jls"; transfer-syntax=1.2.840.10008.1.2.4.80',
        "image/png",
        "image/jpeg",
    }
