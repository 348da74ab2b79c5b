"""Draw the studies to files, on every core, once: a folder keeps what was drawn before.

    <cache>/<key>/<series number>/<instance number>.dcm

key is a digest of this package's own text and of the facts of the study, so a changed drawing or a
changed patient is drawn again and nothing else is.
"""

import hashlib
import multiprocessing
import os
import pickle
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from drimbox.sandbox.patients.images.header import StudyFacts
from drimbox.sandbox.patients.images.series import series_plans

_SLICES_PER_TASK = 15


@dataclass(frozen=True, slots=True)
class _Task:
    """Draw some objects of one series into a folder."""

    facts: StudyFacts
    series_position: int
    indices: range
    folder: Path


def draw_studies(
    studies: Sequence[StudyFacts], cache_folder: Path, *, processes: int | None = None
) -> list[Path]:
    """Return the folder of each study, in order, drawing those the cache does not hold."""
    folders = [cache_folder / study_key(facts) for facts in studies]
    missing = {f: facts for f, facts in zip(folders, studies, strict=True) if not f.is_dir()}
    drafts = {folder: _draft_of(folder) for folder in missing}
    tasks = [t for folder, facts in missing.items() for t in _tasks(facts, drafts[folder])]
    _run(tasks, processes or os.cpu_count() or 1)
    for folder, draft in drafts.items():
        _finish(draft, folder)
    return folders


def study_key(facts: StudyFacts) -> str:
    """Return the name of the cache folder of a study."""
    # The facts are our own frozen dataclasses: their pickle is only digested, never read back.
    return hashlib.sha256(_package_text() + pickle.dumps(facts, protocol=4)).hexdigest()[:20]


def draw_study(facts: StudyFacts, folder: Path) -> list[Path]:
    """Draw one study here and now, without cache nor processes; for small studies."""
    return [path for task in _tasks(facts, folder) for path in _draw(task)]


def link_studies(folders: Iterable[Path], destination: Path) -> None:
    """Give a PACS its own tree of the cached files: hard links, copies across file systems."""
    for folder in folders:
        shutil.copytree(folder, destination / folder.name, copy_function=_link_or_copy)


def _link_or_copy(source: str, destination: str) -> str:
    try:
        os.link(source, destination)
    except OSError:
        shutil.copyfile(source, destination)
    return destination


@cache
def _package_text() -> bytes:
    """Digest the sources of this package: they are the version of the generator."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.digest()


def _draft_of(folder: Path) -> Path:
    draft = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    shutil.rmtree(draft, ignore_errors=True)
    return draft


def _finish(draft: Path, folder: Path) -> None:
    """Put the whole study in place at once; another demo may have been faster."""
    try:
        draft.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
        shutil.rmtree(draft)


def _tasks(facts: StudyFacts, folder: Path) -> Iterator[_Task]:
    for position, plan in enumerate(series_plans(facts)):
        target = folder / f"{plan.series.number:03d}"
        target.mkdir(parents=True, exist_ok=True)
        for start in range(0, plan.count, _SLICES_PER_TASK):
            stop = min(start + _SLICES_PER_TASK, plan.count)
            yield _Task(facts, position, range(start, stop), target)


def _run(tasks: Sequence[_Task], processes: int) -> None:
    if not tasks:
        return
    # Spawned, not forked: the caller may have threads and an event loop.
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(processes, len(tasks))) as pool:
        for _ in pool.imap_unordered(_draw, tasks):
            pass


def _draw(task: _Task) -> list[Path]:
    plan = series_plans(task.facts)[task.series_position]
    paths: list[Path] = []
    for index in task.indices:
        item = plan.draw(task.facts, plan.series, index)
        path = task.folder / f"{index + 1:04d}.dcm"
        item.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths
