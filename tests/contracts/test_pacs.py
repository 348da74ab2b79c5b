"""What every PACS does: the fake of the flows' tests; others by C-GET, C-MOVE and DICOMweb."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Literal

import pytest
from tests.fakes.dicom_objects import CT, SC, SR, STUDY, MadeUpStudy
from tests.fakes.dicomweb_service import DicomwebService
from tests.fakes.fake_pacs import FakePacs
from tests.system.ports import free_port

from drimbox.adapters.pacs_dicomweb.pacs import DicomwebPacs
from drimbox.adapters.pacs_dimse.pacs import DimsePacs
from drimbox.errors import NotFound, Unavailable
from drimbox.model.patient import AssigningAuthority, LocalPatientId
from drimbox.model.retrieval import DicomQuery, QueryLevel, TargetResource
from drimbox.model.study import AccessionNumber, Instance, Series, Study, StudyPatient
from drimbox.model.uids import (
    Oid,
    SeriesInstanceUid,
    SopClassUid,
    SopInstanceUid,
    StudyInstanceUid,
)
from drimbox.ports.pacs import Pacs
from drimbox.sandbox.pacs.process import PacsProcess
from drimbox.sandbox.pacs.server import PeerAddress
from drimbox.settings.partners import DicomListenerSettings, DicomwebServiceSettings, PacsSettings

pytestmark = pytest.mark.anyio
UNKNOWN = StudyInstanceUid("1.2.250.1.999.404")
STUDY_UID = StudyInstanceUid(STUDY)
SERIES_UID = SeriesInstanceUid(f"{STUDY}.1")


@dataclass
class PacsUnderTest:
    """One that works, and the same one broken down."""

    pacs: Pacs
    broken: Pacs


@pytest.fixture(scope="module")
def listener_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, listener_port: int) -> Iterator[PacsProcess]:
    folder = tmp_path_factory.mktemp("pacs")
    MadeUpStudy().save(folder)
    peers = {"DRIMBOX": PeerAddress("127.0.0.1", listener_port)}
    with PacsProcess("PACS", folder, peers=peers) as process:
        yield process


def dimse_pacs(port: int, listener_port: int, mode: Literal["c-get", "c-move"]) -> DimsePacs:
    settings = PacsSettings(host="127.0.0.1", port=port, ae_title="PACS", retrieve_mode=mode)
    return DimsePacs(settings, DicomListenerSettings(port=listener_port))


def dicomweb_pacs(url: str) -> DicomwebPacs:
    return DicomwebPacs(DicomwebServiceSettings(url=url))


def fake_pacs() -> PacsUnderTest:
    pacs = FakePacs()
    study = MadeUpStudy()
    pacs.hold(
        Study(
            study_instance_uid=STUDY_UID,
            patient=StudyPatient(
                LocalPatientId("IPP50", AssigningAuthority("HOPITAL")),
                "PÂQUERETTE^ZOÉ",
                "19790312",
                "F",
            ),
            accession_number=AccessionNumber("ACC1", Oid("1.2.250.1.999.1")),
            series=tuple(
                Series(
                    SeriesInstanceUid(f"{STUDY}.{series}"),
                    "SR" if series == 9 else "CT",
                    tuple(
                        Instance(
                            SopInstanceUid(ds.SOPInstanceUID),
                            SopClassUid(ds.SOPClassUID),
                            int(ds.InstanceNumber),
                        )
                        for ds in study.objects
                        if ds.SeriesNumber == series
                    ),
                )
                for series in (1, 2, 9)
            ),
        )
    )
    pacs.data_sets = {SopInstanceUid(uid): octets for uid, octets in study.octets.items()}

    return PacsUnderTest(pacs, FakePacs(failure=Unavailable("PACS")))


@pytest.fixture(params=["fake", "c-get", "c-move", "dicomweb"])
async def under_test(
    request: pytest.FixtureRequest, listener_port: int
) -> AsyncIterator[PacsUnderTest]:
    if request.param == "fake":
        yield fake_pacs()
        return
    if request.param == "dicomweb":
        async with DicomwebService(MadeUpStudy().objects).running() as service:
            web = dicomweb_pacs(service.url)
            away = dicomweb_pacs(f"http://127.0.0.1:{free_port()}/dicom-web")
            yield PacsUnderTest(web, away)
            await web.close()
            await away.close()
        return
    server: PacsProcess = request.getfixturevalue("server")
    pacs = dimse_pacs(server.dicom_port, listener_port, request.param)
    broken = dimse_pacs(free_port(), free_port(), request.param)
    yield PacsUnderTest(pacs, broken)
    await pacs.close()
    await broken.close()


async def collect(pacs: Pacs, target: TargetResource) -> dict[str, tuple[str, str, bytes]]:
    return {
        str(instance.sop_instance_uid): (
            str(instance.sop_class_uid),
            str(instance.transfer_syntax_uid),
            b"".join([chunk async for chunk in instance.chunks]),
        )
        async for instance in pacs.retrieve(target)
    }


async def test_answers(under_test: PacsUnderTest) -> None:
    await under_test.pacs.echo()


@pytest.mark.requirement("SO.14")
async def test_finds_a_study_whole(under_test: PacsUnderTest) -> None:
    study = await under_test.pacs.find_study(STUDY_UID)
    assert study.accession_number == AccessionNumber("ACC1", Oid("1.2.250.1.999.1"))
    assert study.patient.patient_id == LocalPatientId("IPP50", AssigningAuthority("HOPITAL"))
    assert study.patient.patient_name == "PÂQUERETTE^ZOÉ"
    assert (study.patient.birth_date, study.patient.sex) == ("19790312", "F")
    found = {
        (s.series_instance_uid, s.modality): sorted(i.sop_class_uid for i in s.instances)
        for s in study.series
    }
    assert found == {
        (f"{STUDY}.1", "CT"): [CT] * 5,
        (f"{STUDY}.2", "CT"): [CT, SC],
        (f"{STUDY}.9", "SR"): [SR],
    }


@pytest.mark.requirement("SO.15")
async def test_a_study_it_does_not_hold_is_not_found(under_test: PacsUnderTest) -> None:
    with pytest.raises(NotFound):
        await under_test.pacs.find_study(UNKNOWN)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        pytest.param(TargetResource(STUDY_UID), 8, id="a study"),
        pytest.param(TargetResource(STUDY_UID, SERIES_UID), 5, id="a series"),
        pytest.param(
            TargetResource(STUDY_UID, SERIES_UID, SopInstanceUid(f"{STUDY}.1.3")), 1, id="an image"
        ),
    ],
)
async def test_retrieves_the_very_octets_it_holds(
    under_test: PacsUnderTest, target: TargetResource, expected: int
) -> None:
    stored = MadeUpStudy().octets
    retrieved = await collect(under_test.pacs, target)
    assert len(retrieved) == expected
    assert {uid: octets for uid, (_, _, octets) in retrieved.items()} == {
        uid: stored[uid] for uid in retrieved
    }


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(TargetResource(UNKNOWN), id="an unknown study"),
        pytest.param(TargetResource(STUDY_UID, SeriesInstanceUid("1.2.3")), id="a series"),
    ],
)
async def test_what_it_does_not_hold_is_not_found(
    under_test: PacsUnderTest, target: TargetResource
) -> None:
    with pytest.raises(NotFound):
        await collect(under_test.pacs, target)


async def test_instances_left_half_read_do_not_disturb_those_behind(
    under_test: PacsUnderTest,
) -> None:
    seen = []
    async for instance in under_test.pacs.retrieve(TargetResource(STUDY_UID, SERIES_UID)):
        seen.append(str(instance.sop_instance_uid))
        async for _ in instance.chunks:
            break
    assert sorted(seen) == [f"{STUDY}.1.{number}" for number in range(1, 6)]


async def test_a_pacs_that_is_down_is_unavailable(under_test: PacsUnderTest) -> None:
    broken = under_test.broken
    with pytest.raises(Unavailable):
        await broken.echo()
    with pytest.raises(Unavailable):
        await broken.find_study(STUDY_UID)
    with pytest.raises(Unavailable):
        await broken.find(DicomQuery(QueryLevel.STUDY, {"0020000D": STUDY}))
    with pytest.raises(Unavailable):
        await collect(broken, TargetResource(STUDY_UID))
