"""The images of one exam, for a professional's screen (CO.57, VI-CO.11: the token stays here).

    consent, by name -> series opened, rights checked and traced once -> the copy on this host
    -> one frame drawn, away from the server process

A series is opened once a context; its images are then found on disk, as they arrive.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from drimbox.errors import DrimboxError, NotAcceptable, NotFound, Refused
from drimbox.flows.opened_study import ImageService, OpenedStudy
from drimbox.model.access import Caller
from drimbox.model.consent import check_may_consult
from drimbox.model.manifest import Manifest
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import SeriesInstanceUid, SopInstanceUid, StudyInstanceUid
from drimbox.ports.image_cache import CachedInstance
from drimbox.ports.pixel_worker import PixelWorker, Rendering
from drimbox.recently_used import RecentlyUsed

_MAX_OPENED = 1000


@dataclass(frozen=True, slots=True)
class ImageAddress:
    """One image of an exam."""

    study: StudyInstanceUid
    series: SeriesInstanceUid
    instance: SopInstanceUid


class NoCommonSyntax(NotAcceptable):
    """The Source gives the images in none of the transfer syntaxes asked for (VI-CO.27)."""


@dataclass(frozen=True)
class ViewStudy:
    images: ImageService
    pixels: PixelWorker
    _opened: RecentlyUsed[tuple[str, SeriesInstanceUid], OpenedStudy] = field(
        default_factory=lambda: RecentlyUsed(_MAX_OPENED), init=False, repr=False
    )

    async def open(self, caller: Caller, study: StudyInstanceUid) -> Manifest:
        """Return what the exam is made of.

        Raises:
            ConsentMissing, NotFound, and what finding the exam in the DMP raises.
        """
        return (await self.images.open_study(caller, TargetResource(study), None)).manifest

    async def begin(
        self, caller: Caller, study: StudyInstanceUid, series: SeriesInstanceUid
    ) -> None:
        """Start bringing a series, before its page asks for the first image.

        What goes wrong here is told when that image is asked for.
        """
        with contextlib.suppress(DrimboxError):
            opened = await self._open_series(caller, study, series)
            opened.open_series(series)

    async def get_instance(self, caller: Caller, image: ImageAddress) -> CachedInstance:
        """Return the image's file, waiting until it has arrived.

        Raises:
            NoCommonSyntax: the Source has it in no form that was asked for.
            ConsentMissing, NotFound, and what the retrieval from the Source raised.
        """
        opened = await self._open_series(caller, image.study, image.series)
        with self._forgetting_what_fails(caller, image.series):
            return await self._instance(opened, image)

    async def get_instances(
        self, caller: Caller, study: StudyInstanceUid, series: SeriesInstanceUid
    ) -> tuple[CachedInstance, ...]:
        """Return the files of a series, waiting until all of it has arrived.

        Raises:
            As for get_instance.
        """
        opened = await self._open_series(caller, study, series)
        with self._forgetting_what_fails(caller, series):
            copy = opened.open_series(opened.series(series).series_instance_uid)
            return tuple([instance async for instance in copy.instances()])

    async def render(self, caller: Caller, image: ImageAddress, rendering: Rendering) -> bytes:
        """Return one frame, drawn.

        Raises:
            MalformedMessage: pixels that cannot be decoded within the limits.
            NotAcceptable: the object is no image.
            Others: as for get_instance.
        """
        instance = await self.get_instance(caller, image)
        return await self.pixels.render(instance.path, rendering)

    async def _open_series(
        self, caller: Caller, study: StudyInstanceUid, series: SeriesInstanceUid
    ) -> OpenedStudy:
        key = _key(caller, series)
        opened = self._opened.find(key)
        if opened is None or opened.manifest.study_instance_uid != study:
            opened = await self.images.open_study(caller, TargetResource(study, series), None)
            self._opened.keep(key, opened)
        return opened

    @contextlib.contextmanager
    def _forgetting_what_fails(self, caller: Caller, series: SeriesInstanceUid) -> Iterator[None]:
        """Let a series that failed be opened anew next time: a fresh token, traced again."""
        try:
            yield
        except DrimboxError as error:
            self._opened.forget(_key(caller, series))
            if isinstance(error, NotAcceptable):
                raise NoCommonSyntax(str(error)) from error
            raise

    async def _instance(self, opened: OpenedStudy, image: ImageAddress) -> CachedInstance:
        named = {one.sop_instance_uid for one in opened.series(image.series).instances}
        if image.instance not in named:
            raise NotFound("no such image in this series")
        return await opened.open_series(image.series).get_instance(image.instance)


def _key(caller: Caller, series: SeriesInstanceUid) -> tuple[str, SeriesInstanceUid]:
    """Return what an opened series is kept under.

    Raises:
        Refused: no contextual call.
        ConsentMissing: opposed, or nobody asked.
    """
    if caller.context is None:
        raise Refused("images belong to a contextual call")
    check_may_consult(caller.context.consent)
    return caller.context.identifier, series
