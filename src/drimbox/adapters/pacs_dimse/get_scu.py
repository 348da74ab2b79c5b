"""C-GET (PS3.4 C.4.3): the PACS sends on the association that asked (RAD-16)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from drimbox.adapters.pacs_dimse.association import Association, associate_request
from drimbox.adapters.pacs_dimse.find_scu import PARTNER, connect_to_pacs, read_identifier
from drimbox.adapters.pacs_dimse.instance_funnel import InstanceFunnel, arrival_of
from drimbox.adapters.pacs_dimse.presentation_contexts import (
    ROOM_BESIDE_QUERY,
    number_contexts,
    storage_proposals,
)
from drimbox.errors import NotAcceptable, NotFound, RejectedByPartner, Unavailable
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import SopClassUid, TransferSyntaxUid
from drimbox.settings.partners import PacsSettings
from drimbox.standards.dicom.data_set_encoding import encode_data_set
from drimbox.standards.dicom.query_keys import retrieve_identifier
from drimbox.standards.dicom.transfer_syntaxes import (
    IMPLICIT_VR_LITTLE_ENDIAN,
    UNCOMPRESSED_SYNTAXES,
)
from drimbox.standards.dimse.messages import (
    STUDY_ROOT_GET,
    Command,
    CommandField,
    SubOperations,
)
from drimbox.standards.dimse.pdu import AssociateRequest, ProposedContext, RoleSelection
from drimbox.standards.dimse.status import (
    PENDING,
    SOP_CLASS_NOT_SUPPORTED,
    SUB_OPERATIONS_INCOMPLETE,
    SUB_OPERATIONS_NOT_PERFORMED,
    SUCCESS,
    UNRECOGNIZED_OPERATION,
    error_of,
)
from drimbox.standards.dimse.upper_layer import CommandReceived, DataReceived, Event


class GetNotSupported(RejectedByPartner):
    """The PACS does not do C-GET at all."""

    def __init__(self) -> None:
        super().__init__(PARTNER, "C-GET", "not supported")


class NotAllSent(Unavailable):
    """The PACS ended a retrieval of which it did not send everything."""

    is_of_this_request = True


class NothingSent(NotAllSent):
    """All of a retrieval failed: it may go better another way."""


class Retrieved(NamedTuple):
    """The final response of a C-GET or C-MOVE, and how many instances came before it."""

    response: Command
    received: int


@dataclass(frozen=True, slots=True)
class RetrievalScope:
    """What contexts to propose: SOP classes of the study, syntaxes the caller takes."""

    sop_classes: tuple[SopClassUid, ...]
    transfer_syntaxes: tuple[TransferSyntaxUid, ...]


class GetAssociation(Association):
    """Answers each C-STORE as soon as its last octet is here, in one write."""

    def __init__(self, idle_timeout: float) -> None:
        super().__init__(PARTNER, idle_timeout)
        self._store: CommandReceived | None = None

    def deliver(self, event: Event) -> bytes:
        if isinstance(event, CommandReceived) and _only_counts(event.command):
            return b""
        super().deliver(event)
        if isinstance(event, CommandReceived):
            is_store = event.command.field is CommandField.C_STORE_RQ
            self._store = event if is_store else None
        elif isinstance(event, DataReceived) and event.is_last and self._store is not None:
            store, self._store = self._store, None
            return self.layer.send_command(store.context_id, store_response(store.command, SUCCESS))
        return b""


def _only_counts(command: Command) -> bool:
    """Tell whether it is a pending response, of which many PACS send one an instance."""
    is_response = command.field is CommandField.C_GET_RSP
    return is_response and command.status in PENDING and not command.has_data_set


def store_response(request: Command, status: int) -> Command:
    """Answer a C-STORE-RQ."""
    return Command(
        CommandField.C_STORE_RSP,
        request.message_id,
        sop_class_uid=request.sop_class_uid,
        sop_instance_uid=request.sop_instance_uid,
        status=status,
    )


async def get(
    settings: PacsSettings,
    targets: Sequence[TargetResource],
    scope: RetrievalScope,
    funnel: InstanceFunnel,
) -> None:
    """Retrieve the targets one after the other on one association, into the funnel.

    The funnel is told of the end before the association is released.

    Raises:
        GetNotSupported: the PACS does not do C-GET.
        NotAcceptable: it has nothing in the syntaxes that the caller takes.
        NothingSent: it could send none of it this way.
        Unavailable, RejectedByPartner: it failed, or could not send everything.
    """
    association = GetAssociation(settings.idle_timeout_seconds)
    try:
        await connect_to_pacs(association, settings)
        await association.negotiate(_request(settings, scope))
        context = _get_context(association)
        _check_acceptable(association, scope)
        for index, target in enumerate(targets):
            retrieved = await _get_one(association, context, index + 1, target, funnel)
            check_retrieved(retrieved, scope, funnel)
        funnel.end_one()
    except BaseException:
        association.abort()
        raise
    await association.release()


def _get_context(association: Association) -> ProposedContext:
    """Return the context of C-GET.

    Raises:
        GetNotSupported: there is none, or the PACS lets us be the SCP of nothing (PS3.7 D.3.3.4).
    """
    context = association.context_for(STUDY_ROOT_GET)
    roles = association.peer_roles
    # Some that say nothing of roles send all the same.
    if context is None or (roles and not any(role.is_scp for role in roles)):
        raise GetNotSupported
    return context


def _request(settings: PacsSettings, scope: RetrievalScope) -> AssociateRequest:
    storage = storage_proposals(scope.sop_classes, scope.transfer_syntaxes, room=ROOM_BESIDE_QUERY)
    roles = (
        RoleSelection(sop_class, is_scu=False, is_scp=True)
        for sop_class in dict.fromkeys(abstract for abstract, _ in storage)
    )
    return associate_request(
        called_ae_title=settings.ae_title,
        calling_ae_title=settings.calling_ae_title,
        contexts=number_contexts([(STUDY_ROOT_GET, UNCOMPRESSED_SYNTAXES), *storage]),
        maximum_pdu=settings.maximum_pdu,
        roles=tuple(roles),
    )


async def _get_one(
    association: Association,
    context: ProposedContext,
    message_id: int,
    target: TargetResource,
    funnel: InstanceFunnel,
) -> Retrieved:
    """Retrieve one target."""
    is_implicit = context.transfer_syntaxes[0] == IMPLICIT_VR_LITTLE_ENDIAN
    identifier = encode_data_set(retrieve_identifier(target), is_implicit=is_implicit)
    request = Command(
        CommandField.C_GET_RQ, message_id, sop_class_uid=STUDY_ROOT_GET, has_data_set=True
    )
    association.send(context.context_id, request, identifier)
    received = 0
    while True:
        event = await association.next_event()
        if not isinstance(event, CommandReceived):
            raise Unavailable(PARTNER, "sent something else than a C-STORE or C-GET message")
        command = event.command
        if command.field is CommandField.C_STORE_RQ:
            await funnel.offer(arrival_of(association, event))
            received += 1
            continue
        if command.field is not CommandField.C_GET_RSP:
            raise Unavailable(PARTNER, f"sent {command.field.name} during a C-GET")
        if command.has_data_set:
            await read_identifier(association)
        if command.status not in PENDING:
            return Retrieved(command, received)


def _check_acceptable(association: Association, scope: RetrievalScope) -> None:
    """Ask for nothing that could only fail: the PACS has none of the caller's syntaxes.

    Raises:
        NotAcceptable: no storage context was accepted.
    """
    is_any = any(association.context_for(sop_class) for sop_class in scope.sop_classes)
    if scope.transfer_syntaxes and not is_any:
        raise NotAcceptable("the PACS can send in none of the transfer syntaxes asked for")


def check_retrieved(retrieved: Retrieved, scope: RetrievalScope, funnel: InstanceFunnel) -> None:
    """Judge the end of a C-GET or C-MOVE.

    Raises:
        GetNotSupported: the PACS knows no such operation.
        NotFound: it sent nothing, because it holds nothing.
        NotAcceptable: it sent nothing, and the caller does not take every syntax.
        NothingSent: it holds something, and could send none of it.
        NotAllSent: it did not send everything.
        Unavailable, RejectedByPartner: it failed, or refused.
    """
    status, counts = retrieved.response.status, retrieved.response.sub_operations
    if status is None:
        raise Unavailable(PARTNER, "ended a retrieval without a status (PS3.7 9.1.3.2)")
    if status in {SOP_CLASS_NOT_SUPPORTED, UNRECOGNIZED_OPERATION} and funnel.count == 0:
        raise GetNotSupported
    if scope.transfer_syntaxes and counts.failed and funnel.count == 0:
        raise NotAcceptable("the PACS sends nothing in the transfer syntaxes asked for")
    _check_counts(status, counts, retrieved.received)
    if status not in {SUCCESS, SUB_OPERATIONS_INCOMPLETE}:
        raise error_of(PARTNER, status)
    if funnel.count == 0:
        raise NotFound("the PACS holds no such instance")


def _check_counts(status: int, counts: SubOperations, received: int) -> None:
    """Check that all came; warnings alone are no want (PS3.4 table C.4-3).

    Raises:
        NotAllSent: it did not.
    """
    is_incomplete = status == SUB_OPERATIONS_INCOMPLETE and counts.failed != 0
    if is_incomplete or status == SUB_OPERATIONS_NOT_PERFORMED or counts.failed:
        reason = f"did not send every instance ({counts.failed or 0} failed)"
        raise (NotAllSent if received else NothingSent)(PARTNER, reason)
    sent = (counts.completed or 0) + (counts.warning or 0)
    if sent > received:
        # A last response that overtakes an image would make a series short that looks whole.
        raise NotAllSent(PARTNER, f"counts {sent} instances and sent {received}")
