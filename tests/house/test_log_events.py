"""What a box logs: one word an event, and each that asks for an eye is in the manual."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.house.source_files import ROOT, place, python_files

from drimbox.command_line.logging_setup import NEVER_TOLD

LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
TOLD_TO_OPERATORS = {"warning", "error"}


@dataclass(frozen=True)
class LoggedEvent:
    where: str
    level: str
    name: str
    fields: tuple[str | None, ...]


def _events() -> Iterator[LoggedEvent]:
    for path in python_files("src"):
        if "sandbox" in path.parts:
            continue
        for call in ast.walk(ast.parse(path.read_bytes())):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
                continue
            logger = call.func.value
            if isinstance(logger, ast.Name) and logger.id == "_log" and call.func.attr in LEVELS:
                name = ast.unparse(call.args[0]).strip("'")
                yield LoggedEvent(
                    f"{place(path)}:{call.lineno}",
                    call.func.attr,
                    name,
                    tuple(k.arg for k in call.keywords),
                )


EVENTS = tuple(_events())


def test_an_event_is_one_word_that_stays_the_same() -> None:
    assert len(EVENTS) > 30
    assert not [event for event in EVENTS if not re.fullmatch(r"[a-z]+(_[a-z]+)*", event.name)]


def test_no_event_has_a_field_whose_value_is_never_told() -> None:
    assert not [event for event in EVENTS if not NEVER_TOLD.isdisjoint(event.fields)]


def test_each_warning_and_error_is_in_the_manual_and_nothing_else() -> None:
    manual = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    table = manual.partition("| event | means |")[2].partition("\n\n")[0]
    told = set(
        re.findall(r"`([a-z_]+)`", " ".join(r.split("|")[1] for r in table.splitlines()[2:]))
    )
    assert told == {event.name for event in EVENTS if event.level in TOLD_TO_OPERATORS}
