"""The PACS: C-ECHO, C-FIND, C-GET, C-MOVE and C-STORE, strict about who is called and for what.

A wrong called AE title is rejected, an unknown move destination answered A801, an identifier that
breaks the hierarchy A900, an object whose UIDs are none 0117. Objects keep the transfer syntax they
came in.
"""

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pydicom.dataset import Dataset
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.transport import ThreadedAssociationServer

from drimbox.sandbox.pacs.archive import Archive, NotStorable, StoredObject
from drimbox.sandbox.pacs.capabilities import (
    QUERY_SYNTAXES,
    STORAGE_CLASSES,
    STORAGE_SYNTAXES,
    STUDY_ROOT_FIND,
    STUDY_ROOT_GET,
    STUDY_ROOT_MOVE,
    VERIFICATION,
)
from drimbox.sandbox.pacs.query import WrongIdentifier, find, select
from drimbox.sandbox.pacs.sub_operations import ToSend, send_files

SUCCESS, PENDING, CANCELLED = 0x0000, 0xFF00, 0xFE00
WRONG_IDENTIFIER, INVALID_INSTANCE = 0xA900, 0x0117
_MAXIMUM_PDU = 131072
_SEND_BUFFER = 4 * 1024 * 1024
_MAXIMUM_CONTEXTS = 128  # PS3.8 9.3.2.2: odd identifiers up to 255

_RetrieveAnswer = tuple[int, Dataset | None]


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """Where an AE that the PACS knows can be reached."""

    host: str
    port: int


class SandboxPacs:
    """One PACS over one folder, listening until it is stopped. Many associations at once.

    Args:
        ae_title: the only called AE title it answers to.
        folder: its objects; what arrives is added there.
        peers: the move destinations it knows, by AE title.
    """

    def __init__(
        self,
        ae_title: str,
        folder: Path,
        *,
        peers: Mapping[str, PeerAddress] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.ae_title = ae_title
        self.archive = Archive(folder)
        self.host, self.port = host, port
        self._peers = dict(peers or {})
        self._entity = _entity(ae_title)
        self._server: ThreadedAssociationServer | None = None

    def start(self) -> None:
        """Listen; with port 0 the system chooses, and `port` then tells which."""
        _configure_pynetdicom()
        server = self._entity.start_server(
            (self.host, self.port),
            block=False,
            evt_handlers=[
                (evt.EVT_CONN_OPEN, _tune_socket),
                (evt.EVT_REQUESTED, _prefer_callers_order),
                (evt.EVT_SOP_EXTENDED, _accept_relational_queries),
                (evt.EVT_C_ECHO, _on_echo),
                (evt.EVT_C_FIND, self._on_find),
                (evt.EVT_C_GET, self._on_get),
                (evt.EVT_C_MOVE, self._on_move),
                (evt.EVT_C_STORE, self._on_store),
            ],
        )
        self._server = cast(ThreadedAssociationServer, server)
        self.port = self._server.server_address[1]

    def stop(self) -> None:
        """Abort what runs and stop listening."""
        self._entity.shutdown()

    def _on_find(self, event: Event) -> Iterator[_RetrieveAnswer]:
        try:
            matches = find(
                self.archive,
                event.identifier,
                ae_title=self.ae_title,
                is_relational=_is_relational(event.assoc),
            )
            for match in matches:
                if event.is_cancelled:
                    yield CANCELLED, None
                    return
                yield PENDING, match
        except WrongIdentifier:
            yield WRONG_IDENTIFIER, None

    def _on_get(self, event: Event) -> Iterator[int | _RetrieveAnswer]:
        send_files(event.assoc)
        yield from self._sub_operations(event)

    def _on_move(self, event: Event) -> Iterator[object]:
        peer = self._peers.get((event.move_destination or "").strip())
        if peer is None:
            yield None, None  # pynetdicom then answers A801
            return
        handlers = [
            (evt.EVT_CONN_OPEN, _tune_socket),
            (evt.EVT_ESTABLISHED, lambda established: send_files(established.assoc)),
        ]
        contexts = _contexts_for(self._wanted(event))
        yield peer.host, peer.port, {"contexts": contexts, "evt_handlers": handlers}
        yield from self._sub_operations(event)

    def _wanted(self, event: Event) -> list[StoredObject]:
        try:
            return select(self.archive, event.identifier)
        except WrongIdentifier:
            return []

    def _sub_operations(self, event: Event) -> Iterator[int | _RetrieveAnswer]:
        try:
            wanted = select(self.archive, event.identifier)
        except WrongIdentifier:
            yield 1
            yield WRONG_IDENTIFIER, None
            return
        yield len(wanted)
        for stored in wanted:
            if event.is_cancelled:
                yield CANCELLED, None
                return
            yield PENDING, ToSend(stored)

    def _on_store(self, event: Event) -> int:
        request = cast(C_STORE, event.request)
        try:
            whole = event.encoded_dataset(include_meta=True)
            self.archive.store(str(request.AffectedSOPInstanceUID), whole)
        except NotStorable:
            return INVALID_INSTANCE
        return SUCCESS


def _entity(ae_title: str) -> AE:
    entity = AE(ae_title)
    entity.maximum_pdu_size = _MAXIMUM_PDU
    entity.maximum_associations = 50
    entity.require_called_aet = True
    for service in (VERIFICATION, STUDY_ROOT_FIND, STUDY_ROOT_GET, STUDY_ROOT_MOVE):
        entity.add_supported_context(service, list(QUERY_SYNTAXES))
    for sop_class in STORAGE_CLASSES:
        entity.add_supported_context(
            sop_class, list(STORAGE_SYNTAXES), scu_role=True, scp_role=True
        )
    return entity


def _configure_pynetdicom() -> None:
    """Set what pynetdicom has only for the whole process."""
    # Paths given to send_c_store are streamed without being decoded.
    _config.STORE_SEND_CHUNKED_DATASET = True
    # Identifiers name patients: never in a log. The messages' own log handlers cost time besides.
    _config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False
    _config.LOG_HANDLER_LEVEL = "none"


def _tune_socket(event: Event) -> None:
    """No waiting for full segments, and room for a few PDUs: pynetdicom sets neither."""
    wrapper = event.assoc.dul.socket
    connection = wrapper.socket if wrapper else None
    if connection is None:
        return
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)


