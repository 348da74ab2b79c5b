"""C-FIND and the selection of C-GET, level by level (PS3.4 C.4.1, C.4.2)."""

import pytest
from pydicom.dataset import Dataset
from tests.sandbox.pacs.small_objects import OTHER_STUDY, STUDY, fill

from drimbox.sandbox.pacs.archive import Archive
from drimbox.sandbox.pacs.query import WrongIdentifier, find, select

# Some identifiers are wrong on purpose, and pydicom warns of their values.
pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR UI")

_SERIES = "1.2.3.1.1"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    folder = tmp_path_factory.mktemp("archive")
    fill(folder)
    return Archive(folder)


def _identifier(level: str, **keys: object) -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(identifier, keyword, value)
    return identifier


def _find(
    archive: Archive, level: str, *, relational: bool = False, **keys: object
) -> list[Dataset]:
    identifier = _identifier(level, **keys)
    return list(find(archive, identifier, ae_title="PACS", is_relational=relational))


def test_a_study_says_what_its_objects_are(archive: Archive) -> None:
    (found,) = _find(
        archive,
        "STUDY",
        StudyInstanceUID=STUDY,
        ModalitiesInStudy="",
        SOPClassesInStudy="",
        NumberOfStudyRelatedSeries=None,
        NumberOfStudyRelatedInstances=None,
        PatientName="",
        InstanceAvailability="",
        StudyComments="",
    )
    assert list(found.ModalitiesInStudy) == ["CT", "SR"]
    assert (found.NumberOfStudyRelatedSeries, found.NumberOfStudyRelatedInstances) == (2, 4)
    assert found.PatientName == "DEMO-ÉMILE^ZOÉ"
    assert found.RetrieveAETitle == "PACS"
    assert found.InstanceAvailability == "ONLINE"
    assert found.QueryRetrieveLevel == "STUDY"
    assert found["StudyComments"].is_empty
    assert "AccessionNumber" not in found


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        pytest.param({}, [STUDY, OTHER_STUDY], id="no key finds all"),
        pytest.param({"PatientID": "IPP2"}, [OTHER_STUDY], id="a patient"),
        pytest.param({"PatientName": "demo-*"}, [STUDY, OTHER_STUDY], id="a wildcard"),
        pytest.param({"StudyDate": "20260901-"}, [STUDY], id="a range"),
        pytest.param({"ModalitiesInStudy": "SR"}, [STUDY], id="a modality among several"),
        pytest.param({"ModalitiesInStudy": "US"}, [], id="a modality nobody has"),
        pytest.param({"AccessionNumber": "A2"}, [OTHER_STUDY], id="an accession number"),
        pytest.param({"StudyInstanceUID": [STUDY, "1.9"]}, [STUDY], id="a list of UIDs"),
    ],
)
def test_studies_are_found(archive: Archive, keys: dict[str, object], expected: list[str]) -> None:
    found = _find(archive, "STUDY", **{"StudyInstanceUID": "", **keys})
    assert [item.StudyInstanceUID for item in found] == expected


def test_series_and_images_stand_under_their_study(archive: Archive) -> None:
    series = _find(
        archive,
        "SERIES",
        StudyInstanceUID=STUDY,
        SeriesInstanceUID="",
        NumberOfSeriesRelatedInstances=None,
    )
    assert [item.NumberOfSeriesRelatedInstances for item in series] == [3, 1]
    images = _find(
        archive, "IMAGE", StudyInstanceUID=STUDY, SeriesInstanceUID=_SERIES, InstanceNumber=None
    )
    assert [item.InstanceNumber for item in images] == [1, 2, 3]


@pytest.mark.parametrize(
    ("level", "keys"),
    [
        pytest.param("PATIENT", {}, id="Study Root has no PATIENT level"),
        pytest.param("", {}, id="no level"),
        pytest.param("SERIES", {"SeriesInstanceUID": ""}, id="series without a study"),
        pytest.param("SERIES", {"StudyInstanceUID": [STUDY, OTHER_STUDY]}, id="two studies"),
        pytest.param("IMAGE", {"StudyInstanceUID": STUDY}, id="images without a series"),
        pytest.param("STUDY", {"Modality": "CT"}, id="a key of a lower level"),
        pytest.param("STUDY", {"StudyInstanceUID": "1.02"}, id="a UID that is none"),
    ],
)
def test_an_identifier_that_breaks_the_hierarchy_is_refused(
    archive: Archive, level: str, keys: dict[str, object]
) -> None:
    with pytest.raises(WrongIdentifier):
        _find(archive, level, **keys)


def test_an_image_tells_how_many_others_its_series_and_study_have(archive: Archive) -> None:
    counted = {
        "NumberOfStudyRelatedSeries": None,
        "NumberOfStudyRelatedInstances": None,
        "NumberOfSeriesRelatedInstances": None,
        "ModalitiesInStudy": "SR",
    }
    found = _find(archive, "IMAGE", relational=True, SOPInstanceUID="", **counted)
    assert [
        [one[keyword].value for keyword in counted]
        for one in found
        if "1.2.3.1.1" in one.SOPInstanceUID
    ] == [[2, 4, 3, ["CT", "SR"]]] * 3
    assert len(found) == 4


@pytest.mark.parametrize(
    ("level", "keys", "count"),
    [
        pytest.param("IMAGE", {"StudyInstanceUID": STUDY}, 4, id="all images of a study"),
        pytest.param("IMAGE", {"PatientID": "IPP2"}, 1, id="all images of a patient"),
        pytest.param("SERIES", {"Modality": "SR"}, 1, id="series of a modality anywhere"),
        pytest.param("STUDY", {"Modality": "MR"}, 1, id="studies with a series of a modality"),
    ],
)
def test_relational_queries_may_skip_levels(
    archive: Archive, level: str, keys: dict[str, object], count: int
) -> None:
    assert len(_find(archive, level, relational=True, **keys)) == count


@pytest.mark.parametrize(
    ("level", "keys", "count"),
    [
        pytest.param("STUDY", {"StudyInstanceUID": STUDY}, 4, id="a study"),
        pytest.param("STUDY", {"StudyInstanceUID": [STUDY, OTHER_STUDY]}, 5, id="two studies"),
        pytest.param(
            "SERIES", {"StudyInstanceUID": STUDY, "SeriesInstanceUID": _SERIES}, 3, id="a series"
        ),
        pytest.param(
            "IMAGE",
            {
                "StudyInstanceUID": STUDY,
                "SeriesInstanceUID": _SERIES,
                "SOPInstanceUID": ["1.2.3.1.1.3", "1.2.3.1.1.1"],
            },
            2,
            id="two images",
        ),
        pytest.param("STUDY", {"StudyInstanceUID": "1.9"}, 0, id="a study nobody has"),
    ],
)
def test_a_retrieval_selects(
    archive: Archive, level: str, keys: dict[str, object], count: int
) -> None:
    assert len(select(archive, _identifier(level, **keys))) == count


@pytest.mark.parametrize(
    ("level", "keys"),
    [
        pytest.param("STUDY", {}, id="no study UID"),
        pytest.param("SERIES", {"StudyInstanceUID": STUDY}, id="no series UID"),
        pytest.param("STUDY", {"StudyInstanceUID": "1.2.*"}, id="a wildcard"),
    ],
)
def test_a_retrieval_without_unique_keys_is_refused(
    archive: Archive, level: str, keys: dict[str, object]
) -> None:
    with pytest.raises(WrongIdentifier):
        select(archive, _identifier(level, **keys))
