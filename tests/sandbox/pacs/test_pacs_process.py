"""The PACS as its own process, called by dcmtk's tools, by sense and by nonsense."""

import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit
from pynetdicom import AE
from tests.sandbox.pacs.small_objects import OTHER_STUDY, STUDY, fill, small_object
from tests.system.ports import free_port

from drimbox.errors import Unavailable
from drimbox.sandbox.pacs.process import PacsProcess
from drimbox.sandbox.pacs.server import PeerAddress
from drimbox.sandbox.patients.images.header import facts_of
from drimbox.sandbox.patients.images.study_files import draw_study
from drimbox.sandbox.patients.scenario import ScenarioStudy
from drimbox.sandbox.patients.studies import BONE_SCAN_OF_MARIA, ULTRASOUND_OF_CAMILLE

pytestmark = pytest.mark.system

_MOVER = "MOVER"
_CINE = ULTRASOUND_OF_CAMILLE.study_instance_uid
_BONES = BONE_SCAN_OF_MARIA.study_instance_uid
_PATIENT_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
_STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"


@pytest.fixture(scope="module")
def mover_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory, mover_port: int) -> Iterator[PacsProcess]:
    if shutil.which("getscu") is None:
        pytest.skip("dcmtk is not installed: apt-get install dcmtk")
    folder = tmp_path_factory.mktemp("pacs")
    fill(folder / "small")
    draw_study(facts_of(ULTRASOUND_OF_CAMILLE), folder / "cine")
    draw_study(facts_of(BONE_SCAN_OF_MARIA), folder / "bones")
    peers = {_MOVER: PeerAddress("127.0.0.1", mover_port)}
    with PacsProcess("SANDBOX", folder, peers=peers) as running:
        yield running


