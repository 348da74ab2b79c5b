"""C-MOVE (PS3.4 C.4.2): the PACS sends to our own Storage SCP (RAD-16), for want of C-GET."""

import asyncio

from drimbox.adapters.pacs_dimse.association import Association, associate_request
from drimbox.adapters.pacs_dimse.expected_moves import Expectation
from drimbox.adapters.pacs_dimse.find_scu import PARTNER, connect_to_pacs, read_identifier
from drimbox.adapters.pacs_dimse.get_scu import RetrievalScope, Retrieved, check_retrieved
from drimbox.adapters.pacs_dimse.instance_funnel import InstanceFunnel
from drimbox.adapters.pacs_dimse.presentation_contexts import number_contexts
from drimbox.adapters.pacs_dimse.store_scp import StoreScp
from drimbox.errors import RejectedByPartner, Unavailable
from drimbox.model.retrieval import TargetResource
from drimbox.settings.partners import PacsSettings
from drimbox.standards.dicom.data_set_encoding import encode_data_set
from drimbox.standards.dicom.query_keys import retrieve_identifier
from drimbox.standards.dicom.transfer_syntaxes import (
    IMPLICIT_VR_LITTLE_ENDIAN,
    UNCOMPRESSED_SYNTAXES,
)
from drimbox.standards.dimse.messages import STUDY_ROOT_MOVE, Command, CommandField
from drimbox.standards.dimse.pdu import ProposedContext
from drimbox.standards.dimse.status import PENDING
from drimbox.standards.dimse.upper_layer import CommandReceived


class MoveAssociation(Association):
    """Silent for as long as instances arrive elsewhere: a PACS need not send pending responses.

    It has as long for its next word from when the last one was read, however slowly that was.
    """

    def __init__(self, idle_timeout: float, expectation: Expectation) -> None:
        super().__init__(PARTNER, idle_timeout)
        self._expectation = expectation

    def is_excused(self) -> bool:
        since_read = asyncio.get_running_loop().time() - self._expectation.read_at
        return self._expectation.pending > 0 or since_read < self._idle_timeout


async def move(
    settings: PacsSettings,
    target: TargetResource,
    scope: RetrievalScope,
    scp: StoreScp,
    funnel: InstanceFunnel,
) -> None:
    """Have the target sent to our own SCP, into the funnel.

    Raises:
        NotAcceptable: it has nothing in the syntaxes that the caller takes.
        Unavailable, RejectedByPartner: it failed, or could not send everything.
    """
    await scp.start()
    with scp.moves.expect(target, scope.transfer_syntaxes, funnel) as expectation:
        association = MoveAssociation(settings.idle_timeout_seconds, expectation)
        try:
            await connect_to_pacs(association, settings)
            await _negotiate(association, settings)
            response = await _move(association, target, expectation, scp.ae_title)
            # The last instances may still wait to be read.
            await expectation.idle.wait()
            check_retrieved(Retrieved(response, funnel.count), scope, funnel)
            funnel.end_one()
        except BaseException:
            association.abort()
            raise
        await association.release()


async def _negotiate(association: Association, settings: PacsSettings) -> None:
    await association.negotiate(
        associate_request(
            called_ae_title=settings.ae_title,
            calling_ae_title=settings.calling_ae_title,
            contexts=number_contexts([(STUDY_ROOT_MOVE, UNCOMPRESSED_SYNTAXES)]),
            maximum_pdu=settings.maximum_pdu,
        )
    )


def _context(association: Association) -> ProposedContext:
    context = association.context_for(STUDY_ROOT_MOVE)
    if context is None:
        raise RejectedByPartner(PARTNER, "C-MOVE", "Study Root is not accepted")
    return context


async def _move(
    association: Association, target: TargetResource, expectation: Expectation, destination: str
) -> Command:
    """Send the request and return its final response."""
    context = _context(association)
    is_implicit = context.transfer_syntaxes[0] == IMPLICIT_VR_LITTLE_ENDIAN
    request = Command(
        CommandField.C_MOVE_RQ,
        expectation.message_id,
        sop_class_uid=STUDY_ROOT_MOVE,
        has_data_set=True,
        move_destination=destination,
    )
    identifier = encode_data_set(retrieve_identifier(target), is_implicit=is_implicit)
    association.send(context.context_id, request, identifier)
    while True:
        event = await association.next_event()
        if (
            not isinstance(event, CommandReceived)
            or event.command.field is not CommandField.C_MOVE_RSP
        ):
            raise Unavailable(PARTNER, "sent something else than a C-MOVE response")
        if event.command.has_data_set:
            await read_identifier(association)
        if event.command.status not in PENDING:
            return event.command
