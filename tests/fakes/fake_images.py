"""Images of the exams found, in memory: the image service of the Consommatrice, and a painter."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from drimbox.errors import DrimboxError, NotAcceptable, NotFound, Unavailable
from drimbox.flows.consumer.find_prior_studies import FindPriorStudies
from drimbox.flows.opened_study import OpenedStudy
from drimbox.model.access import Caller
from drimbox.model.retrieval import DicomQuery, InstanceStream, MatchPage, TargetResource
from drimbox.model.uids import (
    SeriesInstanceUid,
    SopClassUid,
    SopInstanceUid,
    TransferSyntaxUid,
)
from drimbox.ports.image_cache import CachedInstance, SeriesCopy
from drimbox.ports.pixel_worker import Rendering

CT_IMAGE = SopClassUid("1.2.840.10008.5.1.4.1.1.2")
EXPLICIT = TransferSyntaxUid("1.2.840.10008.1.2.1")


@dataclass
class FakeImageService:
    """Serves `data_sets` (Explicit VR Little Endian) of the exams that the DMP lists."""

    find_prior_studies: FindPriorStudies
    folder: Path
    data_sets: dict[SopInstanceUid, bytes] = field(default_factory=dict)
    sop_classes: dict[SopInstanceUid, SopClassUid] = field(default_factory=dict)
    failure: DrimboxError | None = None
    fails_after: int | None = None
    opened: list[TargetResource] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)

    async def search(self, caller: Caller, query: DicomQuery) -> MatchPage:
        del caller, query
        return MatchPage((), 0)

    async def open_study(
        self, caller: Caller, target: TargetResource, kos_sop_instance_uid: str | None
    ) -> OpenedStudy:
        del kos_sop_instance_uid
        assert caller.context is not None
        study = await self.find_prior_studies.get(caller.context, target.study_instance_uid)
        self.opened.append(target)
        self.tokens.append(caller.access_token)
        manifest = study.manifest

        async def retrieve(
            wanted: TargetResource, syntaxes: Sequence[TransferSyntaxUid]
        ) -> AsyncIterator[InstanceStream]:
            del wanted, syntaxes
            given = 0
            for series in manifest.series:
                for instance in series.instances:
                    if given == self.fails_after:
                        raise Unavailable("Source box")
                    yield self._stream(instance.sop_instance_uid)
                    given += 1

        return OpenedStudy(manifest, retrieve, self._open_series, self._find_instances)

    async def _find_instances(self, target: TargetResource) -> None:
        del target

    def _open_series(self, uid: SeriesInstanceUid) -> SeriesCopy:
        del uid
        return _Copy(self)

    def _stream(self, uid: SopInstanceUid) -> InstanceStream:
        return InstanceStream(self.sop_classes.get(uid, CT_IMAGE), uid, EXPLICIT, self._chunks(uid))

    async def _chunks(self, uid: SopInstanceUid) -> AsyncIterator[bytes]:
        if self.failure is not None:
            raise self.failure
        octets = self.data_sets[uid]
        for start in range(0, len(octets), 1000):
            yield octets[start : start + 1000]


@dataclass
class _Copy:
    service: FakeImageService

    async def get_instance(self, uid: SopInstanceUid) -> CachedInstance:
        if self.service.failure is not None:
            raise self.service.failure
        if uid not in self.service.data_sets:
            raise NotFound("no such instance in this series")
        path = self.service.folder / f"{len(self.service.data_sets)}-{hash(uid)}.dcm"
        path.write_bytes(self.service.data_sets[uid])
        return CachedInstance(uid, self.service.sop_classes.get(uid, CT_IMAGE), EXPLICIT, path, 0)

    async def instances(self) -> AsyncIterator[CachedInstance]:
        for uid in self.service.data_sets:
            yield await self.get_instance(uid)


@dataclass
class FakePixelWorker:
    """Tells what it was asked in place of drawing it."""

    asked: list[Rendering] = field(default_factory=list)
    ahead: list[tuple[Path, Rendering]] = field(default_factory=list)
    failure: DrimboxError | None = None

    async def render(self, path: Path, rendering: Rendering) -> bytes:
        assert path.name
        if self.failure is not None:
            raise self.failure
        self.asked.append(rendering)
        return f"JPEG {rendering}".encode()

    def draw_ahead(self, path: Path, rendering: Rendering) -> None:
        self.ahead.append((path, rendering))


@dataclass
class FakeTranscoder:
    """Puts an image into another syntax by its name alone; refuses what is in `without_pixels`."""

    without_pixels: set[SopInstanceUid] = field(default_factory=set)

    @asynccontextmanager
    async def received(self, instance: InstanceStream) -> AsyncIterator["FakeReceived"]:
        octets = b"".join([chunk async for chunk in instance.chunks])
        yield FakeReceived(self, instance, octets)


@dataclass
class FakeReceived:
    transcoder: FakeTranscoder
    instance: InstanceStream
    octets: bytes

    async def transcoded(self, syntax: TransferSyntaxUid) -> InstanceStream:
        if self.instance.sop_instance_uid in self.transcoder.without_pixels:
            raise NotAcceptable("no pixels")
        return replace(self.instance, transfer_syntax_uid=syntax, chunks=self._chunks())

    def as_received(self) -> InstanceStream:
        return replace(self.instance, chunks=self._chunks())

    async def _chunks(self) -> AsyncIterator[bytes]:
        yield self.octets
