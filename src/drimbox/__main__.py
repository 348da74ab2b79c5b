"""The `drimbox` command."""

import typer

from drimbox.command_line import alerts, audit, kos, new_key, publications, white_list
from drimbox.command_line.backup import backup
from drimbox.command_line.demo import demo
from drimbox.command_line.doctor import doctor
from drimbox.command_line.pacs_speed import pacs_speed
from drimbox.command_line.root import root
from drimbox.command_line.serve import serve
from drimbox.command_line.statistics import statistics
from drimbox.command_line.submission_set import submission_set

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.callback()(root)
app.command()(demo)
app.command()(serve)
app.command()(doctor)
app.command()(pacs_speed)
app.add_typer(publications.app, name="publications")
app.add_typer(alerts.app, name="alerts")
app.add_typer(audit.app, name="audit")
app.command()(statistics)
app.add_typer(white_list.app, name="white-list")
app.add_typer(new_key.app, name="new-key")
app.add_typer(kos.app, name="kos")
app.command()(submission_set)
app.command()(backup)


def main() -> None:
    """Run the command line; exit codes 0 ok, 1 found wrong, 2 misused."""
    app()


if __name__ == "__main__":
    main()
