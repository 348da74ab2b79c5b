"""Searches, held against dicomweb-client's own search of the same files and against plain sums."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from dicomweb_client import DICOMfileClient, DICOMwebClient
from pydicom import Dataset
from tests.fakes.dicom_studies import searchable_objects
from tests.fakes.dicomweb_site import DicomwebSite

from drimbox.adapters.pacs_dimse.pacs import DimsePacs
from drimbox.sandbox.pacs.process import PacsProcess
from drimbox.settings.partners import PacsSettings

OBJECTS = searchable_objects()
ROOT = "1.2.250.1.999.79"
UNIQUE = {"studies": "0020000D", "series": "0020000E", "instances": "00080018"}
NUMBER_OF_FRAMES = "00280008"
Row = Mapping[str, Any]


@pytest.fixture(scope="module", params=["in front of a folder", "in front of a PACS by C-FIND"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DicomwebSite]:
    folder = tmp_path_factory.mktemp("search")
    with ExitStack() as stack:
        pacs = stack.enter_context(c_find_pacs(folder)) if "C-FIND" in request.param else None
        running = stack.enter_context(DicomwebSite(folder, behind=pacs))
        for image in OBJECTS:
            running.add(image)
        yield running


@contextmanager
def c_find_pacs(folder: Path) -> Iterator[DimsePacs]:
    """Start a PACS that compares keys as C-FIND writes them: pynetdicom over these objects."""
    held = folder / "held"
    held.mkdir()
    for image in OBJECTS:
        image.save_as(held / f"{image.SOPInstanceUID}.dcm", enforce_file_format=True)
    with PacsProcess("PACS", held) as process:
        yield DimsePacs(
            PacsSettings(host=process.host, port=process.dicom_port, ae_title="PACS"), None
        )


@pytest.fixture(scope="module")
def files(site: DicomwebSite) -> DICOMfileClient:
    """The same folder, read without any server of ours."""
    return DICOMfileClient(f"file://{site.pacs.folder}", in_memory=True, update_db=True)


def uid_of(row: Row, level: str) -> str:
    return str(row[UNIQUE[level]]["Value"][0])


QUERIES = [
    {},
    {"PatientID": "IPP1"},
    {"PatientID": "IPP*"},
    {"PatientID": "nobody"},
    {"PatientName": "DUPON*"},
    {"PatientName": "DUPOND^JEANNE"},
    {"00100010": "*JEAN*"},
    {"StudyDate": "20260215"},
    {"PatientSex": "F", "StudyDate": "20260215"},
    {"StudyInstanceUID": f"{ROOT}.3"},
    {"StudyID": "S2"},
]


@pytest.mark.requirement("FA.3")
@pytest.mark.parametrize("filters", QUERIES, ids=urlencode)
def test_studies_equal_those_that_dicomweb_client_finds_in_the_files(
    site: DicomwebSite, files: DICOMfileClient, filters: dict[str, str]
) -> None:
    ours = site.client().search_for_studies(search_filters=filters)
    compare(ours, files.search_for_studies(search_filters=filters), "studies")


@pytest.mark.parametrize("study", [None, f"{ROOT}.1", f"{ROOT}.2"])
@pytest.mark.parametrize(
    "filters", [{}, {"Modality": "CT"}, {"Modality": "M?"}, {"SeriesNumber": "2"}], ids=urlencode
)
def test_series_equal_those_of_the_files(
    site: DicomwebSite, files: DICOMfileClient, study: str | None, filters: dict[str, str]
) -> None:
    ours = site.client().search_for_series(study, search_filters=filters)
    compare(ours, files.search_for_series(study, search_filters=filters), "series")


@pytest.mark.parametrize(
    ("study", "series"), [(None, None), (f"{ROOT}.1", None), (f"{ROOT}.1", f"{ROOT}.1.2")]
)
@pytest.mark.parametrize(
    "filters", [{}, {"InstanceNumber": "2"}, {"SOPInstanceUID": f"{ROOT}.1.2.2"}], ids=urlencode
)
def test_instances_equal_those_of_the_files(
    site: DicomwebSite,
    files: DICOMfileClient,
    study: str | None,
    series: str | None,
    filters: dict[str, str],
) -> None:
    ours = site.client().search_for_instances(study, series, search_filters=filters)
    theirs = files.search_for_instances(study, series, search_filters=filters)
    compare(ours, theirs, "instances")


def compare(ours: list[Row], theirs: list[Row], level: str) -> None:
    """Compare who is found, and of each what both tell, empty or not."""
    expected = {uid_of(row, level): row for row in theirs}
    found = {uid_of(row, level): row for row in ours}
    assert found.keys() == expected.keys()
    for uid, row in found.items():
        told = row.keys() & expected[uid].keys()
        assert len(told) >= (9 if level == "studies" else 3)
        if not row.get(NUMBER_OF_FRAMES, {}).get("Value"):
            told -= {NUMBER_OF_FRAMES}  # the client makes it up: 1 where an image has none
        for tag in told:
            assert plain(row[tag]) == plain(expected[uid][tag]), tag


def plain(attribute: Row) -> object:
    """Forget empty values, which may be told or not, and zeros at the end of a second."""
    values = [v for v in attribute.get("Value", ()) if v not in ("", None)]
    if attribute["vr"] == "TM":
        values = [v.rstrip("0").rstrip(".") for v in values]
    return sorted(map(str, values)) if attribute["vr"] == "CS" else values


def instant(image: Dataset) -> str:
    return f"{image.StudyDate}{image.StudyTime}"


@pytest.mark.parametrize(
    ("query", "is_match"),
    [
        pytest.param(
            "StudyDate=20260101-20260215", lambda i: i.StudyDate <= "20260215", id="range"
        ),
        pytest.param(
            "StudyDate=20260215-", lambda i: i.StudyDate >= "20260215", id="from a day on"
        ),
        pytest.param("StudyDate=-20260101", lambda i: i.StudyDate <= "20260101", id="up to a day"),
        pytest.param("StudyTime=0800-1100", lambda i: "0800" <= i.StudyTime < "1101", id="times"),
        pytest.param("StudyTime=23-", lambda i: i.StudyTime >= "23", id="from an hour on"),
        pytest.param(
            "StudyDate=20260101-20260215&StudyTime=0900-1100",
            lambda i: "202601010900" <= instant(i) <= "202602151100",
            id="dates and times together are instants (PS3.4 C.2.2.2.5)",
        ),
        pytest.param(
            f"StudyInstanceUID={ROOT}.1,{ROOT}.3",
            lambda i: i.StudyInstanceUID in {f"{ROOT}.1", f"{ROOT}.3"},
            id="UIDs by comma",
        ),
        pytest.param(
            f"StudyInstanceUID={ROOT}.1%5C{ROOT}.4",
            lambda i: i.StudyInstanceUID in {f"{ROOT}.1", f"{ROOT}.4"},
            id="UIDs by backslash",
        ),
        pytest.param(
            f"StudyInstanceUID={ROOT}.1&StudyInstanceUID={ROOT}.2",
            lambda i: i.StudyInstanceUID in {f"{ROOT}.1", f"{ROOT}.2"},
            id="UIDs repeated",
        ),
        pytest.param("StudyInstanceUID=", lambda _: True, id="universal"),
        pytest.param("StudyInstanceUID=*", lambda _: True, id="universal by a star"),
        pytest.param("PatientName=dupont*", lambda i: "DUPONT" in str(i.PatientName), id="case"),
        pytest.param("PatientName=DUPON?%5EJEAN", lambda i: i.PatientID == "IPP1", id="one letter"),
        pytest.param("PatientBirthDate=19600229", lambda i: i.PatientID == "IPP1", id="birth date"),
        pytest.param("ModalitiesInStudy=MR", lambda i: i.StudyID in {"S2", "S3"}, id="modality"),
        pytest.param(
            "ModalitiesInStudy=MR%5CUS", lambda i: i.StudyID in {"S2", "S3"}, id="several"
        ),
        pytest.param("ModalitiesInStudy=MR,CT", lambda _: True, id="several by comma"),
        pytest.param("NumberOfStudyRelatedInstances=4", lambda i: i.StudyID == "S1", id="a number"),
        pytest.param("StudyDescription=Thorax*", lambda i: i.StudyID in {"S1", "S2"}, id="star"),
        pytest.param("AccessionNumber=A?", lambda i: i.AccessionNumber[:1] == "A", id="a ?"),
        pytest.param("StudyDescription=THORAX", lambda _: False, id="case counts elsewhere"),
        pytest.param("StudyDescription=%22%27--", lambda _: False, id="quotes are letters"),
        pytest.param("AccessionNumber=*", lambda _: True, id="a star matches what is not told too"),
    ],
)
def test_studies_are_matched_as_ps_3_4_says(
    site: DicomwebSite, query: str, is_match: Callable[[Dataset], bool]
) -> None:
    answer = site.get(f"/studies?{query}")
    assert answer.status_code == 200, answer.text
    found = {uid_of(row, "studies") for row in answer.json()}
    assert found == {image.StudyInstanceUID for image in OBJECTS if is_match(image)}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("Rows=4", 8, id="16 bits"),
        pytest.param("Rows=5", 0, id="16 bits, another number"),
        pytest.param("Columns=4&BitsAllocated=16&InstanceNumber=2", 2, id="several"),
        pytest.param("Rows=4&Modality=MR", 2, id="with a key of the series"),
        pytest.param("NumberOfStudyRelatedSeries=2", 6, id="of the study"),
        pytest.param("NumberOfSeriesRelatedInstances=2&limit=3", 3, id="of the series"),
    ],
)
def test_instances_are_matched_by_their_numbers(site: DicomwebSite, query: str, found: int) -> None:
    answer = site.get(f"/instances?{query}")
    assert (answer.status_code, len(answer.json())) == (200, found)


@pytest.mark.parametrize(
    ("query", "first", "count", "remaining"),
    [
        pytest.param("limit=2", 0, 2, 2, id="the first two"),
        pytest.param("limit=2&offset=1", 1, 2, 1, id="from the second on"),
        pytest.param("limit=2&offset=2", 2, 2, 0, id="the last two: nothing remains"),
        pytest.param("offset=3", 3, 1, 0, id="no limit"),
        pytest.param("limit=9&offset=9", 4, 0, 0, id="behind the end"),
        pytest.param("limit=0", 0, 0, 4, id="none, but how many there are"),
        pytest.param("limit=1&PatientID=IPP1", 0, 1, 1, id="with a key"),
    ],
)
def test_a_page_says_how_many_remain(
    site: DicomwebSite, query: str, first: int, count: int, remaining: int
) -> None:
    key = "?PatientID=IPP1" if "PatientID" in query else ""
    everything = [uid_of(row, "studies") for row in site.get(f"/studies{key}").json()]
    answer = site.get(f"/studies?{query}")
    page = [uid_of(row, "studies") for row in answer.json()]
    assert page == everything[first : first + count]
    expected = f'299 drimbox "There are {remaining} additional results that can be requested"'
    assert answer.headers.get("warning") == (expected if remaining else None)


@pytest.mark.parametrize(
    ("parameter", "is_told"),
    [("fuzzymatching=true", True), ("fuzzymatching=false", False), ("fuzzymatching=TRUE", True)],
)
def test_fuzzy_matching_is_told_not_to_be_done(
    site: DicomwebSite, parameter: str, is_told: bool
) -> None:
    answer = site.get(f"/studies?{parameter}&PatientName=DUPON")
    assert answer.json() == []
    expected = (
        '299 drimbox "The fuzzymatching parameter is not supported. '
        'Only literal matching has been performed."'
    )
    assert answer.headers.get("warning") == (expected if is_told else None)


def test_studies_are_found_by_the_classes_of_their_objects(site: DicomwebSite) -> None:
    classes = {image.SOPClassUID for image in OBJECTS}
    assert len(classes) > 1
    for one in classes:
        found = {
            uid_of(row, "studies") for row in site.get(f"/studies?SOPClassesInStudy={one}").json()
        }
        assert found == {i.StudyInstanceUID for i in OBJECTS if i.SOPClassUID == one}


def test_the_client_of_others_reads_our_warning_and_asks_for_the_rest(site: DicomwebSite) -> None:
    client: DICOMwebClient = site.client()
    found = client.search_for_instances(limit=3, get_remaining=True)
    assert len({uid_of(row, "instances") for row in found}) == len(OBJECTS)


@pytest.mark.parametrize(
    ("field", "tag"),
    [
        pytest.param("StudyDescription", "00081030", id="a keyword"),
        pytest.param("00081030", "00081030", id="a tag"),
        pytest.param("StudyDescription,SOPClassesInStudy", "00080062", id="a list"),
        pytest.param("all", "00080062", id="all"),
        pytest.param("ALL", "00081030", id="all, in capitals"),
    ],
)
def test_a_field_is_included_where_it_is_asked_for(
    site: DicomwebSite, field: str, tag: str
) -> None:
    path = f"/studies?StudyInstanceUID={ROOT}.1"
    (plain_row,) = site.get(path).json()
    (row,) = site.get(f"{path}&includefield={field}").json()
    assert tag not in plain_row
    assert row[tag]["Value"]


@pytest.mark.parametrize(
    "key", ["RequestAttributesSequence.ScheduledProcedureStepID", "00400275.00400009"]
)
def test_an_attribute_in_a_sequence_is_matched_and_returned(site: DicomwebSite, key: str) -> None:
    (row,) = site.get(f"/series?{key}=SPS?2&Modality=MR").json()
    assert uid_of(row, "series") == f"{ROOT}.2.2"
    assert row["00400275"]["Value"][0]["00400009"]["Value"] == ["SPS22"]
    (row,) = site.get(f"/studies/{ROOT}.3/series?includefield={key}").json()
    assert row["00400275"]["Value"][0]["00400009"]["Value"] == ["SPS31"]


def test_a_field_of_a_lower_level_is_left_out(site: DicomwebSite) -> None:
    """OHIF asks studies for Modality; 10.6.3.3 returns no attribute of a level below."""
    (row,) = site.get(f"/studies?StudyInstanceUID={ROOT}.1&includefield=00080060").json()
    assert "00080060" not in row


def test_attributes_above_are_told_where_the_path_does_not_name_them(site: DicomwebSite) -> None:
    (below,) = site.get(f"/studies/{ROOT}.3/series").json()
    (anywhere,) = [r for r in site.get("/series").json() if uid_of(r, "studies") == f"{ROOT}.3"]
    assert "00100010" not in below
    assert anywhere["00100010"]["Value"] == [{"Alphabetic": "PÂQUERETTE^ZOÉ"}]


def test_each_match_says_where_it_is_retrieved(site: DicomwebSite) -> None:
    image = OBJECTS[0]
    (row,) = site.get(f"/instances?SOPInstanceUID={image.SOPInstanceUID}").json()
    assert row["00081190"]["Value"] == [f"http://box/dicom-web{site.path_of(image)}"]


def test_no_match_is_an_empty_list_as_json_and_204_as_xml(site: DicomwebSite) -> None:
    answer = site.get("/studies?PatientID=nobody", "application/dicom+json")
    assert (answer.status_code, answer.json()) == (200, [])
    xml = site.get("/studies?PatientID=nobody", 'multipart/related; type="application/dicom+xml"')
    assert (xml.status_code, xml.content) == (204, b"")


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        pytest.param("/studies?NoSuchKey=1", "NoSuchKey", id="no keyword"),
        pytest.param("/studies?SOPInstanceUID=1.2", "SOPInstanceUID", id="of a lower level"),
        pytest.param("/studies?StudyDate=2026-01-01", "StudyDate", id="a date with dashes"),
        pytest.param("/studies?limit=many", "limit", id="no number"),
        pytest.param("/studies?limit=1&limit=2", "limit", id="twice"),
        pytest.param("/studies?PatientID=A&00100020=B", "00100020", id="one key by two names"),
        pytest.param(
            f"/studies/{ROOT}.1/series?StudyInstanceUID=1.2", "StudyInstanceUID", id="two"
        ),
        pytest.param("/studies/x/series", "StudyInstanceUid", id="no UID in the path"),
    ],
)
def test_a_search_that_is_not_understood_names_its_parameter(
    site: DicomwebSite, path: str, parameter: str
) -> None:
    answer = site.get(path)
    assert answer.status_code == 400
    assert answer.json()["parameter"] == parameter


def test_the_searches_of_ohif_are_answered(site: DicomwebSite) -> None:
    """As recorded from OHIF 3.13.2: its list, the priors of a patient, the series of a study."""
    fields = "includefield=00081030%2C00080060&includefield=00080090"
    found = site.get(
        f"/studies?limit=101&offset=0&fuzzymatching=false&{fields}&StudyInstanceUID={ROOT}.1",
        "application/dicom+json",
    ).json()
    assert [uid_of(row, "studies") for row in found] == [f"{ROOT}.1"]
    priors = site.get(f"/studies?00100020=IPP1&limit=25&offset=0&fuzzymatching=true&{fields}")
    assert {uid_of(r, "studies") for r in priors.json()} == {f"{ROOT}.1", f"{ROOT}.4"}
    series = site.get(f"/studies/{ROOT}.1/series?includefield=0008103E").json()
    assert [r["0008103E"]["Value"] for r in series] == [["Série 1"], ["Série 2"]]
