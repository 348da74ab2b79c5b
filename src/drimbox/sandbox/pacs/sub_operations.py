"""Send stored objects as they are: C-STORE sub-operations of C-GET and C-MOVE (PS3.4 C.4.2, C.4.3).

Left to itself pynetdicom decodes and encodes each data set a handler yields; here the octets of the
file go out unchanged in their own transfer syntax. Only the two native little endian syntaxes are
turned into one another, as every DICOM application must be able to do (PS3.5 10.1); nothing is
transcoded.
"""

from collections.abc import Callable
from functools import partial

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.association import Association

from drimbox.sandbox.pacs.archive import StoredObject

_Message = tuple[int, object] | tuple[None, None]
_GetMessage = Callable[[bool], _Message]
_NATIVE = frozenset({str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian)})


class ToSend(Dataset):
    """What a retrieve handler yields to pynetdicom: it only names the object it stands for."""

    stored: StoredObject

    def __init__(self, stored: StoredObject) -> None:
        super().__init__()
        self.SOPInstanceUID = stored.sop_instance
        object.__setattr__(self, "stored", stored)


def send_files(association: Association) -> None:
    """From now on the association sends the file of each object that a handler yields.

    Called at each C-GET; an association that sends files already is left as it is.

    On an association of its own (C-MOVE) whatever comes is an answer to send_c_store. pynetdicom
    has a thread there that looks for requests, and means to halt it while send_c_store waits; but
    it takes that thread for halted when it is only about to go on. A busy machine lets it go on
    just then: it takes the answer away, and send_c_store waits for it until its time is over.
    """
    send_c_store = association.send_c_store
    if getattr(send_c_store, "sends_files", False):
        return

    def send_stored(item: ToSend, msg_id: int = 1, **originator: object) -> Dataset:
        stored = item.stored
        if _is_accepted(association, stored, {stored.transfer_syntax}):
            return send_c_store(stored.path, msg_id, **originator)  # type: ignore[arg-type]
        if stored.transfer_syntax in _NATIVE and _is_accepted(association, stored, _NATIVE):
            return send_c_store(dcmread(stored.path), msg_id, **originator)  # type: ignore[arg-type]
        raise ValueError("no accepted presentation context for the stored transfer syntax")

    if association.is_requestor:
        dimse = association.dimse
        dimse.get_msg = partial(_awaited_message, dimse.get_msg)  # type: ignore[method-assign,assignment]
    send_stored.sends_files = True  # type: ignore[attr-defined]  # told to the next C-GET
    association.send_c_store = send_stored  # type: ignore[method-assign,assignment]


def _awaited_message(get_msg: _GetMessage, block: bool = False) -> _Message:  # noqa: FBT001,FBT002
    """Give messages to whoever waits for one, none to whoever only looks."""
    return get_msg(block) if block else (None, None)


def _is_accepted(
    association: Association, stored: StoredObject, syntaxes: set[str] | frozenset[str]
) -> bool:
    return any(
        context.abstract_syntax == stored.sop_class
        and context.as_scu
        and context.transfer_syntax[0] in syntaxes
        for context in association.accepted_contexts
    )
