"""Every command helps, ends with 2 when misused, and prints JSON where it prints a table."""

import ast
from collections.abc import Iterator
from importlib.metadata import version

import pytest
from tests.fixtures.set_up_box import Run
from tests.house.source_files import SOURCE, place, python_files
from typer.core import TyperGroup
from typer.main import get_command

from drimbox.__main__ import app

COMMAND_LINE = "src/drimbox/command_line"
PRINTERS = {"print_rows", "print_facts"}


def _commands(group: TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name)


def _root() -> TyperGroup:
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    return root


COMMANDS = sorted(_commands(_root()))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_says_what_it_does(drimbox: Run, command: tuple[str, ...]) -> None:
    result = drimbox(*command, "--help")
    assert result.exit_code == 0
    usage = next(line for line in result.stdout.splitlines() if "Usage:" in line)
    # Arguments are printed as the manual has them, not as the code names them.
    rest = usage.partition(" ".join(command))[2]
    assert rest
    assert rest == rest.upper()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_that_is_misused_ends_with_two(drimbox: Run, command: tuple[str, ...]) -> None:
    result = drimbox(*command, "--no-such-option")
    assert (result.exit_code, result.stdout) == (2, "")


def test_the_version_is_that_of_the_package(drimbox: Run) -> None:
    result = drimbox("--version")
    assert (result.exit_code, result.stdout) == (0, f"drimbox {version('drimbox')}\n")


def test_what_prints_a_table_prints_json_too() -> None:
    missing = [
        f"{place(path)}: {function.name}"
        for path in python_files(COMMAND_LINE)
        for function in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(function, ast.FunctionDef) and not function.name.startswith("_")
        if path.parent == SOURCE / "command_line" and path.name != "tables.py"
        if _prints(function) and "as_json" not in {one.arg for one in _arguments(function)}
    ]
    assert not missing


def _prints(function: ast.FunctionDef) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in PRINTERS
        for node in ast.walk(function)
    )


def _arguments(function: ast.FunctionDef) -> list[ast.arg]:
    return [*function.args.args, *function.args.kwonlyargs]
