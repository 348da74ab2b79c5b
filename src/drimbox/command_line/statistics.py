"""`drimbox statistics`: what the box did, and the operator's statistics file (ModelStat)."""

import csv
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Annotated

import typer

from drimbox.command_line.options import AsJson, SettingsFile
from drimbox.command_line.running import read_settings, run
from drimbox.command_line.tables import print_rows
from drimbox.flows.count_activity import Activity, count_activity
from drimbox.gateway.administration import administration
from drimbox.model.audit import AuditOutcome
from drimbox.ports.audit_repository import RecordedOutcome
from drimbox.settings.load import Settings

_COLUMNS = ("day", "event", "count", "succeeded", "failed")
_MODEL_STAT = ("Date_Appel", "Nombre_Appel", "Statut_Appel")


def statistics(
    settings: SettingsFile,
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="First day (default: 30 days ago)."),
    ] = None,
    last: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, included (default: today)."),
    ] = None,
    model_stat: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Write each contextual call to this CSV file too."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Count what the box did on each day, from its audit trail; nobody is named.

    --model-stat writes the columns of ModelStat that a box knows: Nombre_Appel, 1 for each
    contextual call received, and Statut_Appel, succes or erreur.
    """
    loaded = read_settings(settings)
    zone = loaded.time_zone
    last_day = last.date() if last else datetime.now(UTC).astimezone(zone).date()
    first_day = first.date() if first else last_day - timedelta(days=30)
    if first_day > last_day:
        raise typer.BadParameter("--from is after --to")
    activity = run(_count(loaded, first_day, last_day, zone))
    if model_stat is not None:
        _write_model_stat(model_stat, activity.calls, zone)
    rows = [
        {
            "day": one.day.isoformat(),
            "event": one.action.value,
            "count": one.succeeded + one.failed,
            "succeeded": one.succeeded,
            "failed": one.failed,
        }
        for one in activity.days
    ]
    print_rows(rows, _COLUMNS, as_json=as_json)


async def _count(settings: Settings, first: date, last: date, zone: tzinfo) -> Activity:
    async with administration(settings) as box:
        return await count_activity(box.stores.audit, first, last, zone)


def _write_model_stat(path: Path, calls: Sequence[RecordedOutcome], zone: tzinfo) -> None:
    """Write one line a call, as French spreadsheets read them: semicolons, UTF-8 with a mark."""
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(_MODEL_STAT)
        for call in calls:
            status = "succes" if call.outcome is AuditOutcome.SUCCESS else "erreur"
            at = call.occurred_at.astimezone(zone)
            writer.writerow((at.strftime("%d/%m/%Y %H:%M:%S"), 1, status))
