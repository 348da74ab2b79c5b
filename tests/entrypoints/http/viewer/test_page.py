"""The image page and what its script asks for."""

import re
from datetime import date
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.fakes.consultation_site import COLLEAGUE, DOCTOR, ConsultationSite
from tests.fakes.manifests import STUDY, made_up_manifest, made_up_series

from drimbox.errors import (
    DrimboxError,
    MalformedMessage,
    Mismatch,
    NotAcceptable,
    NotAuthenticated,
    Refused,
    TimedOut,
    Unavailable,
)
from drimbox.model.manifest import ReferencedSeries
from drimbox.model.uids import SopClassUid
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.data_set_encoding import encode_data_set
from drimbox.standards.dicom.sop_classes import KEY_OBJECT_SELECTION

ENCAPSULATED_PDF = SopClassUid("1.2.840.10008.5.1.4.1.1.104.1")
SERIES = made_up_series(2, 2)
OTHER_SERIES = made_up_series(3, 1)
INSTANCE = SERIES.instances[0].sop_instance_uid


@pytest.fixture
def site(tmp_path: Path) -> ConsultationSite:
    site = ConsultationSite(tmp_path)
    site.dmp.hold(made_up_manifest(series=(SERIES,), study_date=date(2026, 7, 1)))
    site.images.data_sets[INSTANCE] = encode_data_set(
        {
            0x00080060: ("CS", b"CT"),
            0x00200013: ("IS", b"7 "),
            0x00200037: ("DS", b"1\\0\\0\\0\\1\\0 "),
            0x00280004: ("CS", b"MONOCHROME2 "),
            0x00280010: ("US", (512).to_bytes(2, "little")),
            0x00280011: ("US", (256).to_bytes(2, "little")),
            0x00280030: ("DS", b"0.7\\0.8 "),
            0x00281050: ("DS", b"40"),
            0x00281051: ("DS", b"400 "),
            0x7FE00010: ("OW", b"\0" * 1000),
        }
    )
    return site


@pytest.fixture
def client(site: ConsultationSite) -> TestClient:
    return site.client(DOCTOR)


def _root(site: ConsultationSite, client: TestClient) -> str:
    return f"/viewer/{site.open_patient(client)}/{STUDY}"


def _image(root: str) -> str:
    return f"{root}/series/{SERIES.series_instance_uid}/instances/{INSTANCE}"


@pytest.mark.requirement("CO.57")
@pytest.mark.parametrize(
    ("asked", "opened"),
    [
        pytest.param("", SERIES, id="an exam: its first series"),
        pytest.param(f"?series={OTHER_SERIES.series_instance_uid}", OTHER_SERIES, id="a series"),
        pytest.param("?series=1.2.3.404", SERIES, id="a series that it has not"),
    ],
)
def test_it_opens_at_an_exam_or_at_a_series_as_the_list_of_exams_links(
    site: ConsultationSite, client: TestClient, asked: str, opened: ReferencedSeries
) -> None:
    site.dmp.entries.clear()
    site.dmp.hold(made_up_manifest(series=(SERIES, OTHER_SERIES), study_date=date(2026, 7, 1)))
    root = _root(site, client)
    context = root.split("/")[2]
    exams = client.get(f"/consultation/{context}/exams").text
    if "404" not in asked:
        assert f'href="{root}{asked}"' in exams
    site.images.opened.clear()
    assert client.get(root + asked).status_code == 200
    assert site.images.opened[-1].series_instance_uid == opened.series_instance_uid


@pytest.mark.requirement("VI-CS.26")
@pytest.mark.requirement("VI-CS.29")
def test_the_page_names_the_patient_and_is_not_for_diagnosis(
    site: ConsultationSite, client: TestClient
) -> None:
    page = client.get(_root(site, client)).text
    for text in ("Non destiné au diagnostic", "PAQUERETTE", "ZOE", "00/03/1979", "2A004"):
        assert text in page
    assert SERIES.series_instance_uid in page


