"""What a soak writes down: answers, and what each process of the boxes holds."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

MEBIBYTE = 1024 * 1024
SECONDS_AN_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One request that is over; at is in seconds from the beginning, seconds how long it took.

    problem tells what was wrong with the answer, None for nothing.
    """

    at: float
    work: str
    seconds: float
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process held at a time; processor_seconds is what it has used since its start."""

    at: float
    resident_bytes: int
    descriptors: int
    threads: int
    processor_seconds: float


@dataclass(frozen=True, slots=True)
class LoopFigures:
    """What /metrics told of an event loop: rounds, those held for over 50 ms, waits in seconds."""

    rounds: float = 0
    late_rounds: float = 0
    processor_wait_seconds: float = 0

    def since(self, earlier: "LoopFigures") -> "LoopFigures":
        return LoopFigures(
            self.rounds - earlier.rounds,
            self.late_rounds - earlier.late_rounds,
            self.processor_wait_seconds - earlier.processor_wait_seconds,
        )


@dataclass
class Figures:
    """All of one run; samples and loops by the name of the process, at rest before and after."""

    answers: list[Answer] = field(default_factory=list)
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    loops: Mapping[str, LoopFigures] = field(default_factory=dict)
    at_rest: Mapping[str, tuple[Sample, Sample]] = field(default_factory=dict)
    reports_acknowledged: int = 0
    reports_published: int = 0


def slope(points: Iterable[tuple[float, float]]) -> float:
    """Return the slope of the line that fits the points best (least squares)."""
    x, y = zip(*points, strict=True)
    return statistics.linear_regression(x, y).slope


def percentile(share: int, values: Sequence[float]) -> float:
    """Return the value that so many of a hundred do not exceed."""
    return sorted(values)[(len(values) - 1) * share // 100]


def parts_of(first: float, last: float, count: int) -> Sequence[tuple[float, float]]:
    """Cut the time between two instants in so many parts of equal length."""
    length = (last - first) / count
    return [(first + n * length, first + (n + 1) * length) for n in range(count)]
