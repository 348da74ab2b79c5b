"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

SettingsFile = Annotated[
    Path,
    typer.Option(
        "--settings", exists=True, dir_okay=False, help="Settings file of the box (TOML)."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Limit = Annotated[int, typer.Option(min=1, max=100_000, help="Rows at most.")]
