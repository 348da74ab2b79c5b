"""How fast each PACS of the site gives a study, by each way that it has (SO.102).

The octets are counted and let go: what is measured is the PACS and the network, not our disk.
"""

import collections
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from drimbox.adapters.pacs_dicomweb.pacs import DicomwebPacs
from drimbox.adapters.pacs_dimse.pacs import DimsePacs
from drimbox.errors import DrimboxError
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import StudyInstanceUid, TransferSyntaxUid
from drimbox.settings.load import Settings
from drimbox.settings.partners import DicomListenerSettings, PacsSettings

_ECHOES = 5
_Adapter = DimsePacs | DicomwebPacs


@dataclass(frozen=True, slots=True)
class PacsSpeed:
    """One way to one PACS; times are medians of the rounds, None where it failed.

    echo_seconds is a question and its answer, association included; first_image_seconds from the
    request to the last octet of the first image.
    """

    pacs: str
    way: str
    echo_seconds: float | None = None
    first_image_seconds: float | None = None
    seconds: float | None = None
    instances: int = 0
    octets: int = 0
    transfer_syntaxes: tuple[tuple[TransferSyntaxUid, int], ...] = ()
    failure: str | None = None

    @property
    def megabits_per_second(self) -> float | None:
        return self.octets * 8 / 1e6 / self.seconds if self.seconds else None


@dataclass(frozen=True, slots=True)
class _Round:
    """One retrieval of the whole study."""

    first_image_seconds: float
    seconds: float
    octets: int
    transfer_syntaxes: "collections.Counter[TransferSyntaxUid]"


async def measure(
    settings: Settings, study: StudyInstanceUid, *, rounds: int
) -> AsyncIterator[PacsSpeed]:
    """Yield one result for each way of each PACS, as soon as it is there."""
    for pacs in (settings.pacs, *settings.more_pacs):
        for way, make in _ways(pacs, settings.dicom):
            name = pacs.ae_title or (pacs.dicomweb.url if pacs.dicomweb else "")
            try:
                yield await _measure(name, way, make, study, rounds)
            except DrimboxError as error:
                yield PacsSpeed(name, way, failure=str(error))


def _ways(
    pacs: PacsSettings, listener: DicomListenerSettings | None
) -> Iterator[tuple[str, Callable[[], _Adapter]]]:
    if pacs.speaks_dimse:
        yield "C-GET", lambda: DimsePacs(_by(pacs, "c-get"), None)
        yield "C-MOVE", lambda: DimsePacs(_by(pacs, "c-move"), listener)
    service = pacs.dicomweb
    if service is not None:
        yield "DICOMweb", lambda: DicomwebPacs(service)


def _by(pacs: PacsSettings, mode: Literal["c-get", "c-move"]) -> PacsSettings:
    return pacs.model_copy(update={"retrieve_mode": mode})


async def _measure(
    name: str, way: str, make: Callable[[], _Adapter], study: StudyInstanceUid, rounds: int
) -> PacsSpeed:
    """Measure one way.

    Raises:
        DrimboxError: the PACS failed.
    """
    async with _opened(make) as pacs:
        echoes = [await _echo_seconds(pacs) for _ in range(_ECHOES)]
    measured = []
    for _ in range(rounds):
        # Anew each time: a PACS of which nothing is remembered is what a first viewer meets.
        async with _opened(make) as pacs:
            measured.append(await _retrieve(pacs, study))
    return PacsSpeed(
        name,
        way,
        statistics.median(echoes),
        statistics.median(one.first_image_seconds for one in measured),
        statistics.median(one.seconds for one in measured),
        measured[0].transfer_syntaxes.total(),
        measured[0].octets,
        tuple(measured[0].transfer_syntaxes.most_common()),
    )


@asynccontextmanager
async def _opened(make: Callable[[], _Adapter]) -> AsyncIterator[_Adapter]:
    pacs = make()
    try:
        await pacs.start()
        yield pacs
    finally:
        await pacs.close()


async def _echo_seconds(pacs: _Adapter) -> float:
    start = time.perf_counter()
    await pacs.echo()
    return time.perf_counter() - start


async def _retrieve(pacs: _Adapter, study: StudyInstanceUid) -> _Round:
    start, first, octets = time.perf_counter(), 0.0, 0
    syntaxes: collections.Counter[TransferSyntaxUid] = collections.Counter()
    async for instance in pacs.retrieve(TargetResource(study)):
        async for chunk in instance.chunks:
            octets += len(chunk)
        syntaxes[instance.transfer_syntax_uid] += 1
        first = first or time.perf_counter() - start
    return _Round(first, time.perf_counter() - start, octets, syntaxes)
