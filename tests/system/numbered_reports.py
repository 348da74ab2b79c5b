"""Reports as many as wanted, each of a study of its own that the sandbox PACS can hold."""

from dataclasses import replace
from pathlib import Path

from tests.system.small_studies import write_study

from drimbox.sandbox.network.reports import report_message
from drimbox.sandbox.patients.images.header import facts_of
from drimbox.sandbox.patients.scenario import ScenarioStudy
from drimbox.sandbox.patients.studies import RADIOGRAPH_OF_LUCIE


def numbered_study(number: int) -> ScenarioStudy:
    return replace(RADIOGRAPH_OF_LUCIE, key=f"numbered-{number}", number=1000 + number)


def numbered_report(number: int) -> tuple[str, bytes]:
    """Return the study and the message of the number-th report."""
    study = numbered_study(number)
    return study.study_instance_uid, report_message(study, control_id=f"NUMBER{number}")


def write_numbered_studies(count: int, images: Path) -> None:
    """Give a PACS the studies of the reports from 1 to count, one object each."""
    for number in range(1, count + 1):
        write_study(facts_of(numbered_study(number)), images, instances=1)
