"""Tables for people, drawn with rich."""

import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

_WITHOUT_FOLDING = 2000
_MARKS = {True: Text("✓", style="green"), False: Text("✗", style="red"), None: Text("–")}


def draw_rows(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> None:
    """Print the columns of each row below their names."""
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    _console().print(table)


def draw_facts(facts: Mapping[str, object]) -> None:
    """Print a line for each name."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name.replace("_", " "), _cell(value))
    _console().print(table)


def _console() -> Console:
    """Fold to the terminal; where there is none, one line a row, for grep."""
    is_terminal = sys.stdout.isatty()
    return Console(highlight=False, width=None if is_terminal else _WITHOUT_FOLDING)


def _cell(value: object) -> Text:
    """Show a value as it is: nothing in it is markup."""
    if value is None or isinstance(value, bool):
        return _MARKS[value]
    if isinstance(value, list | tuple):
        return Text(", ".join(str(one) for one in value))
    return Text(str(value))
