"""`drimbox audit`: search the audit trail, check that nobody touched it."""

import getpass
import sys
from datetime import datetime
from typing import Annotated

import typer

from drimbox.command_line.options import AsJson, Limit, SettingsFile
from drimbox.command_line.running import read_settings, run
from drimbox.command_line.tables import print_facts, print_rows
from drimbox.entrypoints.http.audit_search import event_json
from drimbox.flows.search_audit import SearchAudit
from drimbox.gateway.administration import administration
from drimbox.model.audit import AuditAction, AuditEvent
from drimbox.ports.audit_repository import AuditSearch
from drimbox.settings.load import Settings

app = typer.Typer(no_args_is_help=True, help="The audit trail of the box.")
_COLUMNS = (
    "occurred_at",
    "action",
    "outcome",
    "user",
    "study_instance_uid",
    "destination",
    "description",
)
Instant = typer.Option(
    formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"],
    help="Local time of this host, unless an offset is given.",
)


@app.command()
def search(
    settings: SettingsFile,
    patient: Annotated[
        str | None,
        typer.Option(
            metavar="CX|-",
            help="Patient as in the DMP, INS^^^&OID&ISO^NH; - reads it from standard input, which "
            "keeps it out of the shell's history.",
        ),
    ] = None,
    user: Annotated[str | None, typer.Option(help="National id of a professional.")] = None,
    document: Annotated[str | None, typer.Option(help="UID of a study or of a document.")] = None,
    action: Annotated[list[AuditAction] | None, typer.Option(help="Only these actions.")] = None,
    since: Annotated[datetime | None, Instant] = None,
    until: Annotated[datetime | None, Instant] = None,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """Find events, newest first. The search is itself recorded."""
    if patient == "-":
        patient = sys.stdin.readline().strip()
    wanted = AuditSearch(
        since=since.astimezone() if since else None,
        until=until.astimezone() if until else None,
        patient_id=patient or None,
        user=user,
        document=document,
        actions=tuple(action or ()),
        limit=limit,
    )
    found = run(_search(read_settings(settings), wanted))
    print_rows([event_json(event) for event in found], _COLUMNS, as_json=as_json)


@app.command()
def verify(settings: SettingsFile, as_json: AsJson = False) -> None:
    """Check the chain of digests: 1 if an event was altered, removed or inserted."""
    count = run(_verify(read_settings(settings)))
    print_facts({"events": count, "is_whole": True}, as_json=as_json)


async def _search(settings: Settings, wanted: AuditSearch) -> tuple[AuditEvent, ...]:
    async with administration(settings) as box:
        search_audit = SearchAudit(box.stores.audit, box.clock)
        return await search_audit(wanted, operator=getpass.getuser())


async def _verify(settings: Settings) -> int:
    async with administration(settings) as box:
        return await box.stores.audit.verify()
