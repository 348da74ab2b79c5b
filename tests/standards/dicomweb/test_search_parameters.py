"""QIDO-RS query strings as viewers write them, and what is refused by the parameter's name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drimbox.errors import InvalidValue
from drimbox.model.retrieval import DicomQuery, QueryLevel
from drimbox.model.uids import SeriesInstanceUid, StudyInstanceUid
from drimbox.standards.dicomweb.search_parameters import Search, SearchTarget, parse_search

STUDY = StudyInstanceUid("1.2.3")
STUDIES = SearchTarget(QueryLevel.STUDY)
SERIES_OF_STUDY = SearchTarget(QueryLevel.SERIES, STUDY)
INSTANCES = SearchTarget(QueryLevel.IMAGE)


def query(target: SearchTarget, *parameters: tuple[str, str]) -> DicomQuery:
    return parse_search(target, parameters).query


@pytest.mark.parametrize(
    ("name", "value", "matching"),
    [
        pytest.param("PatientID", "IPP1", {"00100020": "IPP1"}, id="a keyword"),
        pytest.param("00100020", "IPP1", {"00100020": "IPP1"}, id="a tag"),
        pytest.param("0020000d", "1.2.3", {"0020000D": "1.2.3"}, id="a tag in lower case"),
        pytest.param("PatientName", "DUP*", {"00100010": "DUP*"}, id="wildcards"),
        pytest.param("StudyDate", "20260101-", {"00080020": "20260101-"}, id="an open range"),
        pytest.param("StudyTime", "0900-1000.5", None, id="a fraction belongs to seconds"),
        pytest.param("StudyTime", "090000-100000.5", {"00080030": "090000-100000.5"}, id="times"),
        pytest.param("StudyTime", "10-11", {"00080030": "100000-115959.999999"}, id="hours"),
        pytest.param("StudyTime", "1030-", {"00080030": "103000-"}, id="from a minute on"),
        pytest.param("StudyTime", "-1030", {"00080030": "-103059.999999"}, id="to its end"),
        pytest.param("StudyTime", "1030", {"00080030": "1030"}, id="one time"),
        pytest.param("SOPClassesInStudy", "1.2", {}, id="what a PACS tells and does not match"),
        pytest.param("StudyInstanceUID", "1.2,1.3", {"0020000D": "1.2\\1.3"}, id="UIDs by comma"),
        pytest.param("StudyInstanceUID", "1.2\\1.3", {"0020000D": "1.2\\1.3"}, id="by backslash"),
        pytest.param("ModalitiesInStudy", "CT", {"00080061": "CT"}, id="one modality"),
        pytest.param("PatientID", "", {"00100020": ""}, id="universal"),
        pytest.param("AccessionNumber", "*", {"00080050": ""}, id="universal by a star"),
        pytest.param("StudyDate", "2026-01-01", None, id="a date with dashes"),
        pytest.param("StudyDate", "20261301", None, id="a month that is none"),
        pytest.param("StudyInstanceUID", "1.2.x", None, id="what is no UID"),
        pytest.param("StudyInstanceUID", "1.2.*", None, id="a UID with a wildcard"),
        pytest.param("PatientID", "A\\B", None, id="two patients"),
        pytest.param("PatientID", "A\x00", None, id="a control character"),
        pytest.param("PatientID", "A" * 257, None, id="too long"),
        pytest.param("SOPInstanceUID", "1.2", None, id="a key of a lower level"),
        pytest.param("PixelData", "1", None, id="a key that is never matched"),
        pytest.param("NoSuchKeyword", "1", None, id="a keyword that is none"),
        pytest.param("00091001", "1", None, id="a private tag"),
        pytest.param("limit", "-1", None, id="a negative limit"),
        pytest.param("limit", "²", None, id="a digit that is not ASCII"),
        pytest.param("fuzzymatching", "maybe", None, id="a boolean that is none"),
        pytest.param("includefield", "NoSuchKeyword", None, id="a field that is none"),
        pytest.param("includefield", "PatientID.PatientName", None, id="a dot into no sequence"),
    ],
)
def test_each_key_is_read_or_refused_by_name(
    name: str, value: str, matching: dict[str, str] | None
) -> None:
    if matching is not None:
        assert query(STUDIES, (name, value)).matching == matching
        return
    with pytest.raises(InvalidValue) as refused:
        query(STUDIES, (name, value))
    assert refused.value.what == name


def test_repeated_uids_are_one_list_and_other_keys_come_once() -> None:
    found = query(STUDIES, ("StudyInstanceUID", "1.2"), ("StudyInstanceUID", "1.3"))
    assert found.matching == {"0020000D": "1.2\\1.3"}
    for second in ("PatientID", "00100020"):
        with pytest.raises(InvalidValue):
            query(STUDIES, ("PatientID", "A"), (second, "B"))


def test_what_c_find_cannot_match_becomes_a_filter() -> None:
    found = query(
        SERIES_OF_STUDY,
        ("RequestAttributesSequence.ScheduledProcedureStepID", "SPS1"),
        ("Modality", "CT,MR"),
    )
    assert found.matching == {"0020000D": STUDY}
    assert found.filters == {"00400275.00400009": "SPS1", "00080060": "CT\\MR"}
    assert {"00400275", "00080060"} <= set(found.returned) & set(found.asked)


def test_numbers_are_compared_here_but_for_those_that_every_pacs_compares() -> None:
    found = query(INSTANCES, ("Rows", "512"), ("InstanceNumber", "3"), ("PatientWeight", "70.0"))
    assert found.matching == {"00200013": "3"}
    assert found.filters == {"00280010": "512", "00101030": "70.0"}


def test_a_range_of_times_belongs_to_its_range_of_dates() -> None:
    found = query(STUDIES, ("StudyDate", "20260101-20260103"), ("StudyTime", "100000-120000"))
    assert found.matching == {"00080020": "20260101-20260103"}
    assert found.filters == {"00080030": "100000-120000.999999"}
    alone = query(STUDIES, ("StudyDate", "20260101"), ("StudyTime", "100000-120000"))
    assert alone.matching == {"00080020": "20260101", "00080030": "100000-120000.999999"}


def test_the_path_names_the_parents_and_the_query_may_not_contradict_it() -> None:
    target = SearchTarget(QueryLevel.IMAGE, STUDY, SeriesInstanceUid("1.2.3.4"))
    assert query(target).matching == {"0020000D": "1.2.3", "0020000E": "1.2.3.4"}
    with pytest.raises(InvalidValue) as refused:
        query(target, ("StudyInstanceUID", "1.2.9"))
    assert refused.value.what == "StudyInstanceUID"


def test_relational_searches_return_the_levels_above() -> None:
    assert {"00100020", "0020000D", "00080060", "0020000E", "00080018", "00280010"} <= set(
        query(INSTANCES).returned
    )
    under_a_study = set(query(SERIES_OF_STUDY).returned)
    assert {"0020000D", "0020000E", "00080060", "00201209"} <= under_a_study
    assert "00100020" not in under_a_study


def test_fields_are_included_by_keyword_tag_list_all_and_path() -> None:
    found = query(
        STUDIES,
        ("includefield", "StudyDescription,00081080"),
        ("includefield", "ProcedureCodeSequence.CodeValue"),
        ("includefield", "Modality"),
    )
    assert found.asked == ("00081030", "00081032", "00081080")
    assert "00080060" not in found.returned
    private = query(STUDIES, ("includefield", "00091001,00091002.00080100,StudyDescription"))
    assert private.asked == ("00081030",)
    everything = set(query(STUDIES, ("includefield", "all")).returned)
    assert {"00081030", "00081032", "00101002"} <= everything


def test_pages_are_bounded_and_what_is_not_done_is_told() -> None:
    search = parse_search(
        STUDIES,
        [("limit", "5000"), ("offset", "20"), ("fuzzymatching", "true"), ("includefield", "")],
    )
    assert (search.query.limit, search.query.offset) == (1000, 20)
    assert search.ignored == ("fuzzymatching",)
    largest = query(STUDIES, ("limit", str(2**64)), ("offset", "9" * 5000))
    assert (largest.limit, largest.offset) == (1000, 10**9)
    assert parse_search(STUDIES, [("fuzzymatching", "false")]) == Search(query(STUDIES))


_texts = st.text(max_size=40) | st.sampled_from(
    [
        "PatientID",
        "StudyDate",
        "includefield",
        "limit",
        "1.2.3",
        "*",
        "20260101-",
        "00100020",
        "a.b",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([STUDIES, SERIES_OF_STUDY, INSTANCES]), st.lists(st.tuples(_texts, _texts)))
def test_any_query_string_is_in_the_grammar_or_refused(
    target: SearchTarget, parameters: list[tuple[str, str]]
) -> None:
    try:
        found = parse_search(target, parameters).query
    except InvalidValue:
        return
    for text in found.matching.values():
        assert text.isprintable()
        assert "\\" not in text or all(part for part in text.split("\\"))
