"""One request for what is below /dicom-web/studies, once its caller may have it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request

from drimbox.errors import NotFound
from drimbox.flows.draw_ahead import DrawAhead
from drimbox.flows.opened_study import OpenedStudy
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import SeriesInstanceUid, SopInstanceUid
from drimbox.ports.image_cache import CachedInstance
from drimbox.ports.pixel_worker import PixelWorker
from drimbox.standards.dicomweb.media_types import MediaRange

_ROOT = "/dicom-web"


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """What is asked for, whether the path or a WADO-URI said it.

    ranges are what the caller accepts, best first; parameters say how to draw, may_enlarge whether
    a viewport is filled or only a bound; frames is the list of frames, None where the instance as a
    whole is meant. base_url is that of the listener's /dicom-web.
    """

    request: Request
    opened: OpenedStudy
    target: TargetResource
    pixels: PixelWorker
    base_url: str
    ranges: Sequence[MediaRange]
    parameters: Mapping[str, str]
    frames: str | None = None
    draw_ahead: DrawAhead | None = None
    may_enlarge: bool = True

    @property
    def is_of_one_instance(self) -> bool:
        return self.target.sop_instance_uid is not None

    async def instance(self) -> CachedInstance:
        """Return this host's copy of the one instance asked for, once it has arrived.

        Raises:
            NotFound: no such instance, or more than one is asked for.
        """
        series, instance = self.target.series_instance_uid, self.target.sop_instance_uid
        if series is None or instance is None:
            raise NotFound("an instance is to be named")
        return await self.opened.open_series(series).get_instance(instance)

    async def instances(self) -> AsyncIterator[tuple[SeriesInstanceUid, CachedInstance]]:
        """Yield this host's copies of all that is asked for, series after series, as they arrive.

        Raises:
            NotFound: the series came without the instance asked for.
        """
        wanted = self.target.series_instance_uid
        for series in self.opened.manifest.series:
            uid = series.series_instance_uid
            if wanted not in {None, uid}:
                continue
            copy = self.opened.open_series(uid)
            if self.target.sop_instance_uid is not None:
                yield uid, await copy.get_instance(self.target.sop_instance_uid)
                return
            async for instance in copy.instances():
                yield uid, instance

    def url(self, series: SeriesInstanceUid, instance: SopInstanceUid) -> str:
        """Return the address of one instance at our own listener."""
        path = f"{self.base_url}/studies/{self.target.study_instance_uid}/series/{series}"
        return f"{path}/instances/{instance}"

    def url_of(self, instance: CachedInstance) -> str:
        """Return the address of an instance of the series that the request names.

        Raises:
            NotFound: it names none.
        """
        series = self.target.series_instance_uid
        if series is None:
            raise NotFound("a series is to be named")
        return self.url(series, instance.sop_instance_uid)


def own_address(request: Request, base_url: str) -> str:
    """Return the address of the /dicom-web that was asked: below a mount, the one there."""
    mounted_at = request.scope.get("root_path", "")
    return f"{base_url.removesuffix(_ROOT)}{mounted_at}{_ROOT}" if mounted_at else base_url
