"""`drimbox alerts`: what software could not decide."""

from collections.abc import Sequence
from typing import Annotated

import typer

from drimbox.command_line.options import AsJson, SettingsFile
from drimbox.command_line.running import read_settings, run
from drimbox.command_line.tables import print_rows
from drimbox.entrypoints.http.operator import alert_json
from drimbox.errors import DrimboxError, NotFound
from drimbox.gateway.administration import administration
from drimbox.model.publication import Alert, AlertKind
from drimbox.settings.load import Settings

app = typer.Typer(no_args_is_help=True, help="What software could not decide.")
AlertId = Annotated[int, typer.Argument(min=1, metavar="ID", help="Number in `alerts list`.")]
_COLUMNS = ("id", "kind", "raised_at", "study_instance_uid", "report_id", "message_id", "text")


@app.command("list")
def list_alerts(
    settings: SettingsFile,
    kind: Annotated[AlertKind | None, typer.Option(help="Only those of this kind.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the open alerts, newest first."""
    found = run(_find(read_settings(settings)))
    rows = [alert_json(alert) for alert in found if kind in {None, alert.kind}]
    print_rows(rows, _COLUMNS, as_json=as_json)


@app.command()
def close(settings: SettingsFile, alert_id: AlertId) -> None:
    """Mark one as dealt with."""
    run(_close(read_settings(settings), alert_id))
    typer.echo(f"alert {alert_id} is closed")


@app.command()
def retry(settings: SettingsFile, alert_id: AlertId) -> None:
    """Take up again the message that one is about, and close it; a running box does the rest.

    For a cause that was repaired outside of the report: images that arrived, a PACS corrected, a
    certificate installed.
    """
    message_id = run(_retry(read_settings(settings), alert_id))
    typer.echo(f"message {message_id} is due now; alert {alert_id} is closed")


async def _find(settings: Settings) -> Sequence[Alert]:
    async with administration(settings) as box:
        return await box.stores.alerts.find_open()


async def _close(settings: Settings, alert_id: int) -> None:
    async with administration(settings) as box:
        await box.stores.alerts.close(alert_id)


async def _retry(settings: Settings, alert_id: int) -> int:
    async with administration(settings) as box:
        stores = box.stores
        alerts = {alert.alert_id: alert for alert in await stores.alerts.find_open()}
        message_id = alerts[alert_id].message_id if alert_id in alerts else None
        if message_id is None:
            raise NotFound(f"no open alert {alert_id} that is about a message")
        # Closed first: a box that stops it again within this moment raises an alert of its own.
        await stores.alerts.close(alert_id)
        try:
            await stores.intake.retry_message(message_id, box.clock.now())
        except DrimboxError:
            await stores.alerts.raise_alert(alerts[alert_id])
            raise
        return message_id
