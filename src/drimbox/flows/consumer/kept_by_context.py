"""What was read for one context, while it lives: in memory, bounded, never shared (EX_AIR-085).

A context belongs to one professional, so what is kept under it is that professional's alone. The
least recently used context goes first; a context that is over is forgotten at the next use.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from drimbox.model.access import ConsultationContext
from drimbox.ports.clock import Clock

Item = TypeVar("Item")
_PURGE_EVERY_SECONDS = 10.0


@dataclass(slots=True)
class _Kept(Generic[Item]):
    expires_at: datetime
    items: dict[str, tuple[Item, int]] = field(default_factory=dict)

    @property
    def octets(self) -> int:
        return sum(octets for _, octets in self.items.values())


class KeptByContext(Generic[Item]):
    """Items by context, then by the uniqueId of the document they came from."""

    def __init__(self, clock: Clock, *, max_contexts: int, max_octets: int) -> None:
        self._clock = clock
        self._max_contexts = max_contexts
        self._max_octets = max_octets
        self._octets = 0
        self._kept: OrderedDict[str, _Kept[Item]] = OrderedDict()
        self._next_purge = clock.monotonic()

    def keep(self, context: ConsultationContext, unique_id: str, item: Item, octets: int) -> None:
        """Keep one item; one too large to be kept alone is read again each time."""
        if octets > self._max_octets:
            return
        kept = self._kept.setdefault(context.identifier, _Kept(context.expires_at))
        self._kept.move_to_end(context.identifier)
        _, former = kept.items.pop(unique_id, (None, 0))
        kept.items[unique_id] = (item, octets)
        self._octets += octets - former
        self._shrink()

    def find(self, context: ConsultationContext, unique_id: str) -> Item | None:
        kept = self._use(context)
        item, _ = kept.items.get(unique_id, (None, 0)) if kept else (None, 0)
        return item

    def items(self, context: ConsultationContext) -> Iterable[Item]:
        """Return all that is kept of a context, in no order."""
        kept = self._use(context)
        return [item for item, _ in kept.items.values()] if kept else []

    def forget(self, context_identifier: str) -> None:
        """Forget a context; unknown is no error."""
        kept = self._kept.pop(context_identifier, None)
        if kept is not None:
            self._octets -= kept.octets

    def _use(self, context: ConsultationContext) -> _Kept[Item] | None:
        now = self._clock.now()
        # Not at each use: a search of fifty exams makes hundreds.
        if self._clock.monotonic() >= self._next_purge:
            for identifier in [i for i, kept in self._kept.items() if kept.expires_at <= now]:
                self.forget(identifier)
            self._next_purge = self._clock.monotonic() + _PURGE_EVERY_SECONDS
        kept = self._kept.get(context.identifier)
        if kept is not None and kept.expires_at <= now:
            self.forget(context.identifier)
        if context.identifier in self._kept:
            self._kept.move_to_end(context.identifier)
        return self._kept.get(context.identifier)

    def _shrink(self) -> None:
        while len(self._kept) > self._max_contexts or self._octets > self._max_octets:
            self.forget(next(iter(self._kept)))
