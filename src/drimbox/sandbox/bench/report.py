"""The rows as a person reads them: lines on a terminal, docs/performance.md."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from drimbox.sandbox.bench.row import ROUNDS, STUDY_ROUNDS, Row

_HEAD = """# Performance

Written by `scripts/bench` on {date}; do not edit. Each figure is the median of {rounds} measures,
of whole studies of {studies}; ours and the peer's are taken in turns, in one run, on one machine
that both share with the clients.
Read the ratios, not the figures.

{machine}

| work | unit | ours | peer | beside | ratio | goal | holds |
|---|---|---:|---:|---|---:|---|---|
"""
_TAIL = """
## What was run

`scripts/bench` starts the demo on real Orthancs ({pacs}), each in a network namespace of its own
as root, with `TCP_NODELAY=1` unless a row says otherwise, and both boxes as `drimbox serve`
processes, one worker each. The study is the CT of the demo: 300 images of 512 x 512, 158 MB, a
structured report and a PDF. Studies are retrieved with curl, many requests sent with wrk on one
thread through every instance in turn, so no answer is the one just given; nothing but the token in
the request differs between the box and Orthanc. The box checks token and KOS each time and records
each access, requests of one minute by the same caller for the same study being one; Orthanc asks
nobody. Pictures that were drawn a moment ago come from memory, as for a viewer that goes back and
forth; asked for without a window, Orthanc draws the extent of all values and the box the window
that the image carries. Those "for the first time" are drawn by both, through the same window to the
same pixels, in the order of the stack: the box draws the next ones while the last is on its way, as
for a viewer that scrolls. "Cold" empties the folder of images, and the note of
what was asked for before, so that the study passes through; what the operating system keeps of
Orthanc's own files is left to both. "Ratio" is how many times better the box is, whichever way the
unit counts.

Through both boxes: curl asks the Consommatrice, whose browser listener speaks plain HTTP in the
demo; it asks the Source over mutual TLS, which asks the PACS over DIMSE. Beside them the octets
come as one file through two nginx of one worker each, mutual TLS before each of them. The studies
asked for at once are copies that the PACS made of the one study, each published by its own report;
they are measured once.
"""


def line_of(row: Row) -> str:
    """Return one row for a terminal."""
    peer = "" if row.peer is None else f"{row.peer:10.1f} {row.peer_name}"
    ratio = "" if row.ratio is None else f"{row.ratio:7.2f} x"
    goal = "" if row.goal is None else f"goal {row.goal.text}"
    mark = {True: "holds", False: "MISSED", None: ""}[row.holds]
    return f"  {row.work:<62} {row.ours:9.1f} {row.unit:<10} {ratio:>9} {goal:<18} {mark:<6} {peer}"


def performance_page(
    rows: Sequence[Row], skipped: Mapping[str, str], machine: Mapping[str, str], now: datetime
) -> str:
    """Return docs/performance.md."""
    facts = "\n".join(f"- {name}: {value}" for name, value in machine.items())
    page = _HEAD.format(date=f"{now:%Y-%m-%d}", rounds=ROUNDS, studies=STUDY_ROUNDS, machine=facts)
    page += "\n".join(_cells(row) for row in rows) + "\n"
    if skipped:
        page += "\nNot measured: "
        page += "; ".join(f"{name} ({why})" for name, why in skipped.items()) + ".\n"
    pacs = next((p for p in machine["Programs"].split(", ") if p.startswith("orthanc ")), "Orthanc")
    return page + _TAIL.format(pacs=pacs)


def _cells(row: Row) -> str:
    cells = [
        row.work,
        row.unit,
        _figure(row.ours),
        "" if row.peer is None else _figure(row.peer),
        row.peer_name,
        "" if row.ratio is None else f"{row.ratio:.2f}",
        "" if row.goal is None else row.goal.text,
        {True: "yes", False: "**no**", None: ""}[row.holds],
    ]
    return "| " + " | ".join(cells) + " |"


def _figure(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"
