"""The rest of a study on its way while its first series is read."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.conditions import until
from tests.fakes.fake_image_cache import FakeImageCache
from tests.fakes.manifests import made_up_manifest

from drimbox.errors import Unavailable
from drimbox.flows.fetch_ahead import MAX_STUDIES, FetchAhead
from drimbox.flows.opened_study import OpenedStudy
from drimbox.flows.whole_copies import HeldInstances
from drimbox.model.manifest import Manifest
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.model.uids import SeriesInstanceUid, SopInstanceUid, TransferSyntaxUid
from drimbox.ports.image_cache import SeriesCopy, SeriesKey

pytestmark = pytest.mark.anyio


class Study:
    """A study of which series come one after the other, or fail."""

    def __init__(self, folder: Path, manifest: Manifest, failing: str | None = None) -> None:
        self.cache = FakeImageCache(folder)
        self.manifest = manifest
        self.failing = failing
        self.may_go_on = asyncio.Event()
        self.brought: list[SeriesInstanceUid] = []

    def opened(self) -> OpenedStudy:
        return OpenedStudy(self.manifest, self._retrieve, self._open_series, self._find)

    def _open_series(self, uid: SeriesInstanceUid) -> SeriesCopy:
        self.brought.append(uid)
        key = SeriesKey(self.manifest.study_instance_uid, uid)
        return self.cache.open_series(key, lambda: self._retrieve(TargetResource(uid, uid), ()))  # type: ignore[arg-type]

    async def _retrieve(
        self, target: TargetResource, syntaxes: tuple[TransferSyntaxUid, ...] | list[object]
    ) -> AsyncIterator[InstanceStream]:
        del syntaxes
        await self.may_go_on.wait()
        if target.series_instance_uid == self.failing:
            raise Unavailable("PACS", "went away")
        for instance in ():
            yield instance

    async def _find(self, target: TargetResource) -> HeldInstances | None:
        del target
        return None


def manifest(number: int = 1) -> Manifest:
    return replace(made_up_manifest(), sop_instance_uid=SopInstanceUid(f"1.2.3.{number}"))


def series_of(study: Study) -> list[SeriesInstanceUid]:
    return [series.series_instance_uid for series in study.manifest.series]


async def test_every_series_comes_one_after_the_other(tmp_path: Path) -> None:
    study, ahead = Study(tmp_path, manifest()), FetchAhead(is_on=True)
    assert len(series_of(study)) > 1
    ahead.begin(study.opened())
    ahead.begin(study.opened())
    await until(lambda: bool(study.brought))
    assert study.brought == series_of(study)[:1]
    study.may_go_on.set()
    await ahead.settled()
    assert study.brought == series_of(study)


async def test_a_series_that_fails_does_not_keep_the_others(tmp_path: Path) -> None:
    first = made_up_manifest().series[0].series_instance_uid
    study, ahead = Study(tmp_path, manifest(), failing=first), FetchAhead(is_on=True)
    study.may_go_on.set()
    ahead.begin(study.opened())
    await ahead.settled()
    assert study.brought == series_of(study)


async def test_nothing_comes_where_the_site_does_not_want_it(tmp_path: Path) -> None:
    study, ahead = Study(tmp_path, manifest()), FetchAhead(is_on=False)
    ahead.begin(study.opened())
    await ahead.settled()
    assert study.brought == []


async def test_only_some_studies_come_at_once_and_none_once_it_stops(tmp_path: Path) -> None:
    studies = [Study(tmp_path, manifest(number)) for number in range(MAX_STUDIES + 1)]
    ahead = FetchAhead(is_on=True)
    for study in studies:
        ahead.begin(study.opened())
    await until(lambda: sum(len(study.brought) for study in studies) == MAX_STUDIES)
    assert [len(study.brought) for study in studies] == [1] * MAX_STUDIES + [0]
    await ahead.stop()
    ahead.begin(studies[-1].opened())
    assert studies[-1].brought == []
    for study in studies:
        study.may_go_on.set()
        await asyncio.gather(*study.cache.tasks)
