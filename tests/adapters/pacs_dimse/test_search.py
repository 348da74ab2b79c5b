"""Searches walk down the levels with any PACS, and ask at once where it agreed to."""

from dataclasses import dataclass, field
from typing import cast

import pytest
from tests.fakes.dicom_objects import CT, SR, STUDY, MadeUpStudy, encoded

from drimbox.adapters.pacs_dimse import search
from drimbox.adapters.pacs_dimse.find_scu import FindSession
from drimbox.errors import NotFound, RejectedByPartner, TooLarge
from drimbox.model.retrieval import DicomQuery, QueryLevel
from drimbox.model.uids import SopClassUid, SopInstanceUid, StudyInstanceUid
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.attributes import Attributes
from drimbox.standards.dicom.data_set import PIXEL_DATA_TAGS, DataSet, DataSetReader
from drimbox.standards.dicom.transfer_syntaxes import encoding_of

pytestmark = pytest.mark.anyio
UNIQUE = {
    "STUDY": tags.STUDY_INSTANCE_UID,
    "SERIES": tags.SERIES_INSTANCE_UID,
    "IMAGE": tags.SOP_INSTANCE_UID,
}


@dataclass
class StrictSession:
    """A PACS that wants every UID above the level, and gives back only what was asked."""

    is_relational: bool = False
    keeps_its_word: bool = True
    silent_on: frozenset[int] = frozenset()
    asked: list[str] = field(default_factory=list)
    studies: tuple[str, ...] = (STUDY,)

    async def find(self, identifier: DataSet, *, limit: int | None = None) -> list[DataSet]:
        keys = Attributes(identifier)
        level = keys.text(tags.QUERY_RETRIEVE_LEVEL)
        self.asked.append(level)
        above = list(UNIQUE)[: list(UNIQUE).index(level)]
        if self.is_relational and not self.keeps_its_word:
            if not all(keys.text(UNIQUE[name]) for name in above):
                raise RejectedByPartner("PACS", "A900")
        elif not self.is_relational:
            assert all(keys.text(UNIQUE[name]) for name in above), f"a UID misses above {level}"
        found: dict[str, DataSet] = {}
        for study in self.studies:
            for ds in MadeUpStudy(study).objects:
                whole = read(encoded(ds), ds.file_meta.TransferSyntaxUID)
                values = Attributes(whole)
                unique = values.text(UNIQUE[level])
                if all(self._matches(keys, values, tag) for tag in identifier):
                    found.setdefault(unique, self._answer(identifier, whole))
        return list(found.values())[:limit]

    def _matches(self, keys: Attributes, values: Attributes, tag: int) -> bool:
        if tag in {tags.QUERY_RETRIEVE_LEVEL, tags.SPECIFIC_CHARACTER_SET}:
            return True
        wanted = keys.text(tag)
        return not wanted or values.text(tag) == wanted

    def _answer(self, identifier: DataSet, whole: DataSet) -> DataSet:
        kept = {*identifier, tags.SPECIFIC_CHARACTER_SET} - self.silent_on
        return {tag: element for tag, element in whole.items() if tag in kept}


def read(octets: bytes, syntax: str) -> DataSet:
    reader = DataSetReader(octets, encoding_of(syntax))
    return reader.read_before(PIXEL_DATA_TAGS, len(octets))[0]


def as_session(fake: StrictSession) -> FindSession:
    return cast("FindSession", fake)


@pytest.mark.requirement("SO.14")
async def test_a_study_is_found_level_by_level() -> None:
    fake = StrictSession()
    found = await search.find_study(as_session(fake), StudyInstanceUid(STUDY))
    study = found.study(default_issuer="1.2.250.1.5")
    assert fake.asked == ["STUDY", "SERIES", "IMAGE", "IMAGE", "IMAGE"]
    assert [len(series.instances) for series in study.series] == [5, 2, 1]
    assert study.referring_physician_name == "MÉDECIN^JEAN"
    assert study.modalities == ("CT", "SR")


async def test_a_pacs_that_leaves_keys_out_is_understood() -> None:
    silent = frozenset(
        {
            tags.STUDY_INSTANCE_UID,
            tags.ACCESSION_NUMBER,
            tags.ISSUER_OF_PATIENT_ID,
            tags.STUDY_DATE,
            tags.INSTANCE_NUMBER,
        }
    )
    fake = StrictSession(silent_on=silent)
    found = await search.find_study(as_session(fake), StudyInstanceUid(STUDY))
    study = found.study(default_issuer="1.2.250.1.5")
    assert study.study_instance_uid == STUDY
    assert (study.accession_number, study.study_date) == (None, None)
    assert study.patient.patient_id is not None
    assert study.patient.patient_id.issuer is not None
    assert study.patient.patient_id.issuer.universal_id == "1.2.250.1.5"


