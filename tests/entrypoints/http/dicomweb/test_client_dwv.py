"""dwv, a viewer of others, reads images here unchanged: single objects, multipart, WADO-URI."""

import base64
import json
import subprocess
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.fakes.dicom_kinds import COLUMNS, KINDS, ROWS, grey, instance_path, series_path
from tests.fakes.dicomweb_site import SYSTEM, DicomwebSite
from tests.fakes.node_judge import NODE_TESTS

Json = dict[str, Any]
# Stored with a syntax that dwv decodes by itself, and with one that the box decodes for it.
DECODED = {"explicit": None, "JPEG-LS": None, "RLE": None}
MULTIPART = 'multipart/related; type="application/dicom"'


def requests_of(url: str) -> list[Json]:
    told: list[Json] = []
    for kind in DECODED:
        image = KINDS[kind]
        uri = {
            "requestType": "WADO",
            "studyUID": image.StudyInstanceUID,
            "seriesUID": image.SeriesInstanceUID,
            "objectUID": image.SOPInstanceUID,
            "contentType": "application/dicom",
        }
        told += [
            {
                "name": f"{kind}, one object",
                "url": url + instance_path(kind),
                "accept": "application/dicom",
            },
            {"name": f"{kind}, multipart", "url": url + series_path(kind), "accept": MULTIPART},
            {"name": f"{kind}, WADO-URI", "url": f"{url}/wado?{urlencode(uri)}", "accept": None},
        ]
    return told


@pytest.fixture(scope="module")
def answer(kinds_site: DicomwebSite) -> Json:
    if not (NODE_TESTS / "node_modules" / "dwv").is_dir():
        pytest.skip("tests/node/node_modules is not installed: scripts/test installs it")
    asked = [json.dumps(one) for one in requests_of(kinds_site.url)]
    run = subprocess.run(
        ["node", NODE_TESTS / "dwv.mjs", SYSTEM, *asked],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr.decode()[-2000:]
    told: Json = json.loads(run.stdout)
    return told


@pytest.mark.requirement("FA.3")
@pytest.mark.parametrize("way", ["one object", "multipart", "WADO-URI"])
@pytest.mark.parametrize("kind", DECODED)
def test_it_reads_the_pixels(answer: Json, kind: str, way: str) -> None:
    told = answer["told"][f"{kind}, {way}"]
    assert told["instances"] == [KINDS[kind].SOPInstanceUID]
    assert (told["columns"], told["rows"]) == (COLUMNS, ROWS)
    assert base64.b64decode(told["pixels"]) == grey().tobytes()


def test_its_accept_headers_are_those_of_our_table(answer: Json) -> None:
    """dwv adds none: what the page says, or what a browser says by itself."""
    assert set(answer["accepts"]) == {"application/dicom", MULTIPART, None}
