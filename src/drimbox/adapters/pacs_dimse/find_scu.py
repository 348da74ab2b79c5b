"""C-FIND in the Study Root model (RAD-14, PS3.4 C.4.1), on our own association."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from drimbox.adapters.pacs_dimse.association import Association, associate_request, connect
from drimbox.adapters.pacs_dimse.presentation_contexts import number_contexts
from drimbox.errors import MalformedMessage, RejectedByPartner, Unavailable
from drimbox.settings.partners import PacsSettings
from drimbox.standards.dicom.data_set import DataSet, read_data_set
from drimbox.standards.dicom.data_set_encoding import encode_data_set
from drimbox.standards.dicom.transfer_syntaxes import (
    IMPLICIT_VR_LITTLE_ENDIAN,
    UNCOMPRESSED_SYNTAXES,
    encoding_of,
)
from drimbox.standards.dimse.messages import (
    STUDY_ROOT_FIND,
    VERIFICATION,
    Command,
    CommandField,
)
from drimbox.standards.dimse.pdu import ExtendedNegotiation, ProposedContext
from drimbox.standards.dimse.status import CANCEL, PENDING, SUCCESS, error_of
from drimbox.standards.dimse.upper_layer import CommandReceived, DataReceived

PARTNER = "PACS"
MAX_MATCHES = 200_000
_MAX_IDENTIFIER = 4 * 1024 * 1024
_RELATIONAL = ExtendedNegotiation(STUDY_ROOT_FIND, b"\x01")


class FindSession:
    """One association on which queries follow each other."""

    def __init__(self, association: Association, context: ProposedContext) -> None:
        self._association = association
        self._context = context
        self._message_id = 0

    @property
    def is_relational(self) -> bool:
        """Whether a query may leave out the UIDs above its level (PS3.4 C.4.1.2.2.1)."""
        return any(
            one.sop_class_uid == STUDY_ROOT_FIND and one.information[:1] == b"\x01"
            for one in self._association.peer_extended
        )

    async def find(self, identifier: DataSet, *, limit: int | None = None) -> list[DataSet]:
        """Return the matches, at most limit.

        Raises:
            Unavailable: the PACS failed, or sent what cannot be read.
            RejectedByPartner: it refused the query.
        """
        self._message_id += 1
        syntax = self._context.transfer_syntaxes[0]
        request = Command(
            CommandField.C_FIND_RQ,
            self._message_id,
            sop_class_uid=STUDY_ROOT_FIND,
            has_data_set=True,
        )
        octets = encode_data_set(identifier, is_implicit=syntax == IMPLICIT_VR_LITTLE_ENDIAN)
        self._association.send(self._context.context_id, request, octets)
        limit = MAX_MATCHES if limit is None else limit
        matches: list[DataSet] = []
        is_cancelled = False
        while True:
            response = await next_response(self._association, CommandField.C_FIND_RSP)
            if response.status not in PENDING:
                break
            octets = await read_identifier(self._association) if response.has_data_set else b""
            if len(matches) < limit:
                matches.append(_read(octets, syntax))
            elif not is_cancelled:
                is_cancelled = True
                self._cancel()
        if response.status not in {SUCCESS, CANCEL if is_cancelled else SUCCESS}:
            raise error_of(PARTNER, response.status or 0)
        return matches

    def _cancel(self) -> None:
        cancel = Command(CommandField.C_CANCEL_RQ, self._message_id)
        self._association.send(self._context.context_id, cancel)


def _read(octets: bytes, transfer_syntax_uid: str) -> DataSet:
    try:
        return read_data_set(octets, encoding_of(transfer_syntax_uid))
    except MalformedMessage as error:
        raise Unavailable(PARTNER, f"sent an unreadable answer: {error}") from error


async def next_response(association: Association, field: CommandField) -> Command:
    """Return the next command, which must be of this kind.

    Raises:
        Unavailable: something else came.
    """
    event = await association.next_event()
    if not isinstance(event, CommandReceived) or event.command.field is not field:
        raise Unavailable(association.partner, f"sent something else than {field.name}")
    return event.command


async def read_identifier(association: Association) -> bytes:
    """Return the data set that follows a command, small by nature.

    Raises:
        Unavailable: something else came, or too much of it.
    """
    pieces, size = [], 0
    while True:
        event = await association.next_event()
        if not isinstance(event, DataReceived):
            raise Unavailable(association.partner, "broke off an identifier")
        pieces.append(event.octets)
        size += len(event.octets)
        if size > _MAX_IDENTIFIER:
            raise Unavailable(association.partner, "sent an identifier of megabytes")
        if event.is_last:
            return b"".join(pieces)


class FindScu:
    """Opens associations for queries."""

    def __init__(self, settings: PacsSettings) -> None:
        self._settings = settings

    @asynccontextmanager
    async def session(self) -> AsyncIterator[FindSession]:
        """Open an association; it is released at the end, aborted on an error.

        Raises:
            Unavailable, RejectedByPartner: no association, or no C-FIND on it.
        """
        proposals = [(STUDY_ROOT_FIND, UNCOMPRESSED_SYNTAXES)]
        async with open_association(self._settings, proposals, extended=(_RELATIONAL,)) as opened:
            context = opened.context_for(STUDY_ROOT_FIND)
            if context is None:
                raise RejectedByPartner(PARTNER, "C-FIND", "Study Root is not accepted")
            yield FindSession(opened, context)

    async def echo(self) -> None:
        """Verify that the PACS answers (C-ECHO).

        Raises:
            Unavailable, RejectedByPartner: it does not, or refuses us.
        """
        proposals = [(VERIFICATION, UNCOMPRESSED_SYNTAXES)]
        async with open_association(self._settings, proposals) as association:
            context = association.context_for(VERIFICATION)
            if context is None:
                raise RejectedByPartner(PARTNER, "C-ECHO", "Verification is not accepted")
            request = Command(CommandField.C_ECHO_RQ, 1, sop_class_uid=VERIFICATION)
            association.send(context.context_id, request)
            response = await next_response(association, CommandField.C_ECHO_RSP)
            if response.status != SUCCESS:
                raise error_of(PARTNER, response.status or 0)


@asynccontextmanager
async def open_association(
    settings: PacsSettings,
    proposals: Sequence[tuple[str, Sequence[str]]],
    *,
    extended: tuple[ExtendedNegotiation, ...] = (),
) -> AsyncIterator[Association]:
    """Open an association with the PACS; released at the end, aborted on an error."""
    association = Association(PARTNER, settings.idle_timeout_seconds)
    request = associate_request(
        called_ae_title=settings.ae_title,
        calling_ae_title=settings.calling_ae_title,
        contexts=number_contexts(proposals),
        maximum_pdu=settings.maximum_pdu,
        extended=extended,
    )
    try:
        await connect_to_pacs(association, settings)
        await association.negotiate(request)
        yield association
    except BaseException:
        association.abort()
        raise
    await association.release()


async def connect_to_pacs(association: Association, settings: PacsSettings) -> None:
    """Open the connection of an association with the PACS."""
    await connect(
        association,
        settings.host,
        settings.port,
        timeout_seconds=settings.connect_timeout_seconds,
    )
