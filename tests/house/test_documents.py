"""What the documents point to is there: files, names of the code, alerts, decisions."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.house.source_files import ROOT, SOURCE, place, python_files
from typer.core import TyperGroup
from typer.main import get_command

from drimbox.__main__ import app
from drimbox.model.publication import AlertKind

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
COMMAND = re.compile(r"(?:^|[`/])drimbox ([a-z][a-z-]*)(?:[ |]([a-z][a-z-]*))?", re.MULTILINE)
IDENTIFIER = re.compile(r"`([A-Za-z_][A-Za-z_0-9]*)`")


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_links_lead_somewhere(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert not [target for target in targets if not (page.parent / target).exists()]


def test_the_words_of_the_glossary_are_those_of_the_code() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in python_files("src"))
    names = set(re.findall(r"\w+", code)) | {path.stem for path in python_files("src")}
    rows = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    ours = [row.split("|")[2] for row in rows if row.startswith("| ") and row.count("|") == 5]
    assert not {word for cell in ours for word in IDENTIFIER.findall(cell)} - names


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_the_commands_that_a_page_names_are_there(page: Path) -> None:
    code = "\n".join(CODE.findall(page.read_text(encoding="utf-8")))
    assert not [words for words in COMMAND.findall(code) if not _is_command(*words)]


def _is_command(name: str, sub: str) -> bool:
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    command = root.commands.get(name)
    if isinstance(command, TyperGroup):
        return not sub or sub in command.commands
    return command is not None


def test_the_generated_files_and_what_writes_them_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("## Generated files")[2].partition("\n## ")[0]
    rows = [row.split("|")[1:4] for row in table.splitlines() if row.startswith("| `")]
    assert rows
    files = [name for row in rows for name in re.findall(r"`([\w./-]+)`", row[0])]
    scripts = [name for row in rows for name in re.findall(r"`(scripts/\w+)", row[2])]
    modules = [name for row in rows for name in re.findall(r"-m (tests[\w.]+)", row[2])]
    places = [*files, *scripts, *(f"{name.replace('.', '/')}.py" for name in modules)]
    assert not [name for name in places if not (ROOT / name).exists()]


def test_operators_can_look_up_every_alert() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert not [kind.value for kind in AlertKind if f"| `{kind.value}` |" not in page]


def test_decisions_are_numbered_without_gap_or_double() -> None:
    numbers = [int(path.name[:4]) for path in DECISIONS]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_index_of_decisions_has_each_by_its_title() -> None:
    index = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    rows = [line for line in index.splitlines() if line.startswith("| ") and "](" in line]
    assert rows == [_index_row(path) for path in DECISIONS]


def _index_row(path: Path) -> str:
    number, _, title = path.read_text(encoding="utf-8").partition("\n")[0][2:].partition(". ")
    return f"| {number} | [{title}]({path.name}) |"


def test_the_rooms_of_the_architecture_are_those_of_the_code() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    told = set(_rooms(text.partition("```\nsrc/drimbox/\n")[2].partition("```")[0]))
    assert not [room for room in told if not (SOURCE / room).exists()]
    folders = {
        path.relative_to(SOURCE).as_posix()
        for floor in ("standards", "adapters", "entrypoints", "sandbox")
        for path in (SOURCE / floor).iterdir()
        if path.is_dir() and path.name != "__pycache__"
    }
    assert not folders - told


def _rooms(tree: str) -> Iterator[str]:
    """Yield the path of each folder and file that begins a line, below src/drimbox."""
    above: list[str] = []
    for line in tree.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        names = re.match(r" *((?:\w+(?:/|\.py)(?: |$))*)", line)
        for name in names[1].split() if names else ():
            above[depth - 1 :] = [name.rstrip("/")]
            yield "/".join(above)
