"""scripts/soak: one soak by hand, its figures printed; those of longer forms are written down."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.reliability.soak.page import PAGE, soak_page, table
from tests.reliability.soak.soak import soak
from tests.reliability.soak.verdict import FORMS, SHORT, judge

from drimbox.sandbox.bench.machine import machine_facts


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/soak")
    parser.add_argument("form", choices=FORMS, nargs="?", default="middle")
    form = FORMS[parser.parse_args().form]
    with tempfile.TemporaryDirectory(prefix="drimbox-soak-") as folder:
        figures = asyncio.run(soak(form, Path(folder)))
    rows = judge(figures, form)
    sys.stdout.write(table(rows))
    if form is not SHORT:
        PAGE.write_text(soak_page(form, figures, rows, asyncio.run(machine_facts())), "utf-8")
    sys.exit(0 if all(row.is_well for row in rows) else 1)


if __name__ == "__main__":
    main()