def _run(
    tool: str,
    pacs: PacsProcess,
    *arguments: str,
    called: str = "SANDBOX",
    files: tuple[Path, ...] = (),
) -> str:
    """Run a dcmtk tool against the PACS and return all it says."""
    address = ("-aet", "TESTER", "-aec", called, pacs.host, str(pacs.dicom_port))
    command = [tool, "-v", *arguments, *address, *map(str, files)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    return (done.stdout + done.stderr).decode("utf-8", "replace")


def _study_keys(study: str, level: str = "STUDY") -> tuple[str, ...]:
    return ("-S", "-k", f"QueryRetrieveLevel={level}", "-k", f"StudyInstanceUID={study}")


def test_echo_is_answered(pacs: PacsProcess) -> None:
    assert "Received Echo Response (Success)" in _run("echoscu", pacs)


def test_a_wrong_called_title_is_rejected(pacs: PacsProcess) -> None:
    said = _run("echoscu", pacs, called="OTHER")
    assert "Called AE Title Not Recognized" in said


def test_find_gives_accents_and_issuers(pacs: PacsProcess) -> None:
    keys = ("-k", "PatientName", "-k", "IssuerOfAccessionNumberSequence")
    said = _run("findscu", pacs, *_study_keys(STUDY), *keys)
    assert "DEMO-ÉMILE^ZOÉ" in said
    assert "1.2.250.1.999.10.2" in said
    assert said.count("(Pending)") == 1


def test_find_without_the_study_is_refused_as_hierarchy_demands(pacs: PacsProcess) -> None:
    keys = ("-S", "-k", "QueryRetrieveLevel=IMAGE", "-k", "SOPInstanceUID")
    assert "DataSetDoesNotMatchSOPClass" in _run("findscu", pacs, *keys)


def _assert_is_as_stored(folder: Path, study: ScenarioStudy, syntax: str) -> None:
    (received,) = folder.iterdir()
    item = dcmread(received)
    assert item.file_meta.TransferSyntaxUID == syntax
    (original,) = draw_study(facts_of(study), folder / "again")
    assert item == dcmread(original)


def test_get_gives_compressed_objects_as_they_are_stored(pacs: PacsProcess, tmp_path: Path) -> None:
    said = _run("getscu", pacs, "+xy", "+B", *_study_keys(_CINE), "-od", str(tmp_path))
    assert "Number of Completed Suboperations : 1" in said
    _assert_is_as_stored(tmp_path, ULTRASOUND_OF_CAMILLE, JPEGBaseline8Bit)


def test_move_gives_implicit_objects_as_they_are_stored(
    pacs: PacsProcess, mover_port: int, tmp_path: Path
) -> None:
    mover = ("+P", str(mover_port), "-aem", _MOVER, "-od", str(tmp_path))
    said = _run("movescu", pacs, *mover, *_study_keys(_BONES))
    assert "Received Final Move Response (Success)" in said
    _assert_is_as_stored(tmp_path, BONE_SCAN_OF_MARIA, ImplicitVRLittleEndian)


def test_what_the_caller_cannot_take_fails_and_is_not_transcoded(
    pacs: PacsProcess, tmp_path: Path
) -> None:
    said = _run("getscu", pacs, "+xi", *_study_keys(_CINE), "-od", str(tmp_path))
    assert "Number of Failed Suboperations    : 1" in said
    assert list(tmp_path.iterdir()) == []


def test_native_syntaxes_turn_into_one_another(pacs: PacsProcess, tmp_path: Path) -> None:
    _run("getscu", pacs, "+xe", "+B", *_study_keys(_BONES), "-od", str(tmp_path))
    (received,) = tmp_path.iterdir()
    item = dcmread(received)
    assert item.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert item.pixel_array.shape == (2, 1024, 256)


def test_move_sends_to_a_known_destination(
    pacs: PacsProcess, mover_port: int, tmp_path: Path
) -> None:
    mover = ("+P", str(mover_port), "-aem", _MOVER, "-od", str(tmp_path))
    said = _run("movescu", pacs, *mover, *_study_keys(STUDY))
    assert "Received Final Move Response (Success)" in said
    assert len(list(tmp_path.iterdir())) == 4


def test_move_to_an_unknown_destination_is_refused(pacs: PacsProcess) -> None:
    said = _run("movescu", pacs, "-aem", "NOBODY", *_study_keys(STUDY))
    assert "MoveDestinationUnknown" in said


def test_what_is_stored_is_found_at_once(pacs: PacsProcess, tmp_path: Path) -> None:
    path = tmp_path / "new.dcm"
    small_object("1.2.9", "1.2.9.1", "1.2.9.1.1").save_as(path, enforce_file_format=True)
    said = _run("storescu", pacs, files=(path,))
    assert "Received Store Response (Success)" in said
    assert _run("findscu", pacs, *_study_keys("1.2.9")).count("(Pending)") == 1


def test_many_callers_at_once_all_get_their_study(pacs: PacsProcess, tmp_path: Path) -> None:
    def get(number: int) -> str:
        folder = tmp_path / str(number)
        folder.mkdir()
        study = (STUDY, OTHER_STUDY, _BONES)[number % 3]
        return _run("getscu", pacs, "+xi", "+B", *_study_keys(study), "-od", str(folder))

    with ThreadPoolExecutor(9) as pool:
        said = list(pool.map(get, range(9)))
    assert all("Number of Failed Suboperations    : 0" in text for text in said)
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 3 * (4 + 1 + 1)


def test_services_it_does_not_offer_are_refused(pacs: PacsProcess) -> None:
    caller = AE("TESTER")
    caller.add_requested_context(_PATIENT_ROOT_FIND)
    caller.add_requested_context(_STUDY_ROOT_FIND)
    association = caller.associate(pacs.host, pacs.dicom_port, ae_title="SANDBOX")
    accepted = [context.abstract_syntax for context in association.accepted_contexts]
    association.release()
    assert accepted == [_STUDY_ROOT_FIND]


def test_a_process_that_cannot_listen_says_so(pacs: PacsProcess, tmp_path: Path) -> None:
    second = PacsProcess("SECOND", tmp_path, port=pacs.dicom_port)
    with pytest.raises(Unavailable):
        second.start()
