"""`drimbox pacs-speed`: every way of a PACS is measured on its own, and a broken one named."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal
from tests.fakes.dicom_objects import STUDY, MadeUpStudy
from tests.fakes.dicomweb_service import DicomwebService
from tests.fixtures.set_up_box import SetUpBox

from drimbox.sandbox.pacs.process import PacsProcess
from drimbox.sandbox.pacs.server import PeerAddress
from drimbox.settings.load import load_settings


@pytest.fixture
def service() -> Iterator[DicomwebService]:
    made = DicomwebService(MadeUpStudy().objects)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(made.running()):
        yield made


@pytest.fixture
def box(source_box: SetUpBox, tmp_path: Path, service: DicomwebService) -> Iterator[SetUpBox]:
    """A box whose PACS has all three ways."""
    settings = load_settings(source_box.settings_file)
    assert settings.dicom is not None
    MadeUpStudy().save(tmp_path / "study")
    peers = {settings.dicom.ae_title: PeerAddress("127.0.0.1", settings.dicom.port)}
    with PacsProcess(settings.pacs.ae_title, tmp_path / "study", peers=peers) as pacs:
        text = source_box.settings_file.read_text(encoding="utf-8")
        text = text.replace(f"port = {settings.pacs.port}\n", f"port = {pacs.dicom_port}\n", 1)
        text += f'\n[pacs.dicomweb]\nurl = "{service.url}"\n'
        source_box.settings_file.write_text(text, encoding="utf-8")
        yield source_box


@pytest.mark.requirement("SO.102")
def test_each_way_is_measured(box: SetUpBox) -> None:
    result = box.run("pacs-speed", STUDY, "--rounds", "1", "--json")
    assert result.exit_code == 0, result.stderr
    rows = json.loads(result.stdout)
    assert [(row["way"], row["instances"]) for row in rows] == [
        ("C-GET", 8),
        ("C-MOVE", 8),
        ("DICOMweb", 8),
    ]
    for row in rows:
        assert row["megabits_per_second"] > 0
        # Seconds are told to the hundredth: half of one, and half a hundredth of a millisecond.
        assert 0 < row["first_image_ms"] <= row["seconds"] * 1000 + 5.01
        assert row["echo_ms"] > 0
        assert row["transfer_syntaxes"] == [
            "Explicit VR Little Endian: 7",
            "JPEG Baseline (Process 1): 1",
        ]
    sizes = {row["megabytes"] for row in rows}
    assert len(sizes) == 1


def test_a_way_that_fails_is_named_beside_those_that_work(
    box: SetUpBox, service: DicomwebService
) -> None:
    service.objects.clear()
    result = box.run("pacs-speed", STUDY, "--rounds", "1")
    assert result.exit_code == 0
    assert "by DICOMweb: PACS answered 404" in result.stderr
    assert "by C-GET: measured" in result.stderr


def test_a_pacs_that_is_away_ends_with_1(source_box: SetUpBox) -> None:
    result = source_box.run("pacs-speed", STUDY, "--json")
    assert result.exit_code == 1
    assert [row["failure"] for row in json.loads(result.stdout)] == [
        "PACS refuses connections",
        "PACS refuses connections",
    ]


def test_what_is_no_uid_is_told(source_box: SetUpBox) -> None:
    result = source_box.run("pacs-speed", "patient")
    assert result.exit_code == 1
    assert "StudyInstanceUid" in result.stderr
