"""A file stays within 400 lines, a function within 50 (its docstring apart)."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.source_files import page_files, place, python_files

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    lengths = {
        place(p): len(p.read_text(encoding="utf-8").splitlines())
        for p in (*python_files("src", "tests", "scripts"), *page_files())
    }
    assert not {name: lines for name, lines in lengths.items() if lines > MAX_FILE_LINES}


def test_no_function_is_longer_than_a_screen() -> None:
    assert not {
        f"{place(path)}:{function.lineno} {function.name}": lines
        for path in python_files("src", "tests", "scripts")
        for function in _functions(path)
        if (lines := _code_lines(function)) > MAX_FUNCTION_LINES
    }


def _functions(path: Path) -> Iterator[Function]:
    tree = ast.parse(path.read_bytes())
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def _code_lines(function: Function) -> int:
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None and first.end_lineno is not None:
        lines -= first.end_lineno - first.lineno + 1
    return lines
