"""C-STORE to an export destination, or to that of a C-MOVE (ports.pacs, PS3.4 B, CO.60, CO.72).

Instances come one at a time and tell only then what they are, so contexts are negotiated as needed:
an instance whose SOP class and syntax were not proposed yet begins a new association that has both.
What it takes only uncompressed is decompressed on the way, where a transcoder is given; Implicit VR
is what every AE takes (PS3.5 10.1), and the last to be chosen.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from drimbox.adapters.pacs_dimse.association import Association, associate_request, connect
from drimbox.adapters.pacs_dimse.find_scu import next_response
from drimbox.adapters.pacs_dimse.presentation_contexts import number_contexts
from drimbox.errors import MalformedMessage, NotAcceptable, RejectedByPartner
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import SopClassUid, SopInstanceUid, TransferSyntaxUid
from drimbox.ports.pixel_worker import InstanceTranscoder
from drimbox.settings.partners import ExportDestination
from drimbox.standards.dicom.implicit_vr import implicit_instance
from drimbox.standards.dicom.outgoing import (
    OutgoingIdentity,
    outgoing_instance,
    outgoing_syntax,
)
from drimbox.standards.dicom.transfer_syntaxes import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    UNCOMPRESSED_SYNTAXES,
)
from drimbox.standards.dimse.messages import Command, CommandField
from drimbox.standards.dimse.pdu import MAX_CONTEXTS, ProposedContext
from drimbox.standards.dimse.status import SUCCESS, is_warning, refusal

MAXIMUM_PDU = 131072
CONNECT_SECONDS = 10.0
IDLE_SECONDS = 60.0
_PROPOSALS_A_KIND = 4

_Kind = tuple[SopClassUid, TransferSyntaxUid]


class DimseStorage:
    """One destination; each store() opens its own associations.

    Args:
        destination: where it is, under which AE titles.
        idle_seconds: how long it may neither read nor answer.
        originator: AE title and Message ID of the C-MOVE that this serves, None for an export.
        transcoder: decompresses what is not taken as it is; None for never.
    """

    def __init__(
        self,
        destination: ExportDestination,
        *,
        idle_seconds: float = IDLE_SECONDS,
        originator: tuple[str, int] | None = None,
        transcoder: InstanceTranscoder | None = None,
    ) -> None:
        self._destination = destination
        self._options = _Options(idle_seconds, originator, transcoder)

    async def store(
        self, instances: AsyncIterator[InstanceStream], *, on_stored: Callable[[int], None]
    ) -> None:
        """Send every instance, in the syntax it comes in (ports.pacs.StorageDestination.store)."""
        stored = 0
        async with self._sender() as sender:
            async for instance in instances:
                if (refused := await sender.offer(instance)) is not None:
                    raise refused
                stored += 1
                on_stored(stored)

    async def store_each(
        self,
        instances: AsyncIterator[InstanceStream],
        *,
        on_stored: Callable[[SopInstanceUid], None],
        on_refused: Callable[[SopInstanceUid], None],
    ) -> None:
        """Send what is taken, tell what is not (ports.pacs.MoveDestination.store_each)."""
        async with self._sender() as sender:
            async for instance in instances:
                refused = await sender.offer(instance)
                (on_stored if refused is None else on_refused)(instance.sop_instance_uid)

    @asynccontextmanager
    async def _sender(self) -> AsyncIterator["_Sender"]:
        sender = _Sender(self._destination, self._options)
        try:
            yield sender
        except BaseException:
            sender.abort()
            raise
        await sender.release()


@dataclass(frozen=True, slots=True)
class _Options:
    idle_seconds: float
    originator: tuple[str, int] | None
    transcoder: InstanceTranscoder | None


class _Sender:
    """The association of the moment, and what has been proposed so far."""

    def __init__(self, destination: ExportDestination, options: _Options) -> None:
        self._options = options
        self._destination = destination
        self._association: Association | None = None
        self._proposed: dict[_Kind, None] = {}
        self._message_id = 0

    async def offer(self, instance: InstanceStream) -> RejectedByPartner | None:
        """Send one instance and wait for the answer; return why it is refused, None where taken.

        Raises:
            Unavailable: the destination is away.
            RejectedByPartner: it lets us open no association.
        """
        association = await self._ready(instance)
        async with AsyncExitStack() as kept:
            chosen = await self._choose(association, instance, kept)
            if chosen is None:
                # The next one comes once this one is read.
                async for _ in instance.chunks:
                    pass
                return RejectedByPartner(
                    self._destination.name, "0122", "SOP class or transfer syntax not accepted"
                )
            await self._send(association, *chosen)
        response = await next_response(association, CommandField.C_STORE_RSP)
        status = response.status or SUCCESS
        is_taken = status == SUCCESS or is_warning(status)
        return None if is_taken else refusal(self._destination.name, status)

    async def _send(
        self, association: Association, context: ProposedContext, instance: InstanceStream
    ) -> None:
        self._message_id = self._message_id % 0xFFFF + 1
        title, message_id = self._options.originator or ("", None)
        request = Command(
            CommandField.C_STORE_RQ,
            self._message_id,
            sop_class_uid=instance.sop_class_uid,
            sop_instance_uid=instance.sop_instance_uid,
            has_data_set=True,
            move_originator_ae_title=title,
            move_originator_message_id=message_id,
        )
        association.send(context.context_id, request)
        held = b""
        async for chunk in instance.chunks:
            # One chunk is held back, because the last must say that it is; with it an odd octet:
            # chunks are cut anywhere, fragments at even places only (PS3.8 E.1).
            even = len(held) & ~1
            if even:
                association.write(
                    association.layer.send_data(context.context_id, held[:even], is_last=False)
                )
                await association.drain()
            held = held[even:] + chunk
        association.write(association.layer.send_data(context.context_id, held, is_last=True))
        association.expect_answer()

    async def _ready(self, instance: InstanceStream) -> Association:
        kind = (instance.sop_class_uid, instance.transfer_syntax_uid)
        if self._association is not None and kind in self._proposed:
            return self._association
        if self._association is not None:
            await self._association.release()
        if len(self._proposed) >= MAX_CONTEXTS // _PROPOSALS_A_KIND:
            self._proposed.clear()
        self._proposed[kind] = None
        self._association = await self._open()
        return self._association

    async def _open(self) -> Association:
        name = self._destination.name
        association = Association(name, self._options.idle_seconds)
        proposals: dict[tuple[str, str], None] = {}
        for sop_class, syntax in self._proposed:
            for offered in (syntax, outgoing_syntax(syntax), *UNCOMPRESSED_SYNTAXES):
                proposals[sop_class, offered] = None
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

    async def _choose(
        self, association: Association, instance: InstanceStream, kept: AsyncExitStack
    ) -> tuple[ProposedContext, InstanceStream] | None:
        """Return the context for an instance, and the instance as it must be sent there.

        None where the destination takes it in no syntax that it can be in.
        """
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
        plain = [accepted.get((instance.sop_class_uid, one)) for one in UNCOMPRESSED_SYNTAXES]
        context = plain[0] or plain[1]
        if context is None:
            return None
        if converted == EXPLICIT_VR_LITTLE_ENDIAN:
            return context, implicit_instance(outgoing_instance(instance, OutgoingIdentity()))
        decompressed = await self._decompressed(instance, kept)
        if decompressed is None:
            return None
        return context, decompressed if plain[0] else implicit_instance(decompressed)

    async def _decompressed(
        self, instance: InstanceStream, kept: AsyncExitStack
    ) -> InstanceStream | None:
        """Return the instance in Explicit VR Little Endian, None where it cannot be."""
        if self._options.transcoder is None:
            return None
        whole = await kept.enter_async_context(self._options.transcoder.received(instance))
        with suppress(NotAcceptable, MalformedMessage):
            return await whole.transcoded(EXPLICIT_VR_LITTLE_ENDIAN)
        return None

    async def release(self) -> None:
        if self._association is not None:
            await self._association.release()

    def abort(self) -> None:
        if self._association is not None:
            self._association.abort()