def test_the_page_of_a_patient_not_confirmed_asks_for_that_first(
    site: ConsultationSite, client: TestClient
) -> None:
    context = site.call(client, StudyInstanceUID=STUDY)
    answer = client.get(f"/viewer/{context.identifier}/{STUDY}")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"/consultation/{context.identifier}",
    )
    assert site.dmp.calls == []


def test_confirming_a_call_that_named_a_study_leads_to_its_images(
    site: ConsultationSite, client: TestClient
) -> None:
    context = site.call(client, StudyInstanceUID=STUDY)
    site.confirm(client, context)
    assert client.get(f"/viewer/{context.identifier}/{STUDY}").status_code == 200


def test_the_page_names_all_its_scripts_beforehand(
    site: ConsultationSite, client: TestClient
) -> None:
    """A module that is found only once another has come waits for it."""
    page = client.get(_root(site, client)).text
    pending, seen = ["/static/viewer/viewer.js"], set[str]()
    while pending:
        address = pending.pop()
        seen.add(address)
        script = client.get(address)
        assert script.status_code == 200, address
        pending += set(re.findall(r'from "(/static/[^"]+)"', script.text)) - seen
    named = set(re.findall(r'<link rel="modulepreload" href="([^"]+)"', page))
    assert named == seen - {"/static/viewer/viewer.js"}


def test_facts_are_told_without_the_pixels(site: ConsultationSite, client: TestClient) -> None:
    facts = client.get(_image(_root(site, client))).json()
    assert (facts["rows"], facts["columns"], facts["instance_number"]) == (512, 256, 7)
    assert facts["window"] == [40, 400]
    assert facts["pixel_spacing_mm"] == [0.7, 0.8]
    assert facts["edges"] == {"left": "R", "right": "L", "top": "A", "bottom": "P"}


@pytest.mark.requirement("VI-CS.19 / .20 / .21")
def test_a_frame_is_drawn_as_asked(site: ConsultationSite, client: TestClient) -> None:
    answer = client.get(_image(_root(site, client)) + "/frames/3?window=-600,1500&size=768")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    (asked,) = site.pixels.asked
    assert (asked.frame, asked.window, asked.size) == (3, (-600.0, 1500.0), (768, 768))


@pytest.mark.requirement("CO.80 / .81 / .82")
@pytest.mark.requirement("VI-CO.11 / .12")
def test_a_series_is_opened_and_traced_once_however_many_frames(
    site: ConsultationSite, client: TestClient
) -> None:
    image = _image(_root(site, client))
    for frame in range(1, 6):
        client.get(f"{image}/frames/{frame}")
    assert len(site.images.opened) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/frames/0",
        "/frames/x",
        "/frames/1e300",
        "/frames/1?size=1e9",
        "/frames/1?size=nan",
        "/frames/1?window=1",
        "/frames/1?window=nan,1",
        "/frames/1?window=0,0",
        "/frames/1?window=0,inf",
        "/frames/1?window=" + "9" * 100 + ",1",
    ],
)
def test_what_is_no_way_to_draw_is_refused(
    site: ConsultationSite, client: TestClient, path: str
) -> None:
    answer = client.get(_image(_root(site, client)) + path)
    assert (answer.status_code, answer.json()["failure"]) == (400, "bad-request")
    assert site.pixels.asked == []


_FAILURES = [
    pytest.param(NotAcceptable("406"), 406, "no-common-syntax", id="no syntax asked for"),
    pytest.param(TimedOut("peer", 30), 504, "source-unavailable", id="the Source does not answer"),
    pytest.param(Unavailable("peer"), 503, "source-unavailable", id="the Source is away"),
    pytest.param(NotAuthenticated("401"), 502, "token-refused", id="the token is refused"),
    pytest.param(Refused("403"), 403, "not-authorised", id="the profession is not authorised"),
    pytest.param(Mismatch("INS"), 409, "other-patient", id="images of another patient"),
]


