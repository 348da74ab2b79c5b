"""Studies become files once; a second start finds them."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread

from drimbox.sandbox.patients.images.header import StudyFacts, facts_of
from drimbox.sandbox.patients.images.study_files import (
    draw_studies,
    draw_study,
    link_studies,
    study_key,
)
from drimbox.sandbox.patients.studies import BONE_SCAN_OF_MARIA, ULTRASOUND_OF_CAMILLE


@pytest.fixture(scope="module")
def facts() -> StudyFacts:
    return facts_of(BONE_SCAN_OF_MARIA)


def test_a_study_is_drawn_once(facts: StudyFacts, tmp_path: Path) -> None:
    (first,) = draw_studies([facts], tmp_path, processes=1)
    drawn_at = [path.stat().st_mtime_ns for path in first.rglob("*.dcm")]
    (second,) = draw_studies([facts], tmp_path, processes=1)
    assert second == first
    assert [path.stat().st_mtime_ns for path in second.rglob("*.dcm")] == drawn_at
    assert [path.name for path in tmp_path.iterdir()] == [study_key(facts)]


def test_other_facts_have_another_key(facts: StudyFacts) -> None:
    other = replace(facts, institution_name="AILLEURS")
    assert study_key(other) != study_key(facts)
    assert study_key(facts_of(ULTRASOUND_OF_CAMILLE)) != study_key(facts)


def test_a_small_study_is_drawn_here_and_now(facts: StudyFacts, tmp_path: Path) -> None:
    (path,) = draw_study(facts, tmp_path)
    assert dcmread(path).StudyInstanceUID == facts.study.study_instance_uid


def test_a_pacs_gets_links_of_its_own(facts: StudyFacts, tmp_path: Path) -> None:
    path = draw_study(facts, tmp_path / "cache" / "study")[0]
    link_studies([tmp_path / "cache" / "study"], tmp_path / "pacs")
    linked = next((tmp_path / "pacs").rglob("*.dcm"))
    assert linked.samefile(path)
    linked.unlink()
    assert path.exists()
