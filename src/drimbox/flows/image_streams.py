"""What happens to instances on their way through: identifiers put in, or compared."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

from drimbox.errors import Mismatch
from drimbox.model.patient import Ins
from drimbox.model.retrieval import InstanceStream
from drimbox.standards.dicom.outgoing import OutgoingIdentity, outgoing_instance
from drimbox.standards.dicom.patient_identifiers import read_patient_identifiers

T = TypeVar("T")


async def close(iterator: AsyncIterator[T]) -> None:
    """End an iterator before its time, so that what feeds it is released at once."""
    if isinstance(iterator, AsyncGenerator):
        await iterator.aclose()


async def outgoing(
    instances: AsyncIterator[InstanceStream], identity: OutgoingIdentity
) -> AsyncIterator[InstanceStream]:
    """Yield the instances as they leave this box (SO.39, SO.41, CO.77)."""
    try:
        async for instance in instances:
            yield outgoing_instance(instance, identity)
    finally:
        await close(instances)


async def of_patient(
    instances: AsyncIterator[InstanceStream], ins: Ins
) -> AsyncIterator[InstanceStream]:
    """Yield the instances, each found to be this patient's (CO.68).

    Raises:
        Mismatch: one names another INS, or none: a Source puts it into each (SO.39).
    """
    try:
        async for received in instances:
            identifiers, instance = await read_patient_identifiers(received)
            if {i.value for i in identifiers.ins} != {ins.value}:
                raise Mismatch("an image does not carry the INS of the contextual call")
            yield instance
    finally:
        await close(instances)
