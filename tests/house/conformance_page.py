"""docs/conformance.md, from the markers `requirement(id)` of the tests; run to rewrite the page.

A row is shown when a test says so, and only by tests that say so.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.house.source_files import ROOT, SOURCE, place, python_files

LIST = ROOT / "tests" / "spec" / "requirements.txt"
PAGE = ROOT / "docs" / "conformance.md"
NOT_SHOWN = "not shown"
# Where a test of several floors is listed, these say nothing of where the requirement is met.
_EVERYWHERE = {"errors", "model", "settings", "ports", "sandbox"}
_MAX_MODULES = 4
_HEAD = """# Conformance

Which module meets each requirement, and which tests show it. Written by `scripts/conformance` from
the markers of the tests and `tests/spec/requirements.txt`; do not edit. A row that no test shows
says so, whatever the software does. Tests marked `system` start real programs; tests that read
samples of others are skipped where these are absent.
"""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row; its id may name several requirements, as in `CO.63 / CO.64`."""

    section: str
    identifier: str
    text: str

    @property
    def members(self) -> tuple[str, ...]:
        return single_ids(self.identifier)


@dataclass(frozen=True, slots=True, order=True)
class Shown:
    """A test that carries a marker."""

    file: Path
    test: str


def single_ids(identifier: str) -> tuple[str, ...]:
    """Return each single id: `CO.80 / .81` is CO.80 and CO.81."""
    found: list[str] = []
    for part in identifier.split(" / "):
        prefix = found[0].rpartition(".")[0] if part.startswith(".") else ""
        found.append(prefix + part)
    return tuple(found)


def read_requirements() -> list[Requirement]:
    section, found = "", []
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            section = line.removeprefix("# ")
        elif line:
            identifier, _, text = line.partition(" | ")
            found.append(Requirement(section, identifier, text))
    return found


def read_markers() -> Mapping[str, set[Shown]]:
    """Return the tests of each single id."""
    found: dict[str, set[Shown]] = defaultdict(set)
    for path in python_files("tests"):
        if not path.name.startswith("test_"):
            continue
        tree = ast.parse(path.read_bytes())
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                for identifier in _marked(node.decorator_list):
                    found[identifier].add(Shown(path, node.name))
            elif isinstance(node, ast.Assign):
                for identifier in _marked([node.value]):
                    found[identifier].add(Shown(path, ""))
    return found


def _marked(expressions: list[ast.expr]) -> Iterator[str]:
    for expression in expressions:
        for node in ast.walk(expression):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "requirement"
                and isinstance(node.args[0], ast.Constant)
            ):
                yield from single_ids(str(node.args[0].value))


def conformance_page() -> str:
    markers = read_markers()
    lines = [_HEAD]
    section = ""
    for requirement in read_requirements():
        if requirement.section != section:
            section = requirement.section
            lines += ["", f"## {section}", "", "| id | requirement | modules | tests |"]
            lines += ["|---|---|---|---|"]
        lines.append(_row(requirement, markers))
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def _row(requirement: Requirement, markers: Mapping[str, set[Shown]]) -> str:
    by_member = {one: markers.get(one, set()) for one in requirement.members}
    tests = sorted(set().union(*by_member.values()))
    if not tests:
        return f"| {requirement.identifier} | {requirement.text} | | {NOT_SHOWN} |"
    cell = "<br>".join(dict.fromkeys(_link(shown) for shown in tests))
    absent = [one for one, shown in by_member.items() if not shown]
    if absent:
        cell += f"<br>{NOT_SHOWN}: {', '.join(absent)}"
    modules = dict.fromkeys(module for shown in tests for module in _modules(shown.file))
    names = "<br>".join(f"`{name}`" for name in list(modules)[:_MAX_MODULES])
    return f"| {requirement.identifier} | {requirement.text} | {names} | {cell} |"


def _link(shown: Shown) -> str:
    path = place(shown.file)
    words = shown.test.removeprefix("test_").replace("_", " ") or shown.file.stem
    return f"[{words}](../{path})"


def _modules(test_file: Path) -> list[str]:
    """Return what a test is about: the file it mirrors, else what it imports."""
    mirrored = SOURCE / test_file.relative_to(ROOT / "tests").with_name(
        test_file.name.removeprefix("test_")
    )
    if mirrored.is_file():
        return [_dotted(mirrored)]
    tree = ast.parse(test_file.read_bytes())
    imported = [
        node.module.removeprefix("drimbox.")
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("drimbox.")
        if node.module
    ]
    return [name for name in imported if name.partition(".")[0] not in _EVERYWHERE]


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts)


if __name__ == "__main__":
    PAGE.write_text(conformance_page(), encoding="utf-8")
