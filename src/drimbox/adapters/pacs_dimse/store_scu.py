"""C-STORE to an export destination (ports.pacs.StorageDestination, PS3.4 B, CO.60).

Instances come one at a time and tell only then what they are, so contexts are negotiated as needed:
an instance whose SOP class and syntax were not proposed yet begins a new association that has both.
"""

from collections.abc import AsyncIterator, Callable

from drimbox.adapters.pacs_dimse.association import Association, associate_request, connect
from drimbox.adapters.pacs_dimse.find_scu import next_response
from drimbox.adapters.pacs_dimse.presentation_contexts import number_contexts
from drimbox.errors import RejectedByPartner
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import SopClassUid, TransferSyntaxUid
from drimbox.settings.partners import ExportDestination
from drimbox.standards.dicom.outgoing import (
    OutgoingIdentity,
    outgoing_instance,
    outgoing_syntax,
)
from drimbox.standards.dimse.messages import Command, CommandField
from drimbox.standards.dimse.pdu import MAX_CONTEXTS, ProposedContext
from drimbox.standards.dimse.status import SUCCESS, is_warning, refusal

MAXIMUM_PDU = 131072
CONNECT_SECONDS = 10.0
IDLE_SECONDS = 60.0

_Kind = tuple[SopClassUid, TransferSyntaxUid]


class DimseStorage:
    """One destination; each store() opens its own associations.

    Args:
        destination: where it is, under which AE titles.
        idle_seconds: how long it may neither read nor answer.
        originator: AE title and Message ID of the C-MOVE that this serves, None for an export.
    """

    def __init__(
        self,
        destination: ExportDestination,
        *,
        idle_seconds: float = IDLE_SECONDS,
        originator: tuple[str, int] | None = None,
    ) -> None:
        self._destination = destination
        self._idle_seconds = idle_seconds
        self._originator = originator

    async def store(
        self, instances: AsyncIterator[InstanceStream], *, on_stored: Callable[[int], None]
    ) -> None:
        """Send every instance, in the syntax it comes in (ports.pacs.StorageDestination.store)."""
        sender = _Sender(self._destination, self._idle_seconds, self._originator)
        stored = 0
        try:
            async for instance in instances:
                await sender.send(instance)
                stored += 1
                on_stored(stored)
        except BaseException:
            sender.abort()
            raise
        await sender.release()


class _Sender:
    """The association of the moment, and what has been proposed so far."""

    def __init__(
        self,
        destination: ExportDestination,
        idle_seconds: float,
        originator: tuple[str, int] | None,
    ) -> None:
        self._originator = originator
        self._destination = destination
        self._idle_seconds = idle_seconds
        self._association: Association | None = None
        self._proposed: dict[_Kind, None] = {}
        self._message_id = 0

    async def send(self, instance: InstanceStream) -> None:
        """Send one instance and wait for the answer.

        Raises:
            Unavailable: the destination is away.
            RejectedByPartner: it refused the instance, or its SOP class and syntax.
        """
        association = await self._ready(instance)
        context, instance = self._choose(association, instance)
        self._message_id = self._message_id % 0xFFFF + 1
        request = Command(
            CommandField.C_STORE_RQ,
            self._message_id,
            sop_class_uid=instance.sop_class_uid,
            sop_instance_uid=instance.sop_instance_uid,
            has_data_set=True,
            move_originator_ae_title=self._originator[0] if self._originator else "",
            move_originator_message_id=self._originator[1] if self._originator else None,
        )
        association.send(context.context_id, request)
        held = b""
        async for chunk in instance.chunks:
            # One chunk is held back, because the last must say that it is.
            if held:
                association.write(
                    association.layer.send_data(context.context_id, held, is_last=False)
                )
                await association.drain()
            held = chunk
        association.write(association.layer.send_data(context.context_id, held, is_last=True))
        association.expect_answer()
        response = await next_response(association, CommandField.C_STORE_RSP)
        status = response.status or SUCCESS
        if status != SUCCESS and not is_warning(status):
            raise refusal(self._destination.name, status)

    async def _ready(self, instance: InstanceStream) -> Association:
        kind = (instance.sop_class_uid, instance.transfer_syntax_uid)
        if self._association is not None and kind in self._proposed:
            return self._association
        if self._association is not None:
            await self._association.release()
        if len(self._proposed) >= MAX_CONTEXTS // 2:
            self._proposed.clear()
        self._proposed[kind] = None
        self._association = await self._open()
        return self._association

    async def _open(self) -> Association:
        name = self._destination.name
        association = Association(name, self._idle_seconds)
        proposals: dict[tuple[str, str], None] = {}
        for sop_class, syntax in self._proposed:
            # Implicit VR is offered as it is, and as the Explicit VR that we make of it.
            proposals[sop_class, syntax] = None
            proposals[sop_class, outgoing_syntax(syntax)] = None
        request = associate_request(
            called_ae_title=self._destination.ae_title,
            calling_ae_title=self._destination.calling_ae_title,
            contexts=number_contexts((abstract, (syntax,)) for abstract, syntax in proposals),
            maximum_pdu=MAXIMUM_PDU,
        )
        try:
            await connect(
                association,
                self._destination.host,
                self._destination.port,
                timeout_seconds=CONNECT_SECONDS,
            )
            await association.negotiate(request)
        except BaseException:
            association.abort()
            raise
        return association

    def _choose(
        self, association: Association, instance: InstanceStream
    ) -> tuple[ProposedContext, InstanceStream]:
        """Return the context for an instance, and the instance as it must be sent there."""
        accepted = {
            (context.abstract_syntax, context.transfer_syntaxes[0]): context
            for context in association.contexts.values()
        }
        as_is = accepted.get((instance.sop_class_uid, instance.transfer_syntax_uid))
        if as_is is not None:
            return as_is, instance
        converted = outgoing_syntax(instance.transfer_syntax_uid)
        context = accepted.get((instance.sop_class_uid, converted))
        if context is not None:
            return context, outgoing_instance(instance, OutgoingIdentity())
        raise RejectedByPartner(
            self._destination.name, "0122", "SOP class or transfer syntax not accepted"
        )

    async def release(self) -> None:
        if self._association is not None:
            await self._association.release()

    def abort(self) -> None:
        if self._association is not None:
            self._association.abort()
