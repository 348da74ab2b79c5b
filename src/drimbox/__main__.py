"""The `drimbox` command."""

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def _drimbox() -> None:
    """Gateway between an imaging site, the DMP and the DRIM-M network."""


def main() -> None:
    """Run the command line; exit codes 0 ok, 1 found wrong, 2 misused."""
    app()
