"""QIDO-RS at a Consommatrice: the exams of the context's patient, by what their KOS tell."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import cast

import pytest
from tests.fakes.boxes import ListedBoxes
from tests.fakes.consultation_site import ConsultationSite
from tests.fakes.contexts import made_up_caller, made_up_context
from tests.fakes.manifests import made_up_ins, made_up_manifest, made_up_series

from drimbox.adapters.image_cache_disk.cache import DiskImageCache
from drimbox.errors import ConsentMissing, InvalidValue, Refused
from drimbox.flows.consumer.retrieve_study import RetrieveStudy
from drimbox.flows.recent_accesses import RecentAccesses
from drimbox.model.consent import InformationEtOppositionConsultation as Consent
from drimbox.model.retrieval import MatchPage, QueryLevel
from drimbox.model.uids import SopInstanceUid, StudyInstanceUid
from drimbox.ports.peer_drimbox import PeerDrimbox
from drimbox.ports.peer_tokens import PeerTokens
from drimbox.standards.dicomweb.search_parameters import SearchTarget, parse_search

pytestmark = pytest.mark.anyio
ANOTHER = "1.2.250.1.999.7.9"


class NobodyIsAsked:
    """Stands for the other boxes: a search reaches none of them."""


@pytest.fixture
def box(tmp_path: Path) -> RetrieveStudy:
    site = ConsultationSite(tmp_path)
    first = made_up_manifest()
    site.dmp.hold(first)
    another = replace(
        first,
        study_instance_uid=StudyInstanceUid(ANOTHER),
        sop_instance_uid=SopInstanceUid("2.25.9"),
        series=(made_up_series(5, 2, modality="MR", series_description="IRM"),),
        study_date=date(2025, 1, 2),
        study_description="IRM cérébrale",
    )
    site.dmp.hold(another)
    return RetrieveStudy(
        find_prior_studies=site.find_prior_studies,
        trusted_space=ListedBoxes(),
        peer=cast(PeerDrimbox, NobodyIsAsked()),
        cache=DiskImageCache(tmp_path / "cache", max_bytes=10**8, max_age_seconds=60),
        audit=site.trail,
        accesses=RecentAccesses(site.clock),
        peer_tokens=cast(PeerTokens, NobodyIsAsked()),
    )


async def search(
    box: RetrieveStudy, level: QueryLevel, consent: Consent | None = None, **keys: str
) -> MatchPage:
    changes = {"consent": consent} if consent else {}
    caller = made_up_caller(made_up_context(**changes))
    return await box.search(caller, parse_search(SearchTarget(level), keys.items()).query)


def uids(page: MatchPage, tag: str = "0020000D") -> list[str]:
    return [cast(list[str], row[tag]["Value"])[0] for row in page.rows]


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        pytest.param({}, {"1.2.250.1.999.7.1", ANOTHER}, id="all of the patient"),
        pytest.param({"PatientID": made_up_ins().value}, {"1.2.250.1.999.7.1", ANOTHER}, id="INS"),
        pytest.param({"PatientID": "IPP0001"}, set(), id="a number of another site"),
        pytest.param({"StudyInstanceUID": ANOTHER}, {ANOTHER}, id="one by its UID"),
        pytest.param({"StudyInstanceUID": "1.2.3"}, set(), id="nobody's"),
        pytest.param(
            {"StudyInstanceUID": f"{ANOTHER},1.2.3"}, {ANOTHER}, id="two by their UIDs, one theirs"
        ),
        pytest.param({"ModalitiesInStudy": "MR"}, {ANOTHER}, id="a modality"),
        pytest.param({"StudyDate": "20260101-"}, {"1.2.250.1.999.7.1"}, id="dates"),
        pytest.param({"StudyDescription": "IRM*"}, {ANOTHER}, id="a description"),
        pytest.param({"PatientName": "paquerette*"}, {"1.2.250.1.999.7.1", ANOTHER}, id="a name"),
        pytest.param({"AccessionNumber": "ACC0001"}, {"1.2.250.1.999.7.1", ANOTHER}, id="order"),
    ],
)
async def test_studies_are_those_of_the_patient_that_match(
    box: RetrieveStudy, keys: dict[str, str], found: set[str]
) -> None:
    assert set(uids(await search(box, QueryLevel.STUDY, **keys))) == found


async def test_series_and_instances_of_all_exams_are_found(box: RetrieveStudy) -> None:
    series = await search(box, QueryLevel.SERIES, Modality="MR")
    assert uids(series) == [ANOTHER]
    instances = await search(box, QueryLevel.IMAGE, StudyInstanceUID=ANOTHER)
    assert (len(instances.rows), instances.total) == (2, 2)


async def test_a_page_counts_all(box: RetrieveStudy) -> None:
    page = await search(box, QueryLevel.IMAGE, limit="2", offset="1")
    assert (len(page.rows), page.total) == (2, 6)


@pytest.mark.parametrize(
    ("level", "keys", "named"),
    [
        (QueryLevel.SERIES, {"BodyPartExamined": "CHEST"}, "BodyPartExamined"),
        (QueryLevel.STUDY, {"PatientComments": "x"}, "PatientComments"),
        (
            QueryLevel.SERIES,
            {"RequestAttributesSequence.ScheduledProcedureStepID": "1"},
            "RequestAttributesSequence",
        ),
    ],
)
async def test_a_key_that_no_kos_tells_is_refused_by_name(
    box: RetrieveStudy, level: QueryLevel, keys: dict[str, str], named: str
) -> None:
    with pytest.raises(InvalidValue) as refused:
        await search(box, level, **keys)
    assert refused.value.what == named


async def test_without_consent_nothing_is_found(box: RetrieveStudy) -> None:
    with pytest.raises(ConsentMissing):
        await search(box, QueryLevel.STUDY, Consent.INFORME_ET_OPPOSE)


async def test_a_caller_without_context_is_refused(box: RetrieveStudy) -> None:
    caller = replace(made_up_caller(made_up_context()), context=None)
    with pytest.raises(Refused):
        await box.search(caller, parse_search(SearchTarget(QueryLevel.STUDY), ()).query)
