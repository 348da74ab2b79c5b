"""`drimbox doctor`: what is still missing, before a box starts or while it runs."""

import typer

from drimbox.command_line.failures import FOUND_WRONG
from drimbox.command_line.options import AsJson, SettingsFile
from drimbox.command_line.running import read_settings, run
from drimbox.command_line.tables import print_rows
from drimbox.gateway.doctor import Finding, examine

_COLUMNS = ("is_well", "subject", "detail")


def doctor(settings: SettingsFile, as_json: AsJson = False) -> None:
    """Look at settings, certificates, database, disks, PACS, DMP, sign-in and white list.

    Ends with 1 when anything is wrong. Changes nothing; may be run beside a box at work.
    """
    loaded = read_settings(settings)
    findings = [
        Finding(
            "settings", is_well=True, detail=f"{loaded.role.value}, {loaded.environment.value}"
        ),
        *run(examine(loaded)),
    ]
    rows = [{"is_well": f.is_well, "subject": f.subject, "detail": f.detail} for f in findings]
    print_rows(rows, _COLUMNS, as_json=as_json)
    if not all(finding.is_well for finding in findings):
        raise typer.Exit(FOUND_WRONG)