def _prefer_callers_order(event: Event) -> None:
    """Accept the first syntax a context proposes that we speak; pynetdicom follows our order."""
    proposed: dict[str, list[str]] = {}
    for context in event.assoc.requestor.requested_contexts:
        proposed.setdefault(str(context.abstract_syntax), []).extend(context.transfer_syntax)
    supported = event.assoc.acceptor.supported_contexts
    for context in supported:
        order = dict.fromkeys(proposed.get(str(context.abstract_syntax), []))
        spoken = [syntax for syntax in order if syntax in context.transfer_syntax]
        if spoken:
            context.transfer_syntax = list(spoken)
    event.assoc.acceptor.supported_contexts = supported


def _accept_relational_queries(event: Event) -> dict[str, bytes]:
    """Grant relational queries where they are asked for (PS3.4 C.5.1.1: first octet)."""
    return {
        uid: b"\x01"
        for uid, information in cast(dict[str, bytes], event.app_info).items()  # type: ignore[attr-defined]
        if uid == STUDY_ROOT_FIND and information[:1] == b"\x01"
    }


def _is_relational(association: Association) -> bool:
    asked = association.requestor.sop_class_extended
    return asked.get(STUDY_ROOT_FIND, b"")[:1] == b"\x01"


def _contexts_for(objects: list[StoredObject]) -> list[PresentationContext]:
    """Propose one context for each pair of SOP class and stored transfer syntax."""
    pairs = dict.fromkeys((item.sop_class, item.transfer_syntax) for item in objects)
    contexts = [build_context(sop_class, syntax) for sop_class, syntax in pairs]
    return contexts[:_MAXIMUM_CONTEXTS] or [build_context(VERIFICATION)]


def _on_echo(_event: Event) -> int:
    return SUCCESS
