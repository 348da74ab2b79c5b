"""What happens to instances on their way through: identifiers put in, or compared."""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

from drimbox.errors import Mismatch
from drimbox.model.patient import Ins
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.model.uids import SopInstanceUid
from drimbox.ports.image_cache import SeriesCopy
from drimbox.standards.dicom.outgoing import OutgoingIdentity, outgoing_instance
from drimbox.standards.dicom.patient_identifiers import IdentityReader

T = TypeVar("T")


async def close(iterator: AsyncIterator[T]) -> None:
    """End an iterator before its time, so that what feeds it is released at once."""
    if isinstance(iterator, AsyncGenerator):
        await iterator.aclose()


async def in_turn(
    copies: AsyncIterator[SeriesCopy], at_once: int, uid: SopInstanceUid | None
) -> AsyncGenerator[InstanceStream, None]:
    """Yield copy after copy, while the next ones are on their way; uid: that instance only.

    copies opens one each time it is asked. Left before the end, what was opened is abandoned.
    """
    opened: deque[SeriesCopy] = deque()
    try:
        while True:
            while len(opened) < at_once and (copy := await anext(copies, None)) is not None:
                opened.append(copy)
            if not opened:
                return
            instances = opened[0].streams(uid)
            try:
                async for instance in instances:
                    yield instance
            finally:
                await close(instances)
            opened.popleft()
    finally:
        for copy in opened:
            copy.abandon()


async def outgoing(
    instances: AsyncIterator[InstanceStream], identity: OutgoingIdentity
) -> AsyncGenerator[InstanceStream, None]:
    """Yield the instances as they leave this box (SO.39, SO.41, CO.77)."""
    try:
        async for instance in instances:
            yield outgoing_instance(instance, identity)
    finally:
        await close(instances)


async def of_patient(
    instances: AsyncIterator[InstanceStream], ins: Ins, series: TargetResource
) -> AsyncIterator[InstanceStream]:
    """Yield the instances, each found to be this patient's, and of this series (CO.68, D6).

    Raises:
        Mismatch: one names another INS, or none (a Source puts it into each, SO.39), or another
            study, series or instance than it was given for.
    """
    reader = IdentityReader()
    try:
        async for received in instances:
            identity, instance = await reader.read(received)
            if {i.value for i in identity.patient.ins} != {ins.value}:
                raise Mismatch("an image does not carry the INS of the contextual call")
            uids = (identity.study_instance_uid, identity.series_instance_uid)
            if uids != (series.study_instance_uid, series.series_instance_uid):
                raise Mismatch("an image is of another study or series than was asked for")
            if identity.sop_instance_uid != received.sop_instance_uid:
                raise Mismatch("an image is another than its file meta information says")
            yield instance
    finally:
        await close(instances)