@pytest.mark.requirement("VI-CO.27")
@pytest.mark.parametrize(("failure", "status", "word"), _FAILURES)
def test_a_retrieval_that_fails_has_a_word_of_its_own(
    site: ConsultationSite, client: TestClient, failure: DrimboxError, status: int, word: str
) -> None:
    image = _image(_root(site, client))
    site.images.failure = failure
    answer = client.get(f"{image}/frames/1")
    assert (answer.status_code, answer.json()["failure"]) == (status, word)
    site.images.failure = None
    assert client.get(f"{image}/frames/1").status_code == 200
    assert len(site.images.opened) == 2


@pytest.mark.requirement("VI-CO.27")
@pytest.mark.parametrize(
    ("failure", "status", "word"),
    [
        (NotAcceptable("no pixels"), 406, "not-an-image"),
        (MalformedMessage("broken"), 502, "unreadable"),
    ],
)
def test_pixels_that_cannot_be_drawn_have_a_word(
    site: ConsultationSite, client: TestClient, failure: DrimboxError, status: int, word: str
) -> None:
    site.pixels.failure = failure
    answer = client.get(_image(_root(site, client)) + "/frames/1")
    assert (answer.status_code, answer.json()["failure"]) == (status, word)


@pytest.mark.parametrize(
    "path",
    [
        "/series/1.2.3/instances/" + INSTANCE,
        f"/series/{SERIES.series_instance_uid}/instances/1.2.3",
    ],
)
def test_an_image_that_the_kos_does_not_name_is_not_there(
    site: ConsultationSite, client: TestClient, path: str
) -> None:
    answer = client.get(_root(site, client) + path)
    assert (answer.status_code, answer.json()["failure"]) == (404, "not-found")


def test_a_colleague_s_session_does_not_open_the_images(
    site: ConsultationSite, client: TestClient
) -> None:
    image = _image(_root(site, client))
    assert site.client(COLLEAGUE).get(image).status_code == 404
    assert site.client().get(image).status_code == 401
    assert site.images.opened == []


@pytest.mark.requirement("VI-CO.11 / .12")
def test_no_token_is_in_the_page_nor_its_answers(
    site: ConsultationSite, client: TestClient
) -> None:
    root = _root(site, client)
    for path in (root, _image(root), _image(root) + "/frames/1"):
        answer = client.get(path)
        assert b"psc-token" not in answer.content
        assert "psc-token" not in str(answer.headers)


@pytest.mark.requirement("VI-CS.30 / .31")
def test_a_pdf_among_the_series_is_shown_as_pictures(
    site: ConsultationSite, client: TestClient
) -> None:
    site.images.sop_classes[INSTANCE] = ENCAPSULATED_PDF
    site.images.data_sets[INSTANCE] = encode_data_set(
        {
            0x00420010: ("ST", b"Fiche <dose>"),
            0x00420011: ("OB", b"%PDF-1.4\nUn\fDeux "),
            0x00420012: ("LO", b"application/pdf "),
        }
    )
    address = f"{_image(_root(site, client))}/document"
    page = client.get(address)
    assert "Fiche &lt;dose&gt;" in page.text
    assert f'src="{address}/pages/2"' in page.text
    assert "script-src" not in page.headers["content-security-policy"]
    assert client.get(f"{address}/pages/2").headers["content-type"] == "image/png"
    assert client.get(f"{address}/file").headers["content-disposition"].startswith("attachment")


def test_an_image_asked_for_as_a_document_says_that_it_is_none(
    site: ConsultationSite, client: TestClient
) -> None:
    answer = client.get(f"{_image(_root(site, client))}/document")
    assert answer.status_code == 415
    assert "Ce type de document" in answer.text


def test_a_document_whose_source_is_away_says_so_in_its_place(
    site: ConsultationSite, client: TestClient
) -> None:
    site.images.failure = TimedOut("DRIMbox", 5)
    answer = client.get(f"{_image(_root(site, client))}/document")
    assert answer.status_code == 504
    assert "ne répond pas" in answer.text


