"""D1: hostile UIDs that come by DIMSE: in a C-STORE to our Storage SCP, a C-FIND, a C-MOVE.

Each is refused by a status or ends its association; the listener goes on, nothing is written, and
a retrieval under way gets its own images and no other.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from tests.adapters.pacs_dimse.test_store_scp import ONE, Sender, call, read_all
from tests.fakes.dicom_objects import CT, encoded, made_up_object
from tests.fakes.kept_here import KeptHere
from tests.security.test_d1_uids_are_no_paths import hostile_uids

from drimbox.adapters.pacs_dimse.association import Association, associate_request, connect
from drimbox.adapters.pacs_dimse.find_scu import next_response
from drimbox.adapters.pacs_dimse.instance_funnel import InstanceFunnel
from drimbox.adapters.pacs_dimse.presentation_contexts import number_contexts
from drimbox.adapters.pacs_dimse.store_scp import StoreScp
from drimbox.adapters.pacs_dimse.store_scu import DimseStorage
from drimbox.entrypoints.dimse.query_retrieve_scp import LocalQueryDoor, QueryRetrieveScp
from drimbox.errors import Unavailable
from drimbox.model.retrieval import TargetResource
from drimbox.settings.partners import (
    DicomListenerSettings,
    ExportDestination,
    LocalQueryPeer,
    LocalQuerySettings,
    PacsSettings,
)
from drimbox.standards.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from drimbox.standards.dimse.messages import STUDY_ROOT_FIND, STUDY_ROOT_MOVE, CommandField
from drimbox.standards.dimse.pdu import PDV_IS_COMMAND, PDV_IS_LAST, encode_data_pdu

pytestmark = pytest.mark.anyio
SUCCESS, INVALID_INSTANCE, DOES_NOT_MATCH = 0x0000, 0x0117, 0xA900
ABORTED = None
# No UID at all is hostile too.
UIDS = [b"", b" ", b"\0", *(uid.encode() for uid in hostile_uids())]


def command_set(field: CommandField, sop_class: str, uid: bytes = b"", **more: bytes) -> bytes:
    """Write a command set with whatever octets: our own encoder writes no such thing."""
    elements = [
        (0x0002, sop_class.encode()),
        (0x0100, struct.pack("<H", field)),
        (0x0110, struct.pack("<H", 7)),
        (0x0600, more.get("destination", b"")),
        (0x0700, b"\0\0"),
        (0x0800, b"\1\0"),
        (0x1000, uid),
    ]
    body = b"".join(
        struct.pack("<HHI", 0, tag, len(value) + len(value) % 2) + value + b"\0" * (len(value) % 2)
        for tag, value in elements
    )
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


def with_uids(data_set: bytes, replaced: str, uid: bytes) -> bytes:
    """Put octets where a UID stands, with their length (explicit VR)."""
    old = replaced.encode() + b"\0" * (len(replaced) % 2)
    new = uid + b"\0" * (len(uid) % 2)
    head = b"UI" + struct.pack("<H", len(old)) + old
    assert head in data_set
    return data_set.replace(head, b"UI" + struct.pack("<H", len(new)) + new)


async def status_of(association: Association, command: bytes, data_set: bytes) -> int | None:
    """Send a message; return the status of its answer, ABORTED where there is none."""
    association.write(encode_data_pdu(1, command, PDV_IS_COMMAND | PDV_IS_LAST))
    association.write(encode_data_pdu(1, data_set, PDV_IS_LAST))
    field = CommandField(struct.unpack_from("<H", command, command.index(b"\0\0\0\1") + 8)[0])
    try:
        response = await next_response(association, CommandField(field | 0x8000))
    except Unavailable:
        return ABORTED
    return response.status


@pytest.fixture
async def scp() -> AsyncIterator[StoreScp]:
    pacs = PacsSettings(host="127.0.0.1", port=1, ae_title="PACS", calling_ae_title="DRIMBOX")
    made = StoreScp([pacs], DicomListenerSettings(port=0, ae_title="DRIMSTORE"))
    await made.start()
    yield made
    await made.close()


async def test_no_image_of_a_hostile_name_comes_in(scp: StoreScp) -> None:
    """In the command, in the data set, in both; then a good one, to the retrieval that waits."""
    good = made_up_object(1, study=ONE)
    octets, uid = encoded(good), str(good.SOPInstanceUID)
    funnel, received = InstanceFunnel(), dict[str, bytes]()
    reader = asyncio.create_task(read_all(funnel, received))
    with scp.moves.expect(TargetResource(ONE), (), funnel) as expectation:
        for hostile in UIDS:
            for named, data_set, expected in (
                (hostile, with_uids(octets, uid, hostile), INVALID_INSTANCE),
                (hostile, octets, INVALID_INSTANCE),
                (uid.encode(), with_uids(octets, uid, hostile), DOES_NOT_MATCH),
            ):
                sender = await call(scp)
                request = command_set(CommandField.C_STORE_RQ, CT, named)
                status = await status_of(sender.association, request, data_set)
                is_ascii = named.isascii()
                assert status == (expected if is_ascii else ABORTED), (named, hostile)
                sender.association.abort()
        await last_of(scp, octets, uid)
        await expectation.idle.wait()
        funnel.end_one()
        await reader
    assert received == {uid: octets}


async def last_of(scp: StoreScp, octets: bytes, uid: str) -> None:
    sender: Sender = await call(scp)
    assert await sender.send_octets(octets, uid) == SUCCESS
    await sender.association.release()


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[KeptHere]:
    made = KeptHere(tmp_path / "cache")
    await made.fill()
    yield made
    await made.stop()


def identifier(uids: Sequence[tuple[int, bytes]], level: bytes) -> bytes:
    """Write the identifier of a query in explicit VR: a level and these keys of group 20."""
    keys = struct.pack("<HH2sH", 0x0008, 0x0052, b"CS", len(level)) + level
    for element, uid in uids:
        value = uid + b"\0" * (len(uid) % 2)
        keys += struct.pack("<HH2sH", 0x0020, element, b"UI", len(value)) + value
    return keys


@pytest.mark.parametrize("level", [b"STUDY ", b"SERIES", b"IMAGE "])
async def test_no_search_and_no_move_follows_a_hostile_name(
    here: KeptHere, tmp_path: Path, level: bytes
) -> None:
    peers = (LocalQueryPeer(ae_title="CONSOLE1", host="127.0.0.1", port=9),)
    destination = ExportDestination(name="CONSOLE1", host="127.0.0.1", port=9, ae_title="CONSOLE1")
    settings = LocalQuerySettings(port=0, ae_title="KEPT", peers=peers)
    door = LocalQueryDoor(settings, here.exams, lambda *_: DimseStorage(destination))
    listener = QueryRetrieveScp(door)
    await listener.start()
    before = files_below(tmp_path)
    try:
        # Padding alone, or a star, is no name: it matches everything (PS3.4 C.2.2.2.3).
        for hostile in (uid for uid in UIDS if uid.strip(b" \0*")):
            for sop_class, field in (
                (STUDY_ROOT_FIND, CommandField.C_FIND_RQ),
                (STUDY_ROOT_MOVE, CommandField.C_MOVE_RQ),
            ):
                association = await ask_at(listener.port, sop_class)
                request = command_set(field, sop_class, destination=b"CONSOLE1")
                keys = identifier([(0x000D, hostile), (0x000E, hostile)], level)
                # No match, or no such identifier: never a match, and never an end without answer.
                status = await status_of(association, request, keys)
                assert status in {SUCCESS, DOES_NOT_MATCH}, (hostile, field)
                association.abort()
    finally:
        await listener.stop()
    assert files_below(tmp_path) == before


def files_below(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


async def ask_at(port: int, sop_class: str) -> Association:
    association = Association("Local query", 5)
    await connect(association, "127.0.0.1", port, timeout_seconds=5)
    await association.negotiate(
        associate_request(
            called_ae_title="KEPT",
            calling_ae_title="CONSOLE1",
            contexts=number_contexts([(sop_class, (EXPLICIT_VR_LITTLE_ENDIAN,))]),
            maximum_pdu=16384,
        )
    )
    return association
