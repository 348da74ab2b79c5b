"""The files that the rules of the house are about, as committed or about to be."""

import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "drimbox"


def python_files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def page_files() -> Iterator[Path]:
    """Yield what browsers read, written by hand: scripts and styles of the pages."""
    for pattern in ("*.js", "*.css"):
        yield from sorted((SOURCE / "entrypoints/http/static").rglob(pattern))


@cache
def committed_files() -> tuple[Path, ...]:
    """List what git has, or every file where this is no checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False, text=True
    )
    names = [name for name in listed.stdout.split("\0") if name]
    files = [ROOT / name for name in names] if names else [*ROOT.rglob("*")]
    return tuple(path for path in files if path.is_file())


def committed_texts() -> Iterator[tuple[str, str]]:
    """Yield path (from the root) and text of every committed file that is text."""
    for path in committed_files():
        try:
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def place(path: Path) -> str:
    return str(path.relative_to(ROOT))
