"""`drimbox` itself: what it is, and its version."""

from importlib.metadata import version
from typing import Annotated

import typer


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"drimbox {version('drimbox')}")
        raise typer.Exit


def root(
    is_asked: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell the version."),
    ] = False,
) -> None:
    """Gateway between an imaging site, the DMP and the DRIM-M network."""
    del is_asked  # its callback has answered
