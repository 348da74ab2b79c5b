"""Pictures, thumbnails, readable documents, bulk data with ranges, validators: level by level."""

import io
from collections.abc import Iterator, Mapping

import numpy as np
import pytest
import requests
from lxml import html
from PIL import Image
from pydicom import Dataset
from tests.fakes.dicom_kinds import (
    COLUMNS,
    FRAMES,
    KINDS,
    MP4,
    PDF,
    ROWS,
    STUDY_PATH,
    coloured,
    grey,
    instance_path,
    series_path,
)
from tests.fakes.dicomweb_site import DicomwebSite
from tests.fakes.multipart_parts import parts_of

from drimbox.ports.pixel_worker import ImageFormat

MULTIPART = "multipart/related"


def drawn(answer: requests.Response) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def parts(answer: requests.Response) -> list[tuple[Mapping[str, str], bytes]]:
    return parts_of(answer.headers["content-type"], answer.content)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("window=2048,1", grey() > 2047, id="a window"),
        pytest.param("window=2048,1,linear", grey() > 2047, id="its shape said"),
        pytest.param("window=2048,1&viewport=8,8,0,0,8,8", (grey() > 2047)[:8, :8], id="a region"),
        pytest.param(
            "window=2048,1&viewport=8,8,-4.5,2.0,8.0,8.5",
            (grey() > 2047)[2:10, 4:12],
            id="a region in decimals",
        ),
        pytest.param(
            "window=2048,1&viewport=32,24,,,-32,", (grey() > 2047)[:, ::-1], id="mirrored"
        ),
        pytest.param(
            "window=2048,1&viewport=32,24,,,,-24", (grey() > 2047)[::-1], id="upside down"
        ),
    ],
)
def test_a_picture_is_drawn_as_asked(
    kinds_site: DicomwebSite, query: str, expected: np.ndarray[tuple[int, int], np.dtype[np.bool_]]
) -> None:
    picture = drawn(kinds_site.get(f"{instance_path('explicit')}/rendered?{query}", "image/png"))
    assert ((picture == 255) == expected).all()


@pytest.mark.parametrize("shape", ["linear-exact", "sigmoid"])
def test_each_shape_of_a_window_is_another_picture(kinds_site: DicomwebSite, shape: str) -> None:
    path = f"{instance_path('explicit')}/rendered?window=2048,2000"
    plain = drawn(kinds_site.get(path, "image/png"))
    assert (drawn(kinds_site.get(f"{path},{shape}", "image/png")) != plain).any()


def test_a_quality_makes_a_smaller_picture(kinds_site: DicomwebSite) -> None:
    sizes = [
        len(
            kinds_site.get(
                f"{instance_path('explicit')}/rendered?quality={q}", "image/jpeg"
            ).content
        )
        for q in (1, 50, 100)
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


@pytest.mark.parametrize(
    ("viewport", "columns", "rows"),
    [
        pytest.param("16,100", 16, 12, id="smaller"),
        pytest.param("100,48", 64, 48, id="larger"),
        pytest.param("32,24", 32, 24, id="as it is"),
        pytest.param("40,40,0,0,8,4", 40, 20, id="a region, larger"),
    ],
)
def test_a_picture_is_as_large_as_its_viewport_lets_it_be(
    kinds_site: DicomwebSite, viewport: str, columns: int, rows: int
) -> None:
    """PS3.18 8.3.5.1.3: until one side is that of the viewport, whichever avoids truncation."""
    for kind in ("cine", "explicit"):
        path = f"{instance_path(kind)}/rendered?viewport={viewport}"
        assert drawn(kinds_site.get(path, "image/png")).shape[:2] == (rows, columns)


def test_a_thumbnail_is_never_larger_than_its_image(kinds_site: DicomwebSite) -> None:
    answer = kinds_site.get(f"{instance_path('cine')}/thumbnail?viewport=100,100", "image/png")
    assert drawn(answer).shape[:2] == (24, 32)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        pytest.param("window=1", "window", id="half a window"),
        pytest.param("window=1,0", "window", id="a window of no width"),
        pytest.param("window=nan,1", "window", id="no number"),
        pytest.param("window=1,2,cubic", "window", id="an unknown shape"),
        pytest.param("window=1e99,2", "window", id="out of bounds"),
        pytest.param("viewport=0,10", "viewport", id="no pixels"),
        pytest.param("viewport=10", "viewport", id="half a viewport"),
        pytest.param("viewport=9999,9999", "viewport", id="too large"),
        pytest.param("viewport=10,10,0,0,0,0", "viewport", id="an empty region"),
        pytest.param("viewport=10,10,900,900,5,5", "viewport", id="a region outside"),
        pytest.param("quality=0", "quality", id="no quality"),
        pytest.param("quality=101", "quality", id="too much of it"),
        pytest.param("quality=%c2%b2", "quality", id="a digit that is none"),
    ],
)
def test_a_parameter_of_another_grammar_is_named(
    kinds_site: DicomwebSite, path: str, name: str
) -> None:
    answer = kinds_site.get(f"{instance_path('explicit')}/rendered?{path}", "image/png")
    assert answer.status_code == 400
    assert answer.json()["parameter"] in {name, "region"}


def test_what_is_not_done_is_told(kinds_site: DicomwebSite) -> None:
    answer = kinds_site.get(
        f"{instance_path('explicit')}/rendered?annotation=patient&iccprofile=no"
    )
    assert answer.headers["warning"] == '299 drimbox "The annotation parameter is not supported."'