async def test_what_images_are_is_filled_in_where_the_pacs_leaves_it_out() -> None:
    fake = StrictSession(silent_on=frozenset({tags.SOP_CLASS_UID}))
    found = await search.find_study(as_session(fake), StudyInstanceUid(STUDY))
    assert found.study(default_issuer=None).instance_count == 0
    objects = MadeUpStudy().objects
    assert set(found.series_without_classes()) == {ds.SeriesInstanceUID for ds in objects}
    classes = {SopInstanceUid(ds.SOPInstanceUID): SopClassUid(ds.SOPClassUID) for ds in objects}
    study = found.study(default_issuer=None, classes=classes)
    told = {i.sop_instance_uid: i.sop_class_uid for s in study.series for i in s.instances}
    assert told == classes


async def test_nothing_is_asked_again_of_a_pacs_that_tells_what_images_are() -> None:
    found = await search.find_study(as_session(StrictSession()), StudyInstanceUid(STUDY))
    assert found.series_without_classes() == ()


async def test_an_unknown_study_is_not_found() -> None:
    with pytest.raises(NotFound):
        await search.find_study(as_session(StrictSession()), StudyInstanceUid("1.2.3"))


@pytest.mark.parametrize(
    ("matching", "returned", "asked"),
    [
        pytest.param(
            {"0020000D": STUDY, "00080060": "SR"}, (), ["SERIES"], id="the study is known"
        ),
        pytest.param(
            {"0020000D": STUDY, "00080060": "SR"},
            ("00100010",),
            ["STUDY", "SERIES"],
            id="something of the study is asked for",
        ),
        pytest.param(
            {"00100020": "IPP50", "00080060": "SR"},
            (),
            ["STUDY", "SERIES"],
            id="the study is searched for",
        ),
    ],
)
async def test_series_are_found_with_what_was_asked_above_them(
    matching: dict[str, str], returned: tuple[str, ...], asked: list[str]
) -> None:
    fake = StrictSession()
    query = DicomQuery(QueryLevel.SERIES, matching, returned)
    (found,) = await search.find(as_session(fake), query)
    assert fake.asked == asked
    assert found["0020000E"]["Value"] == [f"{STUDY}.9"]
    assert all(tag in found for tag in returned)
    assert "00080052" not in found


async def test_images_are_found_below_known_uids() -> None:
    fake = StrictSession()
    matching = {"0020000D": STUDY, "0020000E": f"{STUDY}.1"}
    query = DicomQuery(QueryLevel.IMAGE, matching, ("00080016",), limit=3)
    found = await search.find(as_session(fake), query)
    assert fake.asked == ["IMAGE"]
    assert [one["00080016"]["Value"] for one in found] == [[CT]] * 3


async def test_a_limit_holds_over_several_studies() -> None:
    fake = StrictSession(studies=("1.2.250.1.999.71", "1.2.250.1.999.72"))
    query = DicomQuery(QueryLevel.SERIES, {"00080060": ""}, limit=4)
    assert len(await search.find(as_session(fake), query)) == 4


async def test_a_relational_pacs_is_asked_once() -> None:
    fake = StrictSession(is_relational=True)
    query = DicomQuery(QueryLevel.IMAGE, {"00100020": "IPP50", "00080016": SR}, ("00100010",))
    (found,) = await search.find(as_session(fake), query)
    assert fake.asked == ["IMAGE"]
    assert found["00100010"]["Value"] == [{"Alphabetic": "PÂQUERETTE^ZOÉ"}]


async def test_a_pacs_that_agreed_and_then_refuses_is_asked_level_by_level() -> None:
    fake = StrictSession(is_relational=True, keeps_its_word=False)
    query = DicomQuery(QueryLevel.IMAGE, {"00100020": "IPP50", "00080016": SR}, ("00100010",))
    (found,) = await search.find(as_session(fake), query)
    assert fake.asked[:3] == ["IMAGE", "STUDY", "SERIES"]
    assert found["00100010"]["Value"] == [{"Alphabetic": "PÂQUERETTE^ZOÉ"}]


async def test_a_search_through_the_whole_archive_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "MAX_UPPER_MATCHES", 1)
    fake = StrictSession(studies=("1.2.250.1.999.71", "1.2.250.1.999.72"))
    with pytest.raises(TooLarge):
        await search.find(as_session(fake), DicomQuery(QueryLevel.SERIES, {}))


async def test_sop_classes_are_asked_image_by_image_where_the_study_does_not_tell() -> None:
    fake = StrictSession()
    outline = await search.find_outline(as_session(fake), StudyInstanceUid(STUDY))
    assert outline.sop_classes == ()
    series = [one.series_instance_uid for one in outline.series]
    classes = await search.find_sop_classes(as_session(fake), StudyInstanceUid(STUDY), series)
    assert len(classes) == 3
