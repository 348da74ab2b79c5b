"""The KOS of a study as it would be published now: what the report said, the images of today."""

from dataclasses import replace

import pytest
from tests.fakes.publishing_house import PublishingHouse
from tests.fakes.reports import STUDY, message_of, study_in_pacs

from drimbox.errors import Mismatch, NotFound
from drimbox.flows.source.build_kos import BuildKos
from drimbox.standards.dicom.kos import content_key, encode_kos, parse_kos

pytestmark = pytest.mark.anyio
UID = STUDY.study_instance_uid


@pytest.fixture
async def house() -> PublishingHouse:
    house = PublishingHouse()
    house.pacs.hold(study_in_pacs())
    await house.publish(message_of())
    return house


def builder(house: PublishingHouse) -> BuildKos:
    return BuildKos(house.register, house.pacs, house.identifiers, house.clock, house.rules)


async def test_an_unchanged_study_gives_the_same_content_under_new_uids(
    house: PublishingHouse,
) -> None:
    (published,) = house.register.publications
    built = await builder(house)(UID)
    assert content_key(built) == content_key(published.manifest)
    assert built.sop_instance_uid != published.kos_sop_instance_uid
    assert parse_kos(encode_kos(built)).patient == published.manifest.patient
    assert len(house.register.lots) == 1


async def test_images_that_came_since_are_in_it(house: PublishingHouse) -> None:
    study = study_in_pacs()
    first, *others = study.series
    house.pacs.hold(replace(study, series=(replace(first, instances=first.instances[:1]), *others)))
    before = sum(len(one.instances) for one in study.series)
    built = await builder(house)(UID)
    assert built.instance_count == before - len(first.instances) + 1


@pytest.mark.requirement("SO.16")
async def test_a_study_that_is_another_patient_s_now_is_refused(house: PublishingHouse) -> None:
    study = study_in_pacs()
    assert study.patient.patient_id is not None
    other = replace(study.patient.patient_id, value="of another")
    house.pacs.hold(replace(study, patient=replace(study.patient, patient_id=other)))
    with pytest.raises(Mismatch, match="local patient id"):
        await builder(house)(UID)


async def test_a_study_without_images_has_no_kos(house: PublishingHouse) -> None:
    house.pacs.hold(replace(study_in_pacs(), series=()))
    with pytest.raises(NotFound, match="no image"):
        await builder(house)(UID)


async def test_a_study_without_a_report_has_no_kos() -> None:
    house = PublishingHouse()
    house.pacs.hold(study_in_pacs())
    with pytest.raises(NotFound, match="without its report"):
        await builder(house)(UID)