@pytest.mark.parametrize("accept", ["image/png", "image/jpeg", "*/*", None])
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(STUDY_PATH, id="study"),
        pytest.param(series_path("cine"), id="series"),
        pytest.param(instance_path("cine"), id="instance"),
        pytest.param(f"{instance_path('cine')}/frames/2", id="frame"),
    ],
)
@pytest.mark.parametrize("kind", ["rendered", "thumbnail"])
def test_every_level_has_a_picture(
    kinds_site: DicomwebSite, path: str, kind: str, accept: str | None
) -> None:
    answer = kinds_site.get(f"{path}/{kind}", accept)
    assert drawn(answer).shape[:2] == (ROWS, COLUMNS)
    assert answer.headers["content-type"] == (
        "image/png" if accept == "image/png" else "image/jpeg"
    )


def test_the_frame_asked_for_is_drawn(kinds_site: DicomwebSite) -> None:
    for number in range(1, FRAMES + 1):
        picture = drawn(
            kinds_site.get(f"{instance_path('cine')}/frames/{number}/rendered", "image/png")
        )
        assert np.abs(picture.astype(int) - coloured(number - 1)).mean() < 8


def test_the_next_frame_is_drawn_ahead_of_who_scrolls(kinds_site: DicomwebSite) -> None:
    for number in (1, 2):
        path = f"{instance_path('cine')}/frames/{number}/rendered?window=77,777"
        assert kinds_site.get(path, "image/png").status_code == 200
    ahead = [r for _, r in kinds_site.drawn_ahead.ahead if r.window == (77, 777)]
    assert [(r.frame, r.format) for r in ahead] == [(3, ImageFormat.PNG)]


@pytest.mark.parametrize(
    ("path", "locations"),
    [
        pytest.param(
            instance_path("cine"), [f"/frames/{n}/rendered" for n in (1, 2, 3)], id="an instance"
        ),
        pytest.param(
            f"{instance_path('cine')}/frames/3,1",
            ["/frames/3/rendered", "/frames/1/rendered"],
            id="a list of frames",
        ),
        pytest.param(
            series_path("cine"), [f"/frames/{n}/rendered" for n in (1, 2, 3)], id="a series"
        ),
    ],
)
def test_several_pictures_are_parts_that_say_where_they_are(
    kinds_site: DicomwebSite, path: str, locations: list[str]
) -> None:
    answer = kinds_site.get(f"{path}/rendered", f'{MULTIPART}; type="image/jpeg"')
    found = parts(answer)
    base = f"http://box/dicom-web{instance_path('cine')}"
    assert [headers["Content-Location"] for headers, _ in found] == [base + p for p in locations]
    for headers, octets in found:
        assert headers["Content-Type"] == "image/jpeg"
        assert Image.open(io.BytesIO(octets)).size == (COLUMNS, ROWS)


def test_a_whole_study_is_drawn_but_for_what_is_no_image(kinds_site: DicomwebSite) -> None:
    found = parts(kinds_site.get(f"{STUDY_PATH}/rendered", f'{MULTIPART}; type="image/png"'))
    without_picture = {"PDF", "SR", "video"}
    assert len(found) == len(KINDS) - len(without_picture) - 1 + FRAMES


@pytest.mark.parametrize("kind", ["PDF", "SR", "video"])
def test_what_is_no_image_has_no_thumbnail(kinds_site: DicomwebSite, kind: str) -> None:
    assert kinds_site.get(f"{instance_path(kind)}/thumbnail").status_code in {404, 406}
    assert kinds_site.get(f"{series_path(kind)}/thumbnail").status_code in {404, 406}


@pytest.mark.parametrize("path", [instance_path("PDF"), series_path("PDF")])
@pytest.mark.parametrize("accept", ["application/pdf", "*/*", None])
def test_a_pdf_leaves_as_it_is(kinds_site: DicomwebSite, path: str, accept: str | None) -> None:
    answer = kinds_site.get(f"{path}/rendered", accept)
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["content-security-policy"] == "frame-ancestors 'self'"
    assert answer.content.startswith(PDF)


@pytest.mark.parametrize("accept", ["video/mp4", "*/*"])
def test_a_video_leaves_as_its_stream(kinds_site: DicomwebSite, accept: str) -> None:
    answer = kinds_site.get(f"{instance_path('video')}/rendered", accept)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.content == MP4


def test_a_report_is_read_as_a_page_that_runs_nothing(kinds_site: DicomwebSite) -> None:
    answer = kinds_site.get(f"{instance_path('SR')}/rendered", "text/html")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "sandbox" in answer.headers["content-security-policy"]
    page = html.fromstring(answer.content)
    assert {e.tag for e in page.iter() if isinstance(e.tag, str)} <= {
        "html", "head", "meta", "title", "body", "h1", "dl", "dt", "dd", "ul", "li", "strong",
        "span", "br",
    }  # fmt: skip
    assert page.findtext(".//h1") == KINDS["SR"].ConceptNameCodeSequence[0].CodeMeaning
    text = str(page.text_content())
    for said in texts_of(KINDS["SR"]):
        assert said in text


def texts_of(item: Dataset) -> Iterator[str]:
    """Yield every text and every meaning of a code in the tree, as pydicom reads it."""
    for child in item.get("ContentSequence", ()):
        if "TextValue" in child:
            yield str(child.TextValue).splitlines()[0].strip()
        if "ConceptCodeSequence" in child:
            yield child.ConceptCodeSequence[0].CodeMeaning
        if "MeasuredValueSequence" in child:
            yield str(child.MeasuredValueSequence[0].NumericValue)
        yield from texts_of(child)


@pytest.mark.parametrize("path", [instance_path("SR"), series_path("SR")])
def test_a_report_is_read_as_plain_text(kinds_site: DicomwebSite, path: str) -> None:
    answer = kinds_site.get(f"{path}/rendered", "text/plain")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    for said in texts_of(KINDS["SR"]):
        assert said in answer.text
