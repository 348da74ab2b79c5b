"""What R9 asks of a run: nothing grows, nothing slows down, nothing fails.

Each form has the same rows. The long one has the stated limits; a shorter one has limits that can
be told from noise in its time: growth of memory below what allocators round to, and answers that
are either as steady as stated or below what the form's floor says. In a minute the slowest answers
are those of a moment in which the machine did something else: there the median is compared.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.reliability.soak.figures import (
    MEBIBYTE,
    SECONDS_AN_HOUR,
    Answer,
    Figures,
    Sample,
    parts_of,
    percentile,
    slope,
)

GROWTH_MIB_AN_HOUR = 1.0
STEADY = 1.2
# Caches of a processor that others use as well make the same work cost more at one time.
STEADY_PROCESSOR_TIME = 1.5
# What is opened once and kept: connections of the database, threads of the pools.
KEPT_DESCRIPTORS, KEPT_THREADS = 24.0, 32.0


@dataclass(frozen=True, slots=True)
class Form:
    """How long a soak takes, all in seconds, and what its length can tell.

    parts is how many equal times the rest after warming up is cut in, the first to compare with.
    growth_mib is the growth of a process in the whole of that time that means nothing; percentile
    tells by what answers are compared, percentile_floor_seconds which one is well in any case.
    late_rounds is the share of rounds of an event loop that may be held for more than 50 ms: a
    thread that has the interpreter's lock and no processor holds it too, on a machine that is full.
    """

    name: str
    seconds: float
    warm_up_seconds: float
    sample_every_seconds: float
    parts: int
    growth_mib: float
    percentile: int
    percentile_floor_seconds: float
    late_rounds: float = 0.01

    @property
    def hours(self) -> float:
        return (self.seconds - self.warm_up_seconds) / SECONDS_AN_HOUR

    @property
    def parts_of_it(self) -> Sequence[tuple[float, float]]:
        return parts_of(self.warm_up_seconds, self.seconds, self.parts)


SHORT = Form("short", 60, 15, 0.5, 2, 32, 50, 1, late_rounds=0.05)
MIDDLE = Form("middle", 1200, 300, 2, 3, 4, 99, percentile_floor_seconds=0.25)
LONG = Form("long", 8 * 3600, 1800, 10, 8, 0, 99, percentile_floor_seconds=0)
FORMS = {form.name: form for form in (SHORT, MIDDLE, LONG)}


@dataclass(frozen=True, slots=True)
class Row:
    """One figure beside the most it may be."""

    what: str
    unit: str
    measured: float
    most: float

    @property
    def is_well(self) -> bool:
        return self.measured <= self.most


def judge(figures: Figures, form: Form) -> list[Row]:
    """Return every figure that R9 limits."""
    counted = [one for one in figures.answers if one.at >= form.warm_up_seconds]
    rows = [
        Row("requests that failed", "", sum(one.problem is not None for one in figures.answers), 0),
        Row(
            "reports acknowledged and not published",
            "",
            figures.reports_acknowledged - figures.reports_published,
            0,
        ),
        _steady_percentile(counted, form),
    ]
    for process, samples in figures.samples.items():
        warm = [one for one in samples if one.at >= form.warm_up_seconds]
        rows.append(_growth(process, warm, form))
    for process, (before, after) in figures.at_rest.items():
        rows += _at_rest(process, before, after)
    for process, loop in figures.loops.items():
        share = loop.late_rounds / loop.rounds
        rows += [
            Row(f"{process}: loop held over 50 ms", "%", 100 * share, 100 * form.late_rounds),
            _steady_work(process, figures.samples[process], form),
        ]
    return rows


def _steady_percentile(answers: Sequence[Answer], form: Form) -> Row:
    first, *later = (
        percentile(form.percentile, [one.seconds for one in answers if begin <= one.at < end])
        for begin, end in form.parts_of_it
    )
    most = max(STEADY * first, form.percentile_floor_seconds)
    what = f"{form.percentile}th percentile of answers, the slowest later part"
    return Row(what, "ms", 1000 * max(later), 1000 * most)


def _growth(process: str, samples: Sequence[Sample], form: Form) -> Row:
    growth = slope((one.at, one.resident_bytes / MEBIBYTE) for one in samples) * SECONDS_AN_HOUR
    most = max(GROWTH_MIB_AN_HOUR, form.growth_mib / form.hours)
    return Row(f"{process}: growth of resident memory", "MiB/h", growth, most)


def _at_rest(process: str, before: Sample, after: Sample) -> Iterator[Row]:
    """Compare two moments without a request: under load, connections come and go."""
    descriptors = after.descriptors - before.descriptors
    yield Row(f"{process}: rise of file descriptors at rest", "", descriptors, KEPT_DESCRIPTORS)
    threads = after.threads - before.threads
    yield Row(f"{process}: rise of threads at rest", "", threads, KEPT_THREADS)


def _steady_work(process: str, samples: Sequence[Sample], form: Form) -> Row:
    """Compare what the same work costs at the end and at the beginning: it is no matter of load."""
    first, last = (
        _processor_share(_samples_in(samples, part))
        for part in (form.parts_of_it[0], form.parts_of_it[-1])
    )
    what = f"{process}: processor time, last part to first"
    return Row(what, "", last / first, STEADY_PROCESSOR_TIME)


def _samples_in(samples: Sequence[Sample], part: tuple[float, float]) -> Sequence[Sample]:
    begin, end = part
    return [one for one in samples if begin <= one.at < end]


def _processor_share(samples: Sequence[Sample]) -> float:
    first, last = samples[0], samples[-1]
    return (last.processor_seconds - first.processor_seconds) / (last.at - first.at)
