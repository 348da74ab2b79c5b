"""`drimbox backup`: the database as it is at one moment, while the box works (SO.24)."""

from pathlib import Path
from typing import Annotated

import typer

from drimbox.command_line.options import SettingsFile
from drimbox.command_line.running import read_settings, run
from drimbox.gateway.administration import administration
from drimbox.settings.load import Settings


def backup(
    settings: SettingsFile,
    copy: Annotated[Path, typer.Argument(dir_okay=False, metavar="FILE", help="File to make.")],
) -> None:
    """Copy an SQLite database to a new file, whole, beside a box at work.

    The copy is sealed with storage.key_file, which must be saved apart. PostgreSQL has pg_dump.
    """
    run(_backup(read_settings(settings), copy))
    typer.echo(f"{copy}: {copy.stat().st_size} octets")


async def _backup(settings: Settings, copy: Path) -> None:
    async with administration(settings) as box:
        await box.stores.database.copy_to(copy)
