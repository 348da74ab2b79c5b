"""Query/Retrieve as local systems do it: pynetdicom, and dcmtk where it is installed."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import anyio.to_thread
import pydicom
import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    CTImageStorage,
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelMove,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)
from tests.fakes.kept_here import KeptHere
from tests.fakes.manifests import STUDY

from drimbox.adapters.pacs_dimse.store_scu import DimseStorage
from drimbox.entrypoints.dimse.query_retrieve_scp import LocalQueryDoor, QueryRetrieveScp
from drimbox.ports.pacs import MoveDestination
from drimbox.settings.partners import ExportDestination, LocalQueryPeer, LocalQuerySettings

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("CO.72")]
Answers = list[tuple[int, Dataset | None]]


@dataclass
class Console:
    """A local system: it asks, and receives what is sent to CONSOLE1."""

    received: list[Dataset] = field(default_factory=list)
    originators: list[tuple[str, int]] = field(default_factory=list)
    port: int = 0
    status: int = 0x0000
    refuses: tuple[int, ...] = (1, 2, 3)
    """Instance Numbers that are answered with status, the others with success."""
    seconds: float = 0

    def store(self, event: evt.Event) -> int:
        time.sleep(self.seconds)
        event.dataset.file_meta = event.file_meta
        self.received.append(event.dataset)
        request = event.request
        self.originators.append(
            (str(request.MoveOriginatorApplicationEntityTitle), request.MoveOriginatorMessageID)
        )
        return self.status if event.dataset.InstanceNumber in self.refuses else 0x0000


@pytest.fixture
def console() -> Iterator[Console]:
    made = Console()
    ae = AE("CONSOLE1")
    ae.add_supported_context(CTImageStorage)
    server = ae.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, made.store)]
    )
    made.port = server.server_address[1]
    yield made
    server.shutdown()


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[KeptHere]:
    made = KeptHere(tmp_path / "cache")
    await made.fill()
    yield made
    await made.stop()


@pytest.fixture
async def scp(here: KeptHere, console: Console) -> AsyncIterator[QueryRetrieveScp]:
    peers = (
        LocalQueryPeer(ae_title="CONSOLE1", host="127.0.0.1", port=console.port),
        LocalQueryPeer(ae_title="ELSEWHERE", host="192.0.2.9", port=104),
    )
    settings = LocalQuerySettings(port=0, ae_title="KEPT", peers=peers)

    def destination_of(title: str, asked_by: str, message_id: int) -> MoveDestination:
        destination = ExportDestination(
            name=title, host="127.0.0.1", port=console.port, ae_title=title, calling_ae_title="KEPT"
        )
        return DimseStorage(destination, originator=(asked_by, message_id))

    made = QueryRetrieveScp(LocalQueryDoor(settings, here.exams, destination_of))
    await made.start()
    yield made
    await made.stop()


def keys(level: str, **values: str) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.QueryRetrieveLevel = level
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


async def ask(
    scp: QueryRetrieveScp,
    sop_class: str,
    identifier: Dataset,
    *,
    calling: str = "CONSOLE1",
    called: str = "KEPT",
    destination: str = "CONSOLE1",
) -> Answers | None:
    """Ask by pynetdicom; None where the association was refused."""

    def work() -> Answers | None:
        ae = AE(calling)
        ae.add_requested_context(sop_class)
        association = ae.associate("127.0.0.1", scp.port, ae_title=called)
        if not association.is_established:
            return None
        if sop_class.endswith(".2"):
            answers = association.send_c_move(identifier, destination, sop_class)
        else:
            answers = association.send_c_find(identifier, sop_class)
        found = [(status.Status, ds) for status, ds in answers]
        association.release()
        return found

    return await anyio.to_thread.run_sync(work)


FIND, MOVE = StudyRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelMove


@pytest.mark.parametrize(
    ("level", "values", "expected"),
    [
        ("STUDY", {"PatientID": "C001-2026", "StudyInstanceUID": ""}, 1),
        ("STUDY", {"PatientName": "PÂQUERETTE*"}, 1),
        ("STUDY", {"PatientName": "*", "StudyDate": "20260701-20260731"}, 1),
        ("STUDY", {"PatientID": "IPP0001"}, 0),
        ("STUDY", {"StudyDate": "20250101"}, 0),
        ("SERIES", {"StudyInstanceUID": STUDY, "Modality": ""}, 1),
        ("SERIES", {"StudyInstanceUID": STUDY, "Modality": "SR"}, 0),
        ("IMAGE", {"StudyInstanceUID": STUDY, "SOPInstanceUID": "", "InstanceNumber": ""}, 3),
    ],
)
async def test_find_answers_each_level(
    scp: QueryRetrieveScp, level: str, values: dict[str, str], expected: int
) -> None:
    answers = await ask(scp, FIND, keys(level, **values))
    assert answers is not None
    *pending, final = answers
    assert final == (0x0000, None)
    assert [status for status, _ in pending] == [0xFF00] * expected
    for _, ds in pending:
        assert ds is not None
        assert ds.QueryRetrieveLevel == level
        assert ds.RetrieveAETitle == "KEPT"
        assert not [keyword for keyword in values if keyword not in ds]


async def test_find_at_patient_level_and_with_keys_that_we_do_not_know(
    scp: QueryRetrieveScp,
) -> None:
    identifier = keys("PATIENT", PatientID="", PatientName="", PatientComments="kind")
    identifier.ReferencedStudySequence = []
    answers = await ask(scp, PatientRootQueryRetrieveInformationModelFind, identifier)
    assert answers is not None
    (status, ds), _ = answers
    assert ds is not None
    # PS3.4 C.2.2.1.3, C.4.1.1.4: neither matched nor returned, and told by the status.
    assert (status, ds.PatientID, ds.PatientName) == (0xFF01, "C001-2026", "PÂQUERETTE^ZOÉ")
    assert not {"PatientComments", "ReferencedStudySequence"} & set(ds.dir())


async def test_the_study_root_has_no_patient_level(scp: QueryRetrieveScp) -> None:
    assert await ask(scp, FIND, keys("PATIENT", PatientID="")) == [(0xA900, None)]


@pytest.mark.parametrize(("times", "expected"), [("0000-2359", 1), ("0000-0001", 0)])
async def test_dates_and_times_are_matched_each_by_itself(
    scp: QueryRetrieveScp, times: str, expected: int
) -> None:
    """Combined only where that is negotiated, which we do not (PS3.4 C.2.2.2.5)."""
    answers = await ask(scp, FIND, keys("STUDY", StudyDate="20260701-20260731", StudyTime=times))
    assert answers is not None
    assert len(answers) - 1 == expected


async def test_move_sends_the_images_under_the_local_ipp(
    scp: QueryRetrieveScp, console: Console
) -> None:
    answers = await ask(scp, MOVE, keys("STUDY", StudyInstanceUID=STUDY))
    assert answers is not None
    assert [status for status, _ in answers] == [0xFF00, 0xFF00, 0xFF00, 0x0000]
    assert [ds.InstanceNumber for ds in console.received] == [1, 2, 3]
    assert {ds.PatientID for ds in console.received} == {"C001-2026"}
    assert set(console.originators) == {("CONSOLE1", 1)}


@pytest.mark.parametrize(
    ("identifier", "count"),
    [
        (keys("IMAGE", StudyInstanceUID=STUDY, SOPInstanceUID=f"{STUDY}.2.2"), 1),
        (keys("IMAGE", SOPInstanceUID=f"{STUDY}.2.1\\{STUDY}.2.3"), 2),
        (keys("PATIENT", PatientID="C001-2026"), 3),
        (keys("STUDY", StudyInstanceUID="1.2.3.404"), 0),
    ],
)
async def test_move_sends_what_was_asked_for(
    scp: QueryRetrieveScp, console: Console, identifier: Dataset, count: int
) -> None:
    sop_class = PatientRootQueryRetrieveInformationModelMove
    answers = await ask(scp, sop_class, identifier)
    assert answers is not None
    assert answers[-1][0] == 0x0000
    assert len(console.received) == count


@pytest.mark.parametrize(
    ("identifier", "destination", "status"),
    [
        (keys("STUDY", StudyInstanceUID=STUDY), "NOBODY", 0xA801),
        (keys("WORLD", StudyInstanceUID=STUDY), "CONSOLE1", 0xA900),
        (keys("STUDY"), "CONSOLE1", 0xA900),
    ],
)
async def test_a_move_that_cannot_be_is_refused(
    scp: QueryRetrieveScp, console: Console, identifier: Dataset, destination: str, status: int
) -> None:
    answers = await ask(scp, MOVE, identifier, destination=destination)
    assert answers is not None
    assert [one for one, _ in answers] == [status]
    assert not console.received


async def test_a_destination_that_refuses_makes_the_move_fail(
    scp: QueryRetrieveScp, console: Console
) -> None:
    console.status = 0xA700
    answers = await ask(scp, MOVE, keys("STUDY", StudyInstanceUID=STUDY))
    assert answers is not None
    assert [status for status, _ in answers] == [0xFF00, 0xFF00, 0xFF00, 0xA702]
    assert failed_list(answers) == {f"{STUDY}.2.{n}" for n in (1, 2, 3)}


@pytest.mark.parametrize("refused", [1, 2, 3])
async def test_what_is_refused_is_told_and_the_rest_is_sent(
    scp: QueryRetrieveScp, console: Console, refused: int
) -> None:
    console.status, console.refuses = 0x0122, (refused,)
    answers = await ask(scp, MOVE, keys("STUDY", StudyInstanceUID=STUDY))
    assert answers is not None
    assert [status for status, _ in answers] == [0xFF00, 0xFF00, 0xFF00, 0xB000]
    assert failed_list(answers) == {f"{STUDY}.2.{refused}"}
    assert len(console.received) == 3


async def test_a_destination_that_is_away_makes_the_move_fail(
    here: KeptHere, console: Console
) -> None:
    peer = LocalQueryPeer(ae_title="CONSOLE1", host="127.0.0.1", port=console.port)
    away = ExportDestination(name="away", host="127.0.0.1", port=1, ae_title="CONSOLE1")
    settings = LocalQuerySettings(port=0, ae_title="KEPT", peers=(peer,))
    scp = QueryRetrieveScp(LocalQueryDoor(settings, here.exams, lambda *_: DimseStorage(away)))
    await scp.start()
    answers = await ask(scp, MOVE, keys("STUDY", StudyInstanceUID=STUDY))
    await scp.stop()
    assert answers is not None
    assert [status for status, _ in answers] == [0xA702]
    assert len(failed_list(answers)) == 3


def failed_list(answers: Answers) -> set[str]:
    """Return what the last response says was not taken."""
    identifier = answers[-1][1]
    assert identifier is not None
    told = identifier.FailedSOPInstanceUIDList
    return {told} if isinstance(told, str) else set(told)


async def test_a_move_that_is_cancelled_ends(scp: QueryRetrieveScp, console: Console) -> None:
    console.seconds = 0.2

    def work() -> list[int]:
        ae = AE("CONSOLE1")
        ae.add_requested_context(MOVE)
        association = ae.associate("127.0.0.1", scp.port, ae_title="KEPT")
        identifier = keys("STUDY", StudyInstanceUID=STUDY)
        statuses = []
        for status, _ in association.send_c_move(identifier, "CONSOLE1", MOVE, msg_id=7):
            if not statuses:
                association.send_c_cancel(7, query_model=MOVE)
            statuses.append(status.Status)
        association.release()
        return statuses

    statuses = await anyio.to_thread.run_sync(work)
    assert statuses[-1] == 0xFE00
    assert len(console.received) < 3


async def test_storage_that_is_away_is_out_of_resources(
    scp: QueryRetrieveScp, here: KeptHere
) -> None:
    here.audit.is_away = True
    answers = await ask(scp, FIND, keys("STUDY", PatientID=""))
    assert answers == [(0xA700, None)]


@pytest.mark.parametrize(
    ("calling", "called"),
    [("STRANGER", "KEPT"), ("ELSEWHERE", "KEPT"), ("CONSOLE1", "OTHER")],
    ids=["not on the list", "from another address", "not our title"],
)
async def test_only_those_on_the_list_are_answered(
    scp: QueryRetrieveScp, here: KeptHere, calling: str, called: str
) -> None:
    identifier = keys("STUDY", PatientID="")
    assert await ask(scp, FIND, identifier, calling=calling, called=called) is None
    assert not here.audit.events


async def test_octets_that_are_no_dicom_end_the_connection(scp: QueryRetrieveScp) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", scp.port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    async with asyncio.timeout(30):
        await reader.read()
    writer.close()
    assert await ask(scp, FIND, keys("STUDY", PatientID="")) is not None


async def test_a_silent_caller_is_let_go(here: KeptHere, console: Console) -> None:
    settings = LocalQuerySettings(port=0, peers=())
    door = LocalQueryDoor(settings, here.exams, nowhere)
    scp = QueryRetrieveScp(door, idle_seconds=0.2)
    await scp.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", scp.port)
    async with asyncio.timeout(30):
        assert await reader.read() == b""
    writer.close()
    await scp.stop()


async def test_answers_an_echo(scp: QueryRetrieveScp) -> None:
    def work() -> int:
        ae = AE("CONSOLE1")
        ae.add_requested_context(Verification)
        association = ae.associate("127.0.0.1", scp.port, ae_title="KEPT")
        status = association.send_c_echo().Status
        association.release()
        return int(status)

    assert await anyio.to_thread.run_sync(work) == 0x0000


@pytest.mark.system
async def test_dcmtk_finds_and_moves(
    scp: QueryRetrieveScp, console: Console, tmp_path: Path
) -> None:
    if shutil.which("findscu") is None:
        pytest.skip("dcmtk is not installed: apt-get install dcmtk")
    to_us = ["-aet", "CONSOLE1", "-aec", "KEPT", "-S", "127.0.0.1", str(scp.port)]

    async def run(*command: str) -> subprocess.CompletedProcess[bytes]:
        return await anyio.to_thread.run_sync(
            lambda: subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
        )

    await run("echoscu", "-aet", "CONSOLE1", "-aec", "KEPT", "127.0.0.1", str(scp.port))
    found = ["-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID=C001*", "-k", "StudyInstanceUID"]
    await run("findscu", "-X", *found, *to_us)
    response = await anyio.to_thread.run_sync(pydicom.dcmread, tmp_path / "rsp0001.dcm")
    assert response.StudyInstanceUID == STUDY
    moved = ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={STUDY}"]
    await run("movescu", "-aem", "CONSOLE1", *moved, *to_us)
    assert len(console.received) == 3


async def test_the_workers_of_a_host_listen_on_one_port(here: KeptHere, console: Console) -> None:
    peer = LocalQueryPeer(ae_title="CONSOLE1", host="127.0.0.1", port=console.port)
    first_settings = LocalQuerySettings(port=0, ae_title="KEPT", peers=(peer,))
    first = QueryRetrieveScp(LocalQueryDoor(first_settings, here.exams, nowhere), is_shared=True)
    await first.start()
    settings = LocalQuerySettings(port=first.port, ae_title="KEPT", peers=(peer,))
    second = QueryRetrieveScp(LocalQueryDoor(settings, here.exams, nowhere), is_shared=True)
    await second.start()
    await first.stop()
    assert await ask(second, FIND, keys("STUDY", PatientID="C001-2026")) is not None
    await second.stop()


def nowhere(title: str, asked_by: str, message_id: int) -> MoveDestination:
    raise AssertionError(f"{asked_by} has images sent to {title} by {message_id}")