def test_only_the_page_of_an_exam_to_compare_is_framed_and_by_our_own_pages(
    site: ConsultationSite, client: TestClient
) -> None:
    root = _root(site, client)
    beside = client.get(f"{root}?beside=1").headers
    assert "frame-ancestors 'self';" in beside["content-security-policy"]
    assert beside["x-frame-options"] == "SAMEORIGIN"
    alone = client.get(root).headers
    assert "frame-ancestors 'none';" in alone["content-security-policy"]
    assert alone["x-frame-options"] == "DENY"
    dropped = "frame-ancestors 'none';", "frame-ancestors 'self';"
    policy = alone["content-security-policy"].replace(*dropped)
    assert policy == beside["content-security-policy"], "nothing else is let in"


@pytest.mark.requirement("VI-CS.35")
def test_slices_of_a_series_are_told_with_their_places(
    site: ConsultationSite, client: TestClient
) -> None:
    """One image of the two has a position."""
    site.images.data_sets[SERIES.instances[1].sop_instance_uid] = encode_data_set(
        {
            0x00200032: ("DS", b"-125\\-125\\12.5 "),
            0x00200037: ("DS", b"1\\0\\0\\0\\1\\0 "),
            0x00200052: ("UI", b"1.2.3\0"),
        }
    )
    root = _root(site, client)
    answer = client.get(f"{root}/series/{SERIES.series_instance_uid}/slices")
    assert answer.json() == {
        "slices": [
            {
                "instance": SERIES.instances[1].sop_instance_uid,
                "frame": 1,
                "frame_of_reference": "1.2.3",
                "position_mm": [-125.0, -125.0, 12.5],
                "normal": [0.0, 0.0, 1.0],
            }
        ]
    }
    unknown = client.get(f"{root}/series/1.2.3.404/slices")
    assert (unknown.status_code, unknown.json()["failure"]) == (404, "not-found")


@pytest.mark.requirement("VI-CS.34")
def test_key_images_of_the_exam_are_told_and_those_it_does_not_have_are_counted(
    site: ConsultationSite, client: TestClient
) -> None:
    site.images.sop_classes[INSTANCE] = KEY_OBJECT_SELECTION
    marked = SERIES.instances[1].sop_instance_uid
    site.images.data_sets[INSTANCE] = _key_image_note("113000", [marked, "1.2.9.404"])
    answer = client.get(f"{_image(_root(site, client))}/key-images")
    assert answer.json() == {
        "title": "Images clés",
        "description": "",
        "unavailable": 1,
        "images": [{"series": SERIES.series_instance_uid, "instance": marked, "frame": 1}],
    }


def test_what_marks_no_key_images_says_so(site: ConsultationSite, client: TestClient) -> None:
    address = f"{_image(_root(site, client))}/key-images"
    answer = client.get(address)
    assert (answer.status_code, answer.json()["failure"]) == (406, "not-an-image")
    site.images.sop_classes[INSTANCE] = KEY_OBJECT_SELECTION
    site.images.data_sets[INSTANCE] = _key_image_note("113001", [INSTANCE])
    assert client.get(address).status_code == 406


def _key_image_note(title: str, instances: list[str]) -> bytes:
    references = [{tags.REFERENCED_SOP_INSTANCE_UID: ("UI", uid.encode())} for uid in instances]
    series = {
        tags.SERIES_INSTANCE_UID: ("UI", SERIES.series_instance_uid.encode()),
        tags.REFERENCED_SOP_SEQUENCE: ("SQ", references),
    }
    lines = [
        {tags.VALUE_TYPE: ("CS", b"IMAGE "), tags.REFERENCED_SOP_SEQUENCE: ("SQ", [one])}
        for one in references
    ]
    return encode_data_set(
        {
            tags.CONCEPT_NAME_CODE_SEQUENCE: ("SQ", [{tags.CODE_VALUE: ("SH", title.encode())}]),
            tags.CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE: (
                "SQ",
                [{tags.REFERENCED_SERIES_SEQUENCE: ("SQ", [series])}],
            ),
            tags.CONTENT_SEQUENCE: ("SQ", lines),
        }
    )
