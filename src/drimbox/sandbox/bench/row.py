"""One line of the bench: what was done, how fast here and there, and whether the goal holds."""

import statistics
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum

ROUNDS = 5
STUDY_ROUNDS = 15
"""Of whole studies: each takes a fifth of a second, and one in three is half as fast or twice."""


class Better(Enum):
    """Which way a figure improves."""

    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True, slots=True)
class Goal:
    """What is aimed at: a ratio to the peer, or a bound of our own figure; None: only shown."""

    text: str
    least_ratio: float | None = None
    least: float | None = None
    most: float | None = None

    def holds(self, ours: float, ratio: float | None) -> bool:
        """Tell whether the figures reach the goal."""
        return (
            (self.least_ratio is None or (ratio is not None and ratio >= self.least_ratio))
            and (self.least is None or ours >= self.least)
            and (self.most is None or ours <= self.most)
        )


def at_least_times(ratio: float) -> Goal:
    """Aim at this many times the peer's figure."""
    return Goal(f">= {ratio:g} x", least_ratio=ratio)


def at_least(figure: float, unit: str) -> Goal:
    """Aim at a figure, whatever the peer's."""
    return Goal(f">= {figure:g} {unit}", least=figure)


def at_most(figure: float, unit: str) -> Goal:
    """Stay at or below a figure, whatever the peer's."""
    return Goal(f"<= {figure:g} {unit}", most=figure)


@dataclass(frozen=True, slots=True)
class Row:
    """One line, as `--json` writes it; ratio is how many times better than the peer we are."""

    work: str
    unit: str
    ours: float
    peer: float | None
    peer_name: str
    better: Better
    goal: Goal | None

    @property
    def ratio(self) -> float | None:
        if not self.peer or not self.ours:
            return None
        return self.ours / self.peer if self.better is Better.HIGHER else self.peer / self.ours

    @property
    def holds(self) -> bool | None:
        return None if self.goal is None else self.goal.holds(self.ours, self.ratio)

    def as_json(self) -> Mapping[str, object]:
        """Return the object that docs/interfaces promises."""
        return {
            "work": self.work,
            "unit": self.unit,
            "ours": round(self.ours, 3),
            "peer": None if self.peer is None else round(self.peer, 3),
            "peer_name": self.peer_name,
            "ratio": None if self.ratio is None else round(self.ratio, 3),
            "goal": None if self.goal is None else self.goal.text,
            "holds": self.holds,
        }


Measure = Callable[[], Awaitable[float]]


async def alternately(ours: Measure, peer: Measure, *, rounds: int = ROUNDS) -> tuple[float, float]:
    """Measure one after the other, some times; return the two medians."""
    pairs = [(await ours(), await peer()) for _ in range(rounds)]
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


async def repeatedly(ours: Measure, *, rounds: int = ROUNDS) -> float:
    """Return the median of some measures."""
    return statistics.median([await ours() for _ in range(rounds)])
