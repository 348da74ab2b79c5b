"""`scripts/bench [NAME...] [--json FILE]`: measure, print, write; exit 1 when a goal is missed."""

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson

from drimbox.errors import DrimboxError, SettingsError
from drimbox.sandbox.bench import (
    fhir,
    first_image,
    parallel_studies,
    requests,
    transfers,
    two_boxes,
)
from drimbox.sandbox.bench.addresses import largest_series
from drimbox.sandbox.bench.ground import Ground, Work
from drimbox.sandbox.bench.machine import machine_facts
from drimbox.sandbox.bench.report import line_of, performance_page
from drimbox.sandbox.bench.row import Row
from drimbox.sandbox.bench.site import bench_site

WORKS: Mapping[str, Work] = {
    "study-cold": transfers.study_cold,
    "study-warm": transfers.study_warm,
    "metadata": transfers.metadata,
    "qido-instances": requests.search_instances,
    "qido-studies": requests.search_studies,
    "frames": requests.frames,
    "rendered": requests.rendered,
    "two-boxes": two_boxes.through_both,
    "fhir-searches": fhir.searches,
    "first-image": first_image.first_image,
    "study-as-shipped": transfers.study_as_shipped,
    "parallel-studies": parallel_studies.parallel_studies,
}
"""In this order; the last ones change the site."""


def main(arguments: Sequence[str]) -> int:
    """Run what was named, or everything; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(WORKS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write docs/performance.md there")
    asked = parser.parse_args(arguments)
    unknown = set(asked.names) - set(WORKS)
    if unknown:
        parser.error(f"no such name: {', '.join(sorted(unknown))}")
    try:
        rows, skipped = asyncio.run(_run(asked.names or list(WORKS)))
    except DrimboxError as error:
        _tell(str(error))
        return 1
    except asyncio.CancelledError:
        return 128 + signal.SIGTERM
    if asked.json is not None:
        asked.json.write_bytes(
            orjson.dumps([r.as_json() for r in rows], option=orjson.OPT_INDENT_2)
        )
    if asked.page is not None and not asked.names:
        machine = asyncio.run(machine_facts())
        asked.page.write_text(performance_page(rows, skipped, machine, datetime.now(UTC)))
    return 1 if any(row.holds is False for row in rows) else 0


async def _run(names: Sequence[str]) -> tuple[list[Row], Mapping[str, str]]:
    """Return the rows, and why some works were left out; SIGTERM ends what was started."""
    this = asyncio.current_task()
    assert this is not None  # noqa: S101  # a coroutine that runs
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    rows: list[Row] = []
    skipped: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="drimbox-bench-") as folder:
        async with bench_site(Path(folder), _announce) as site:
            target = await largest_series(site.http, site.orthanc, site.study.study_instance_uid)
            ground = Ground(site, target, _tell)
            for name in (name for name in WORKS if name in names):
                since = time.monotonic()
                try:
                    found = await WORKS[name](ground)
                except SettingsError as error:
                    skipped[name] = str(error)
                    _tell(f"{name}: skipped, {error}")
                    continue
                _announce(name, time.monotonic() - since)
                for row in found:
                    _tell(line_of(row))
                rows += found
    return rows, skipped


def _announce(what: str, seconds: float) -> None:
    _tell(f"{what} ({seconds:.1f} s)")


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
