"""`drimbox pacs-speed`: time to first image, throughput, transfer syntaxes of a PACS (SO.102)."""

from typing import Annotated

import typer

from drimbox.command_line.failures import FOUND_WRONG, fail
from drimbox.command_line.options import AsJson, SettingsFile
from drimbox.command_line.running import read_settings, run
from drimbox.command_line.tables import print_rows
from drimbox.errors import InvalidValue
from drimbox.gateway.pacs_speed import PacsSpeed, measure
from drimbox.model.uids import StudyInstanceUid
from drimbox.settings.load import Settings
from drimbox.standards.dicom.transfer_syntaxes import name_of

_COLUMNS = (
    "pacs",
    "way",
    "echo_ms",
    "first_image_ms",
    "megabits_per_second",
    "seconds",
    "instances",
    "megabytes",
    "transfer_syntaxes",
    "failure",
)
StudyUid = Annotated[
    str, typer.Argument(metavar="STUDY_UID", help="Study Instance UID of a study of the PACS.")
]
Rounds = Annotated[int, typer.Option(min=1, max=50, help="Retrievals by each way; medians.")]


def pacs_speed(
    study_uid: StudyUid, settings: SettingsFile, rounds: Rounds = 3, as_json: AsJson = False
) -> None:
    """Retrieve a study by each way that a PACS has, and tell how fast it came.

    C-GET and C-MOVE where the settings have host and ae_title, DICOMweb where they have that
    section. C-MOVE needs our DICOM port: stop the box first. Nothing is kept. Ends with 1 when no
    way works.
    """
    loaded = read_settings(settings)
    try:
        study = StudyInstanceUid(study_uid)
    except InvalidValue as error:
        fail(str(error))
    found = run(_measure(loaded, study, rounds))
    print_rows([_row(one) for one in found], _COLUMNS, as_json=as_json)
    if all(one.failure for one in found):
        raise typer.Exit(FOUND_WRONG)


async def _measure(settings: Settings, study: StudyInstanceUid, rounds: int) -> list[PacsSpeed]:
    found = []
    async for one in measure(settings, study, rounds=rounds):
        typer.echo(f"{one.pacs} by {one.way}: {one.failure or 'measured'}", err=True)
        found.append(one)
    return found


def _row(one: PacsSpeed) -> dict[str, object]:
    if one.failure is not None:
        return {"pacs": one.pacs, "way": one.way, "failure": one.failure}
    return {
        "pacs": one.pacs,
        "way": one.way,
        "echo_ms": _rounded(one.echo_seconds, 1000),
        "first_image_ms": _rounded(one.first_image_seconds, 1000),
        "megabits_per_second": _rounded(one.megabits_per_second),
        "seconds": _rounded(one.seconds),
        "instances": one.instances,
        "megabytes": _rounded(one.octets, 1e-6),
        "transfer_syntaxes": [f"{name_of(uid)}: {count}" for uid, count in one.transfer_syntaxes],
    }


def _rounded(value: float | None, factor: float = 1) -> float | None:
    return None if value is None else round(value * factor, 2)
