"""`drimbox publications`: the lots on their way to the DMP."""

from collections.abc import Sequence
from typing import Annotated

import typer

from drimbox.command_line.options import AsJson, Limit, SettingsFile
from drimbox.command_line.running import read_settings, run
from drimbox.command_line.tables import print_facts, print_rows
from drimbox.gateway.administration import administration
from drimbox.model.publication import JobState, PublicationJob
from drimbox.settings.load import Settings

app = typer.Typer(no_args_is_help=True, help="The lots on their way to the DMP.")
JobId = Annotated[int, typer.Argument(min=1, metavar="ID", help="Number in `publications list`.")]
_COLUMNS = ("id", "study_instance_uid", "state", "attempts", "next_attempt_at", "last_error")


@app.command("list")
def list_publications(
    settings: SettingsFile,
    state: Annotated[JobState | None, typer.Option(help="Only those in this state.")] = None,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List the lots, newest first."""
    jobs = run(_find(read_settings(settings), limit, state))
    rows = [_row(job) for job in jobs]
    print_rows(rows, _COLUMNS, as_json=as_json)


@app.command()
def show(settings: SettingsFile, job_id: JobId, as_json: AsJson = False) -> None:
    """Show one lot and what the register says of its KOS."""
    print_facts(run(_describe(read_settings(settings), job_id)), as_json=as_json)


@app.command()
def retry(settings: SettingsFile, job_id: JobId) -> None:
    """Make a dead or waiting lot due now; a running box sends it within seconds."""
    run(_retry(read_settings(settings), job_id))
    typer.echo(f"lot {job_id} is due now")


async def _find(settings: Settings, limit: int, state: JobState | None) -> Sequence[PublicationJob]:
    async with administration(settings) as box:
        return await box.stores.outbox.find_jobs(limit=limit, state=state)


async def _describe(settings: Settings, job_id: int) -> dict[str, object]:
    async with administration(settings) as box:
        job = await box.stores.outbox.get_job(job_id)
        current = await box.stores.register.find_current(job.study_instance_uid)
    is_current = current is not None and (
        current.kos_sop_instance_uid == job.submission.document_unique_id
    )
    return _row(job) | {
        "created_at": job.created_at.isoformat(timespec="seconds"),
        "submission_set": job.submission.unique_id,
        "kos_sop_instance_uid": job.submission.document_unique_id,
        "kos_sha1": job.submission.document_hash,
        "replaces": job.submission.replaces,
        "structure": job.submission.identity.structure_identifier,
        "documents_kept": len(job.submission.documents),
        "is_current_kos_of_the_study": is_current,
        "report_ids": list(current.report_ids) if current is not None and is_current else [],
    }


async def _retry(settings: Settings, job_id: int) -> None:
    async with administration(settings) as box:
        await box.stores.outbox.retry(job_id, box.clock.now())


def _row(job: PublicationJob) -> dict[str, object]:
    return {
        "id": job.job_id,
        "study_instance_uid": job.study_instance_uid,
        "state": job.state.value,
        "attempts": job.attempts,
        "next_attempt_at": job.next_attempt_at.isoformat(timespec="seconds"),
        "last_error": job.last_error,
    }
