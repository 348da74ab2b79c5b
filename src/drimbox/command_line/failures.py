"""How commands end: 0 ok, 1 found wrong, 2 misused."""

from typing import NoReturn

import typer

FOUND_WRONG = 1


def fail(reason: str) -> NoReturn:
    """Say why, on standard error, and end with 1."""
    typer.echo(f"drimbox: {reason}", err=True)
    raise typer.Exit(FOUND_WRONG)
