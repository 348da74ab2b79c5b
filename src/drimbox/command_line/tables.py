"""What a command prints: a table for people, or the same rows as JSON for programs."""

import json
from collections.abc import Mapping, Sequence

Row = Mapping[str, object]


def print_rows(rows: Sequence[Row], columns: Sequence[str], *, as_json: bool) -> None:
    """Print the columns of each row; a row may lack one."""
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    # Only here: a box that serves needs nothing of it (docs/decisions/0025).
    from drimbox.command_line.drawn_tables import draw_rows

    draw_rows(rows, columns)


def print_facts(facts: Row, *, as_json: bool) -> None:
    """Print one thing, a line for each of its names."""
    if as_json:
        print(json.dumps(facts, ensure_ascii=False, indent=1))
        return
    from drimbox.command_line.drawn_tables import draw_facts

    draw_facts(facts)
