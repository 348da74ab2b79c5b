"""D1, D7, R8: no Accept, query string, frame list, range or path makes a 5xx, a hang or a way out.

Made of the words of each grammar, put together wrongly; the short form of R8's million.
"""

import time
from collections.abc import Mapping
from urllib.parse import quote

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.dicom_kinds import KINDS, STUDY_PATH, instance_path, series_path
from tests.fakes.dicomweb_site import SYSTEM, DicomwebSite

LONGEST_SECONDS = 5.0
MANY = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))

UID_WORDS = (KINDS["explicit"].SOPInstanceUID, "1.2.840.10008.1.2.1", "1..2", "1.02", "9.9", "*")
WORDS = (
    *("multipart/related", "application/dicom", "application/octet-stream", "image/jpeg", "*/*"),
    *("type", "transfer-syntax", "boundary", "q", "=", ";", ",", '"', "\\", "*", "/", " ", "**"),
    *("0", "1", "0.5", "1e99", "nan", "-1", "1.2.840.10008.1.2.4.80", "é", "a" * 300),
)
KEYS = (
    *("PatientID", "PatientName", "StudyDate", "StudyTime", "00100020", "0020000D", "limit"),
    *(
        "offset",
        "includefield",
        "fuzzymatching",
        "accept",
        "PixelData",
        "RequestAttributesSequence",
    ),
    *("RequestAttributesSequence.ScheduledProcedureStepID", "a.b.c.d.e", "", "00091001", "é"),
)
VALUES = (
    *("*", "?", "**********a", "20260101-", "-", "20260231", "all", "true", "\\", "\x00", "\r\n"),
    *("' OR 1=1 --", "../../etc/passwd", "%", "1.2.3,1.2.4", "a" * 5000, "9" * 30, "é", "\ud7ff"),
)

headers = st.lists(st.sampled_from(WORDS), max_size=14).map("".join)
queries = st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES)), max_size=5)
frame_lists = st.lists(
    st.sampled_from(["1", "2", "3", "0", "-1", "", "x", "1-3", "²", "9" * 12, "1" * 4000]),
    min_size=1,
    max_size=40,
).map(",".join)
ranges = st.lists(
    st.sampled_from(["bytes", "=", "0", "-", "1", ",", "9" * 30, " ", "items", "x", "²"]),
    max_size=8,
).map("".join)
steps = st.sampled_from(
    ["..", "%2e%2e", "etc", "7FE00010", "0040A730", "0", "99999999", "-1", "x" * 300, "", "\x00"]
)
drawings = st.lists(
    st.sampled_from(["1", ",", "nan", "inf", "-5", "1e9", "linear", "8192", "99999", "0", ".5"]),
    max_size=8,
).map("".join)


def ask(site: DicomwebSite, path: str, told: Mapping[str, str] | None = None) -> requests.Response:
    """Ask; each answer comes in time, is cheap, has no 5xx, and is JSON where it refuses."""
    encoded = {k: v.encode("utf-8") for k, v in (told or {}).items()}
    started = time.process_time()
    answer = site.session.get(
        site.url + path, headers={"Authorization": SYSTEM, **encoded}, timeout=30
    )
    assert time.process_time() - started < LONGEST_SECONDS
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 and "dicom-web" in answer.url:
        assert answer.json()["status"] == answer.status_code
        assert "passwd" not in answer.text
    return answer


@MANY
@given(
    accept=headers,
    path=st.sampled_from(
        [
            "/studies",
            instance_path("explicit"),
            f"{instance_path('JPEG-LS')}/frames/1",
            f"{instance_path('explicit')}/metadata",
            f"{instance_path('cine')}/rendered",
            f"{instance_path('PDF')}/bulkdata/00420011",
            f"{series_path('cine')}/pixeldata",
        ]
    ),
)
def test_any_accept_is_answered(kinds_site: DicomwebSite, accept: str, path: str) -> None:
    ask(kinds_site, path, {"Accept": accept.strip()})


@MANY
@given(
    query=queries,
    path=st.sampled_from(
        ["/studies", "/series", "/instances", f"{STUDY_PATH}/series", "/wado", STUDY_PATH]
    ),
)
def test_any_query_string_is_answered(
    kinds_site: DicomwebSite, query: list[tuple[str, str]], path: str
) -> None:
    text = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in query)
    ask(kinds_site, f"{path}?{text}", {"Accept": "*/*"})


@MANY
@given(frames=frame_lists, what=st.sampled_from(["", "/rendered", "/thumbnail"]))
def test_any_list_of_frames_is_answered(kinds_site: DicomwebSite, frames: str, what: str) -> None:
    ask(kinds_site, f"{instance_path('cine')}/frames/{quote(frames, safe=',')}{what}")


@MANY
@given(asked=ranges, condition=st.sampled_from(["", '"x"', "*", 'W/"y", "z"', "nonsense"]))
def test_any_range_is_answered(kinds_site: DicomwebSite, asked: str, condition: str) -> None:
    told = {"Range": asked.strip(), "If-None-Match": condition, "If-Range": condition}
    for path in (f"{instance_path('PDF')}/bulkdata/00420011", instance_path("explicit")):
        ask(kinds_site, path, {"Accept": "application/dicom, application/octet-stream"} | told)


@MANY
@given(path=st.lists(steps, max_size=6).map("/".join), uid=st.sampled_from(UID_WORDS))
def test_any_path_is_answered(kinds_site: DicomwebSite, path: str, uid: str) -> None:
    ask(kinds_site, f"{instance_path('SR')}/bulkdata/{quote(path)}")
    ask(kinds_site, f"/studies/{quote(uid, safe='')}/series/{quote(path, safe='')}")


@MANY
@given(window=drawings, viewport=drawings, quality=drawings)
def test_any_drawing_is_answered(
    kinds_site: DicomwebSite, window: str, viewport: str, quality: str
) -> None:
    told = f"window={quote(window)}&viewport={quote(viewport)}&quality={quote(quality)}"
    ask(kinds_site, f"{instance_path('explicit')}/rendered?{told}", {"Accept": "image/png"})


@pytest.mark.parametrize(
    "uid",
    [
        *("..%2f..%2f..%2fetc%2fpasswd", "1.2.3%00", "1.2.3%0d%0aX:1", "1." + "2" * 64, "٣.٤"),
        *("1.2.3;id", "1.2.3|id", "$(id)", "%ff", "1.2.3%20", " 1.2.3", "-1.2", "1.2.3%2f.."),
    ],
)
def test_what_is_no_uid_is_refused_and_reaches_no_file(kinds_site: DicomwebSite, uid: str) -> None:
    before = {path for path in kinds_site.folder.parent.rglob("*") if "cache" not in path.parts}
    retrievals = kinds_site.pacs.retrievals
    for path in (f"/studies/{uid}", f"/studies/{uid}/metadata", f"{STUDY_PATH}/series/{uid}"):
        assert ask(kinds_site, path, {"Accept": "*/*"}).status_code in {400, 404}
    after = {path for path in kinds_site.folder.parent.rglob("*") if "cache" not in path.parts}
    assert after == before
    assert kinds_site.pacs.retrievals == retrievals
