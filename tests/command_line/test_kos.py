"""`drimbox kos`: a KOS of any box read; building one needs its report and its PACS."""

import json
from pathlib import Path

import pytest
from tests.fakes.manifests import made_up_manifest
from tests.fakes.publications import NOON, made_up_publication
from tests.fixtures.set_up_box import Run, SetUpBox

from drimbox.gateway.administration import Administration
from drimbox.standards.dicom.kos import encode_kos

MANIFEST = made_up_manifest()


@pytest.fixture
def kos(tmp_path: Path) -> Path:
    file = tmp_path / "kos.dcm"
    file.write_bytes(encode_kos(MANIFEST))
    return file


def test_a_kos_is_shown_with_its_series_and_addresses(drimbox: Run, kos: Path) -> None:
    result = drimbox("kos", "show", str(kos), "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert told["study_instance_uid"] == MANIFEST.study_instance_uid
    assert told["instance_count"] == MANIFEST.instance_count
    assert [one["url"] for one in told["series"]] == [s.retrieve_url for s in MANIFEST.series]
    assert "db1.test/dicom-web" in drimbox("kos", "show", str(kos)).stdout


def test_the_patient_is_shown_on_demand_only(drimbox: Run, kos: Path) -> None:
    assert MANIFEST.patient is not None
    name = MANIFEST.patient.family_name
    assert name not in drimbox("kos", "show", str(kos)).stdout
    assert name in drimbox("kos", "show", str(kos), "--patient").stdout


def test_a_kos_by_others_is_read(drimbox: Run, samples: Path) -> None:
    result = drimbox("kos", "show", str(samples / "kos" / "kos-two-mr-series.dcm"), "--json")
    told = json.loads(result.stdout)
    assert (told["modalities"], len(told["series"]), told["instance_count"]) == (["MR"], 2, 20)
    assert told["accession_number"] == "7252295367250016"


@pytest.mark.parametrize(
    "content", [b"", b"no DICOM at all", b"\0" * 128 + b"DICM" + b"\xff" * 200]
)
def test_what_is_no_kos_is_found_wrong(drimbox: Run, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other"
    file.write_bytes(content)
    result = drimbox("kos", "show", str(file))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("drimbox: ")


def test_a_study_that_was_never_published_cannot_be_built(source_box: SetUpBox) -> None:
    result = source_box.run("kos", "build", "1.2.3")
    assert result.exit_code == 1
    assert "no KOS of this study was published here" in result.stderr


def test_a_pacs_that_is_away_is_told(source_box: SetUpBox) -> None:
    async def publish(box: Administration) -> None:
        await box.stores.intake.keep("RIS^SITE^1", b"MSH|...", NOON)
        message = await box.stores.intake.claim(NOON, 60)
        assert message is not None
        await box.stores.register.conclude(message.message_id, [made_up_publication()], [], NOON)

    source_box.do(publish)
    result = source_box.run("kos", "build", "1.2.250.1.999.7.1")
    assert result.exit_code == 1
    assert "PACS" in result.stderr


@pytest.mark.parametrize("arguments", [["show", "no-such-file"], ["show"]])
def test_misuse_ends_with_two(drimbox: Run, arguments: list[str]) -> None:
    assert drimbox("kos", *arguments).exit_code == 2


def test_a_uid_that_is_none_is_misuse(source_box: SetUpBox) -> None:
    assert source_box.run("kos", "build", "1.2.x").exit_code == 2
