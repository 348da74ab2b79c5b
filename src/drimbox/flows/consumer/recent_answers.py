"""Answers of the DMP that serve again a short while, under the context they were given to."""

from collections import OrderedDict
from collections.abc import Iterator
from datetime import timedelta
from typing import Generic, TypeVar

from drimbox.model.access import ConsultationContext
from drimbox.ports.clock import Clock

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class RecentAnswers(Generic[Question, Answer]):
    """Answers by context and question, for their lifetime; the least recent go first."""

    def __init__(self, clock: Clock, lifetime: timedelta, max_kept: int) -> None:
        self._clock = clock
        self._lifetime_seconds = lifetime.total_seconds()
        self._max_kept = max_kept
        # All live equally long, and one that is kept anew goes to the end: the oldest stand first.
        self._kept: OrderedDict[tuple[str, Question], tuple[float, Answer]] = OrderedDict()

    def keep(self, context: ConsultationContext, question: Question, answer: Answer) -> None:
        now = self._clock.monotonic()
        key = (context.identifier, question)
        self._kept[key] = (now + self._lifetime_seconds, answer)
        self._kept.move_to_end(key)
        while self._kept and self._must_go(now):
            self._kept.popitem(last=False)

    def find(self, context: ConsultationContext, question: Question) -> Answer | None:
        kept = self._kept.get((context.identifier, question))
        return kept[1] if kept is not None and self._clock.monotonic() < kept[0] else None

    def of(self, context: ConsultationContext) -> Iterator[Answer]:
        """Yield every answer that still serves in a context, the oldest first."""
        now = self._clock.monotonic()
        for (identifier, _), (until, answer) in self._kept.items():
            if identifier == context.identifier and now < until:
                yield answer

    def forget(self, context_identifier: str) -> None:
        """Forget a context; unknown is no error."""
        for key in [key for key in self._kept if key[0] == context_identifier]:
            del self._kept[key]

    def _must_go(self, now: float) -> bool:
        until, _ = next(iter(self._kept.values()))
        return until <= now or len(self._kept) > self._max_kept
