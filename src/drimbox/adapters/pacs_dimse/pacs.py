"""The site's PACS over DIMSE (ports.pacs.Pacs): C-ECHO, C-FIND, and C-GET or else C-MOVE."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Sequence
from functools import partial

import structlog

from drimbox.adapters.pacs_dimse import search
from drimbox.adapters.pacs_dimse.find_scu import PARTNER, FindScu
from drimbox.adapters.pacs_dimse.get_scu import GetNotSupported, NothingSent, RetrievalScope, get
from drimbox.adapters.pacs_dimse.instance_funnel import InstanceFunnel
from drimbox.adapters.pacs_dimse.move_relay import FirstWorker
from drimbox.adapters.pacs_dimse.move_scu import move
from drimbox.adapters.pacs_dimse.store_scp import StoreScp
from drimbox.adapters.pacs_dimse.study_memory import StudyMemory
from drimbox.errors import NotFound, RejectedByPartner, Unavailable
from drimbox.model.retrieval import DicomJson, DicomQuery, InstanceStream, TargetResource
from drimbox.model.study import Study
from drimbox.model.uids import (
    SeriesInstanceUid,
    SopClassUid,
    SopInstanceUid,
    StudyInstanceUid,
    TransferSyntaxUid,
)
from drimbox.ports.circuit_breaker import CircuitBreaker
from drimbox.ports.pacs_features import PacsFeature, PacsFeatures
from drimbox.settings.partners import DicomListenerSettings, PacsSettings
from drimbox.standards.dicom.sop_classes import STORAGE_SOP_CLASSES, likely_sop_classes

_log = structlog.get_logger(__name__)


class DimsePacs:
    """One PACS.

    Args:
        settings: where it is and how it is spoken to.
        dicom: our own Storage SCP, or where it shall listen; without it C-MOVE cannot be used.
        features: remembers what it lacks; without it, it is tried anew at each start.
    """

    def __init__(
        self,
        settings: PacsSettings,
        dicom: DicomListenerSettings | StoreScp | None,
        features: PacsFeatures | None = None,
    ) -> None:
        self._settings = settings
        if isinstance(dicom, DicomListenerSettings):
            dicom = StoreScp([settings], dicom)
        self._scp = dicom
        self._find_scu = FindScu(settings)
        self._breaker = CircuitBreaker(PARTNER, time.monotonic)
        self._memory = StudyMemory(time.monotonic)
        self._moves = settings.retrieve_mode == "c-move"
        self._features = features
        self._name = f"{settings.ae_title} at {settings.host}:{settings.port}"
        self._first_worker: FirstWorker | None = None
        self._background: set[asyncio.Task[object]] = set()
        self._outlines: dict[StudyInstanceUid, asyncio.Task[search.StudyOutline]] = {}

    @property
    def name(self) -> str:
        """Its AE title and address."""
        return self._name

    async def start(self, first_worker: FirstWorker | None = None) -> None:
        """Listen for arrivals of our own C-MOVE, where a listener is set; recall what it lacks.

        first_worker listens instead, where this process is another worker of its host.
        """
        self._first_worker = first_worker
        if self._scp is not None and first_worker is None:
            await self._scp.start()
        if self._features is not None and self._can_move:
            lacks = await self._features.find_lacks(self._name)
            self._moves = self._moves or PacsFeature.C_GET in lacks

    async def close(self) -> None:
        """End everything that is open."""
        for task in list(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        if self._scp is not None:
            await self._scp.close()

    async def echo(self) -> None:
        """Verify that the PACS answers; asks even when the circuit is open."""
        await self._find_scu.echo()

    async def find(self, query: DicomQuery) -> tuple[DicomJson, ...]:
        with self._breaker.guard():
            async with self._find_scu.session() as session:
                return await search.find(session, query)

    async def find_study(self, study_instance_uid: StudyInstanceUid) -> Study:
        issuer = self._settings.issuer_of_patient_id
        with self._breaker.guard():
            async with self._find_scu.session() as session:
                found = await search.find_study(session, study_instance_uid)
        classes: dict[SopInstanceUid, SopClassUid] = {}
        for series in found.series_without_classes():
            classes |= await self._classes_by_retrieval(study_instance_uid, series)
        study = found.study(default_issuer=issuer, classes=classes)
        self._memory.remember_study(study)
        return study

    async def _classes_by_retrieval(
        self, study: StudyInstanceUid, series: SeriesInstanceUid
    ) -> dict[SopInstanceUid, SopClassUid]:
        """Have a series sent to learn what its images are, which some PACS tell in no other way."""
        _log.info("sop_classes_by_retrieval")
        classes: dict[SopInstanceUid, SopClassUid] = {}
        async for instance in self.retrieve(TargetResource(study, series)):
            classes[instance.sop_instance_uid] = instance.sop_class_uid
            async for _ in instance.chunks:
                pass
        return classes

    async def retrieve(
        self, target: TargetResource, transfer_syntaxes: Sequence[TransferSyntaxUid] = ()
    ) -> AsyncGenerator[InstanceStream, None]:
        """Yield the instances as they arrive (ports.pacs.Pacs.retrieve).

        A failure in the middle raises after the instances that came before it.
        """
        with self._breaker.guard():
            groups, sop_classes = await self._plan(target)
            scope = RetrievalScope(sop_classes, tuple(transfer_syntaxes))
            funnel = InstanceFunnel(len(groups))
            task = asyncio.create_task(self._fill(groups, target, scope, funnel))
            self._background.add(task)
            task.add_done_callback(self._background.discard)
            task.add_done_callback(funnel.follow)
            is_over = False
            try:
                async with contextlib.aclosing(funnel.instances()) as instances:
                    async for instance in instances:
                        yield instance
                # What is left is the orderly release, which nobody needs to wait for.
                is_over = True
            except (Unavailable, RejectedByPartner):
                self._memory.forget(target.study_instance_uid)
                raise
            finally:
                funnel.close()
                if not is_over:
                    task.cancel()

    async def _fill(
        self,
        groups: Sequence[Sequence[TargetResource]],
        target: TargetResource,
        scope: RetrievalScope,
        funnel: InstanceFunnel,
    ) -> None:
        """Retrieve into the funnel, by C-GET where the PACS has it."""
        if self._moves or not await self._get(groups, scope, funnel):
            funnel.restart(1)
            await self._move(target, scope, funnel)

    async def _get(
        self,
        groups: Sequence[Sequence[TargetResource]],
        scope: RetrievalScope,
        funnel: InstanceFunnel,
    ) -> bool:
        """Retrieve each group on its own association; False where C-MOVE is to be tried."""
        try:
            async with asyncio.TaskGroup() as associations:
                for group in groups:
                    associations.create_task(get(self._settings, group, scope, funnel))
        except ExceptionGroup as failures:
            first = failures.exceptions[0]
            is_of_get = isinstance(first, GetNotSupported | NothingSent)
            if not (is_of_get and self._can_move and funnel.count == 0):
                raise first from None
            if isinstance(first, GetNotSupported):
                await self._remember_no_get()
            else:
                _log.warning("c_get_sent_nothing", reason=str(first))
            return False
        return True

    @property
    def _can_move(self) -> bool:
        """Whether C-MOVE may stand in for C-GET."""
        return self._settings.retrieve_mode == "auto" and self._scp is not None

    async def _remember_no_get(self) -> None:
        self._moves = True
        if self._features is not None:
            try:
                await self._features.note_lack(self._name, PacsFeature.C_GET)
            except Unavailable:
                _log.warning("pacs_feature_not_kept", feature=PacsFeature.C_GET.value)

    async def _move(
        self, target: TargetResource, scope: RetrievalScope, funnel: InstanceFunnel
    ) -> None:
        if self._scp is None:
            raise RejectedByPartner(PARTNER, "C-MOVE", "needs our own DICOM listener")
        if self._first_worker is not None:
            await self._first_worker.move(self._name, target, scope.transfer_syntaxes, funnel)
            return
        await move(self._settings, target, scope, self._scp, funnel)

    async def _plan(
        self, target: TargetResource
    ) -> tuple[list[list[TargetResource]], tuple[SopClassUid, ...]]:
        """Return what each association retrieves, and the SOP classes to propose."""
        study, series = target.study_instance_uid, target.series_instance_uid
        if series is not None:
            known = self._memory.sop_classes(study, [series])
            if known:
                return [[target]], known
        if self._moves and self._settings.retrieve_mode == "c-move":
            return [[target]], STORAGE_SOP_CLASSES
        outline = await self._outline(study)
        all_series = [one.series_instance_uid for one in outline.series]
        if series is not None and series not in all_series:
            raise NotFound("the PACS holds no such series")
        if series is not None:
            return [[target]], outline.sop_classes
        return _share(study, outline, self._settings.associations), outline.sop_classes

    async def _outline(self, study: StudyInstanceUid) -> search.StudyOutline:
        """Return what the study is made of; asked once, where several of its series are at once."""
        asked = self._outlines.get(study)
        if asked is None:
            asked = self._outlines[study] = asyncio.create_task(self._find_outline(study))
            self._background.add(asked)
            asked.add_done_callback(self._background.discard)
            asked.add_done_callback(partial(self._found_outline, study))
        return await asyncio.shield(asked)

    def _found_outline(
        self, study: StudyInstanceUid, asked: asyncio.Task[search.StudyOutline]
    ) -> None:
        del self._outlines[study]
        if not asked.cancelled():
            asked.exception()  # told to whoever still waits

    async def _find_outline(self, study: StudyInstanceUid) -> search.StudyOutline:
        async with self._find_scu.session() as session:
            outline = await search.find_outline(session, study)
            series = [one.series_instance_uid for one in outline.series]
            classes = outline.sop_classes or self._memory.sop_classes(study, series)
            if not classes:
                classes = await search.find_sop_classes(session, study, series)
        if not classes:
            # It tells of no image what it is: the kinds that its modalities are made of, then.
            classes = likely_sop_classes(one.modality for one in outline.series)
        self._memory.remember(study, classes, series)
        return search.StudyOutline(outline.series, classes)


def _share(
    study: StudyInstanceUid, outline: search.StudyOutline, associations: int
) -> list[list[TargetResource]]:
    """Deal the series out to the associations, the largest first, each to the least burdened."""
    count = min(associations, len(outline.series))
    if count <= 1:
        return [[TargetResource(study)]]
    groups: list[list[TargetResource]] = [[] for _ in range(count)]
    burdens = [0] * count
    for series in sorted(outline.series, key=lambda one: -(one.instances or 1)):
        least = burdens.index(min(burdens))
        burdens[least] += series.instances or 1
        groups[least].append(TargetResource(study, series.series_instance_uid))
    return groups
