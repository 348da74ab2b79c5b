"""What is drawn ahead of somebody who scrolls: the next few that way, each once, of this study."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.fakes.fake_images import FakePixelWorker
from tests.fakes.manifests import CT, made_up_manifest, made_up_series

from drimbox.errors import NotFound
from drimbox.flows.draw_ahead import MAX_STACKS, PICTURES_AHEAD, DrawAhead
from drimbox.flows.opened_study import OpenedStudy
from drimbox.flows.whole_copies import HeldInstances
from drimbox.model.frames import FrameIndex
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.model.uids import SeriesInstanceUid, SopInstanceUid, TransferSyntaxUid
from drimbox.ports.image_cache import CachedInstance, SeriesCopy
from drimbox.ports.pixel_worker import Rendering

pytestmark = pytest.mark.anyio
NATIVE = TransferSyntaxUid("1.2.840.10008.1.2.1")
SERIES = made_up_series(2, 30)
LUNG = Rendering(window=(-600, 1500))


class Reader:
    """Somebody who looks at the images of one series, whole on this host or not at all."""

    def __init__(self, *, is_here: bool = True, missing: int | None = None) -> None:
        self.is_here = is_here
        self.missing = missing
        self.pixels = FakePixelWorker()
        self.ahead = DrawAhead(self.pixels)
        manifest = made_up_manifest(series=(SERIES,))
        self.opened = OpenedStudy(manifest, self._retrieve, self._open_series, self._find)

    async def look_at(
        self, numbers: Iterable[int], rendering: Rendering = LUNG, *, frames: int = 1
    ) -> None:
        for number in numbers:
            await self.ahead.note(
                self.opened, SERIES.series_instance_uid, instance(number, frames), rendering
            )

    @property
    def drawn(self) -> list[int]:
        """The numbers of the instances that were drawn ahead."""
        return [int(path.stem) for path, _ in self.pixels.ahead]

    async def _find(self, target: TargetResource) -> HeldInstances | None:
        assert target.sop_instance_uid is not None
        number = int(target.sop_instance_uid.rsplit(".", 1)[1])
        if number == self.missing:
            raise NotFound("the whole series came without it")
        return HeldInstances((instance(number),), ExitStack()) if self.is_here else None

    async def _retrieve(
        self, target: TargetResource, syntaxes: Sequence[TransferSyntaxUid]
    ) -> AsyncIterator[InstanceStream]:
        raise AssertionError(f"nothing is to be fetched: {target} {syntaxes}")
        yield

    def _open_series(self, uid: SeriesInstanceUid) -> SeriesCopy:
        raise AssertionError(f"nothing is to be fetched: {uid}")


def instance(number: int, frames: int = 1) -> CachedInstance:
    uid = SopInstanceUid(f"{SERIES.series_instance_uid}.{number}")
    return CachedInstance(uid, CT, NATIVE, Path(f"{number}.dcm"), 0, FrameIndex(frames, 0, 9))


def numbers(first: int, last: int) -> list[int]:
    return list(range(first, last + 1))


async def test_two_neighbours_make_a_direction() -> None:
    reader = Reader()
    await reader.look_at([5])
    assert reader.drawn == []
    await reader.look_at([6])
    assert reader.drawn == numbers(7, 6 + PICTURES_AHEAD)
    assert {rendering for _, rendering in reader.pixels.ahead} == {LUNG}


async def test_the_way_back_is_one_too() -> None:
    reader = Reader()
    await reader.look_at([20, 19])
    assert reader.drawn == list(range(18, 18 - PICTURES_AHEAD, -1))


async def test_each_is_drawn_ahead_once() -> None:
    reader = Reader()
    await reader.look_at(numbers(1, 12))
    assert reader.drawn == numbers(3, 12 + PICTURES_AHEAD)


async def test_who_turns_round_is_followed() -> None:
    reader = Reader()
    await reader.look_at([10, 11])
    reader.pixels.ahead.clear()
    await reader.look_at([10, 9])
    assert reader.drawn[:PICTURES_AHEAD] != numbers(11, 10 + PICTURES_AHEAD)
    assert set(reader.drawn) >= set(range(8, 8 - PICTURES_AHEAD, -1))


async def test_a_stack_ends() -> None:
    reader = Reader()
    await reader.look_at([28, 29])
    assert reader.drawn == [30]
    await reader.look_at([2, 1])
    assert reader.drawn == [30]


async def test_who_leaps_about_goes_nowhere() -> None:
    reader = Reader()
    await reader.look_at([1, 9, 4, 20, 12])
    assert reader.drawn == []


async def test_several_at_once_are_one_direction() -> None:
    """A viewer with four connections asks in about that order."""
    reader = Reader()
    await reader.look_at([3, 1, 2, 4, 6, 5, 7, 8])
    assert set(reader.drawn) >= set(numbers(9, 8 + PICTURES_AHEAD))


async def test_another_window_is_another_stack() -> None:
    reader = Reader()
    await reader.look_at([1])
    await reader.look_at([2], Rendering(window=(40, 400)))
    assert reader.drawn == []


async def test_a_leap_is_followed_from_where_it_leads() -> None:
    reader = Reader()
    await reader.look_at([1, 2, 20, 21])
    assert reader.drawn == numbers(3, 2 + PICTURES_AHEAD) + numbers(22, 21 + PICTURES_AHEAD)


async def test_frames_of_one_image_are_a_stack() -> None:
    reader = Reader()
    await reader.look_at([1], Rendering(frame=3), frames=6)
    await reader.look_at([1], Rendering(frame=4), frames=6)
    drawn = [(path.stem, rendering.frame) for path, rendering in reader.pixels.ahead]
    assert drawn == [("1", 5), ("1", 6)]


async def test_what_is_not_on_this_host_is_not_fetched_for_it() -> None:
    reader = Reader(is_here=False)
    await reader.look_at(numbers(1, 9))
    assert reader.drawn == []


async def test_one_that_never_came_hinders_nobody() -> None:
    reader = Reader(missing=4)
    await reader.look_at([1, 2])
    assert reader.drawn == [3, 5, 6]


async def test_a_series_of_another_study_is_none() -> None:
    reader = Reader()
    with pytest.raises(NotFound):
        await reader.ahead.note(reader.opened, SeriesInstanceUid("1.2.9"), instance(1), LUNG)


async def test_an_image_that_the_manifest_does_not_name_is_left_alone() -> None:
    reader = Reader()
    await reader.look_at([98, 99])
    assert reader.drawn == []


async def test_the_stacks_of_long_ago_are_forgotten() -> None:
    reader = Reader()
    await reader.look_at([1])
    for width in range(MAX_STACKS):
        await reader.look_at([1], Rendering(window=(0, width + 1)))
    await reader.look_at([2])
    assert reader.drawn == []
