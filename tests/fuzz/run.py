"""Coverage-guided fuzzing of one family by atheris (libFuzzer): python -m tests.fuzz.run FAMILY …

Ends 0 where so many executions found nothing. What is found is raised: libFuzzer prints it, and
writes the input beside the corpus. `scripts/fuzz` runs this for every family.
"""

import argparse
import gc
import logging
import os
import sys
import time
from pathlib import Path

import atheris
import psutil
import structlog

with atheris.instrument_imports(include=["drimbox"]):
    from tests.fuzz.families import FAMILIES
    from tests.fuzz.family import Family

    from drimbox.command_line.logging_setup import set_up_logging

LONGEST_SECONDS = 1.0
MOST_GROWTH_BYTES = 64 * 1024 * 1024
_LOOK_EVERY = 20_000
# Caches are full and pools started after so many; growth counts from there.
_WARM_AFTER = 40_000


class TooSlowError(Exception):
    """One input took more than a second of this process."""


class MemoryGrewError(Exception):
    """This process has grown by more than 64 MiB."""


class Watched:
    """Runs a family's inputs, and watches time and memory."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._executions = 0
        self._warm_bytes = 0
        self._slowest_seconds = 0.0

    def __call__(self, octets: bytes) -> None:
        since = time.process_time()
        self._family.try_one(octets)
        spent = time.process_time() - since
        if spent > LONGEST_SECONDS:
            raise TooSlowError(f"{spent:.1f} s")
        self._slowest_seconds = max(self._slowest_seconds, spent)
        self._executions += 1
        if self._executions % _LOOK_EVERY == 0:
            self._look()

    def _look(self) -> None:
        """Tell what the slowest input took so far, and see that memory does not grow."""
        sys.stderr.write(f"stat::slowest_input_ms: {self._slowest_seconds * 1000:.0f}\n")
        gc.collect()
        held = psutil.Process().memory_info().rss
        if self._executions == _WARM_AFTER:
            self._warm_bytes = held
        growth = held - self._warm_bytes
        if self._warm_bytes and growth > MOST_GROWTH_BYTES:
            raise MemoryGrewError(f"{growth / 1024 / 1024:.0f} MiB")


def main() -> None:
    arguments = _arguments()
    _log_to_nowhere()
    family = FAMILIES[arguments.family]
    corpus = arguments.folder / family.name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(family.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [
        str(corpus),
        *_dictionary(family, arguments.folder),
        f"-runs={arguments.executions}",
        f"-max_total_time={arguments.seconds}",
        f"-max_len={family.longest}",
        f"-artifact_prefix={arguments.folder}/{family.name}-",
        f"-timeout={arguments.hang_seconds}",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options], Watched(family))
    atheris.Fuzz()


def _log_to_nowhere() -> None:
    """Write each line as a box does, and lose it: a terminal would take most of the time."""
    set_up_logging()
    nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(nowhere))
    for handler in logging.getLogger().handlers:
        handler.setStream(nowhere)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.fuzz.run")
    parser.add_argument("family", choices=sorted(FAMILIES))
    parser.add_argument("--executions", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=0, help="at most; 0 is no limit")
    parser.add_argument("--hang-seconds", type=int, default=30)
    parser.add_argument("--folder", type=Path, default=Path(".fuzz"))
    return parser.parse_args()


def _dictionary(family: Family, folder: Path) -> list[str]:
    if not family.words:
        return []
    path = folder / f"{family.name}.dict"
    path.write_text("".join(f'"{_escaped(word)}"\n' for word in family.words), encoding="ascii")
    return [f"-dict={path}"]


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{octet:02X}" for octet in word)


if __name__ == "__main__":
    main()
