"""The next pictures of a stack, drawn while somebody scrolls through it.

Two neighbours asked for one after the other and drawn alike are a direction: the next few that way
are drawn by a pixel worker with nothing else to do. Only what is whole on this host's disk, and of
a study whose rights were checked; what cannot be drawn is told to whoever asks for it.
"""

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from drimbox.errors import DrimboxError
from drimbox.flows.opened_study import OpenedStudy
from drimbox.model.manifest import ReferencedSeries
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import SeriesInstanceUid, SopInstanceUid
from drimbox.ports.image_cache import CachedInstance
from drimbox.ports.pixel_worker import PixelWorker, Rendering
from drimbox.recently_used import RecentlyUsed

PICTURES_AHEAD = 4
MAX_STACKS = 64
_RECENT = 4  # a viewer asks for a few at once, in no order


@dataclass(slots=True)
class _Scroll:
    """Where a stack was looked at lately, and how far ahead of that pictures were asked for."""

    recent: deque[int] = field(default_factory=lambda: deque(maxlen=_RECENT))
    step: int = 0
    reached: int = 0

    def next_positions(self, position: int, count: int) -> Sequence[int]:
        """Note this position; return those to be drawn ahead, of a stack of count."""
        step = next((s for s in (1, -1) if position - s in self.recent), 0)
        self.recent.append(position)
        if step == 0:
            return ()
        is_ahead = step == self.step and 0 < (self.reached - position) * step <= PICTURES_AHEAD
        first = (self.reached if is_ahead else position) + step
        self.step, self.reached = step, position + step * PICTURES_AHEAD
        return [p for p in range(first, self.reached + step, step) if 0 <= p < count]


class DrawAhead:
    """Stacks that are looked at, the least recently seen forgotten first."""

    def __init__(self, pixels: PixelWorker) -> None:
        self._pixels = pixels
        self._scrolls = RecentlyUsed[tuple[object, ...], _Scroll](MAX_STACKS)
        self._orders = RecentlyUsed[SeriesInstanceUid, _Order](MAX_STACKS)

    async def note(
        self,
        opened: OpenedStudy,
        series: SeriesInstanceUid,
        instance: CachedInstance,
        rendering: Rendering,
    ) -> None:
        """Note that a picture of this series was given; have the next ones drawn."""
        if instance.frames is not None and instance.frames.count > 1:
            self._note_frame(instance, rendering, instance.frames.count)
            return
        order = self._order(opened.series(series))
        position = order.positions.get(instance.sop_instance_uid)
        if position is None:
            return
        scroll = self._scroll((series, rendering))
        study = opened.manifest.study_instance_uid
        for ahead in scroll.next_positions(position, len(order.uids)):
            # One that never came, for instance, though the manifest names it.
            with suppress(DrimboxError):
                found = await opened.find_instances(
                    TargetResource(study, series, order.uids[ahead])
                )
                if found is None:
                    continue
                with found:
                    for one in found.instances:
                        self._pixels.draw_ahead(one.path, rendering)

    def _note_frame(self, instance: CachedInstance, rendering: Rendering, count: int) -> None:
        scroll = self._scroll((instance.sop_instance_uid, replace(rendering, frame=1)))
        for ahead in scroll.next_positions(rendering.frame - 1, count):
            self._pixels.draw_ahead(instance.path, replace(rendering, frame=ahead + 1))

    def _scroll(self, stack: tuple[object, ...]) -> _Scroll:
        scroll = self._scrolls.find(stack)
        if scroll is None:
            scroll = _Scroll()
            self._scrolls.keep(stack, scroll)
        return scroll

    def _order(self, series: ReferencedSeries) -> "_Order":
        uid = series.series_instance_uid
        known = self._orders.find(uid)
        if known is None or known.series is not series:
            known = _order_of(series)
            self._orders.keep(uid, known)
        return known


@dataclass(frozen=True, slots=True)
class _Order:
    """The instances of a series, by their numbers."""

    series: ReferencedSeries
    uids: tuple[SopInstanceUid, ...]
    positions: dict[SopInstanceUid, int]


def _order_of(series: ReferencedSeries) -> _Order:
    sorted_ = sorted(series.instances, key=lambda one: one.instance_number or 0)
    uids = tuple(one.sop_instance_uid for one in sorted_)
    return _Order(series, uids, {uid: position for position, uid in enumerate(uids)})
