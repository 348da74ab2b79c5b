"""Our own Storage SCP: each arrival to the retrieval that asked for it, everything else refused."""

import asyncio
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from tests.fakes.dicom_objects import CT, encoded, made_up_object

from drimbox.adapters.pacs_dimse.association import Association, associate_request, connect
from drimbox.adapters.pacs_dimse.find_scu import next_response
from drimbox.adapters.pacs_dimse.instance_funnel import InstanceFunnel
from drimbox.adapters.pacs_dimse.move_scu import MoveAssociation
from drimbox.adapters.pacs_dimse.presentation_contexts import number_contexts
from drimbox.adapters.pacs_dimse.store_scp import StoreScp
from drimbox.errors import RejectedByPartner, TimedOut
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import SeriesInstanceUid, StudyInstanceUid
from drimbox.settings.partners import DicomListenerSettings, PacsSettings
from drimbox.standards.dicom.element_stream import MAX_HELD
from drimbox.standards.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from drimbox.standards.dimse.messages import VERIFICATION, Command, CommandField

pytestmark = pytest.mark.anyio
SUCCESS, NOT_AUTHORIZED, CANNOT_UNDERSTAND = 0x0000, 0x0124, 0xC000
ONE, OTHER = StudyInstanceUid("1.2.250.1.999.61"), StudyInstanceUid("1.2.250.1.999.62")


@pytest.fixture
async def scp() -> AsyncIterator[StoreScp]:
    pacs = PacsSettings(host="127.0.0.1", port=1, ae_title="PACS", calling_ae_title="DRIMBOX")
    made = StoreScp([pacs], DicomListenerSettings(port=0, ae_title="DRIMSTORE"))
    await made.start()
    yield made
    await made.close()


@dataclass
class Sender:
    """The PACS's side of a C-MOVE sub-operation."""

    association: Association

    async def send(
        self, study: str, number: int, *, originator: str = "", message_id: int | None = None
    ) -> int | None:
        return await self.send_octets(
            encoded(made_up_object(number, study=study, side=200)),
            f"{study}.1.{number}",
            originator=originator,
            message_id=message_id,
        )

    async def send_octets(
        self, octets: bytes, uid: str, *, originator: str = "", message_id: int | None = None
    ) -> int | None:
        request = Command(
            CommandField.C_STORE_RQ,
            7,
            sop_class_uid=CT,
            sop_instance_uid=uid,
            has_data_set=True,
            move_originator_ae_title=originator,
            move_originator_message_id=message_id,
        )
        self.association.send(1, request, octets)
        response = await next_response(self.association, CommandField.C_STORE_RSP)
        return response.status


async def call(scp: StoreScp, *, calling: str = "PACS", called: str = "DRIMSTORE") -> Sender:
    association = Association("SCP", 5)
    await connect(association, "127.0.0.1", scp.port, timeout_seconds=5)
    await association.negotiate(
        associate_request(
            called_ae_title=called,
            calling_ae_title=calling,
            contexts=number_contexts(
                [(CT, (EXPLICIT_VR_LITTLE_ENDIAN,)), (VERIFICATION, (EXPLICIT_VR_LITTLE_ENDIAN,))]
            ),
            maximum_pdu=16384,
        )
    )
    return Sender(association)


async def read_all(funnel: InstanceFunnel, into: dict[str, bytes]) -> None:
    async for instance in funnel.instances():
        into[str(instance.sop_instance_uid)] = b"".join([c async for c in instance.chunks])


async def test_two_retrievals_at_once_get_each_its_own(scp: StoreScp) -> None:
    """On one association, interleaved: nothing of a study ever reaches the other's reader."""
    funnels = InstanceFunnel(), InstanceFunnel()
    received: tuple[dict[str, bytes], dict[str, bytes]] = ({}, {})
    readers = [asyncio.create_task(read_all(f, r)) for f, r in zip(funnels, received, strict=True)]
    with (
        scp.moves.expect(TargetResource(ONE), (), funnels[0]) as one,
        scp.moves.expect(TargetResource(OTHER), (), funnels[1]) as other,
    ):
        sender = await call(scp)
        for number in range(1, 4):
            for study, message_id in ((ONE, one.message_id), (OTHER, other.message_id)):
                status = await sender.send(
                    study, number, originator="DRIMBOX", message_id=message_id
                )
                assert status == SUCCESS
        await sender.association.release()
        await asyncio.gather(one.idle.wait(), other.idle.wait())
        for funnel in funnels:
            funnel.end_one()
        await asyncio.gather(*readers)
    for study, found in zip((ONE, OTHER), received, strict=True):
        assert found == {
            f"{study}.1.{n}": encoded(made_up_object(n, study=study, side=200)) for n in (1, 2, 3)
        }


@pytest.mark.parametrize(
    ("study", "originator", "message_id", "expected"),
    [
        pytest.param(ONE, "DRIMBOX", 1, SUCCESS, id="ours, as PS3.7 says it"),
        pytest.param(ONE, "PACS", 1, SUCCESS, id="the PACS names itself as originator"),
        pytest.param(ONE, "", None, SUCCESS, id="the PACS names no originator"),
        pytest.param(ONE, "OTHER", 1, NOT_AUTHORIZED, id="somebody else asked for it"),
        pytest.param(ONE, "DRIMBOX", 2, NOT_AUTHORIZED, id="another message of ours"),
        pytest.param(OTHER, "DRIMBOX", 1, NOT_AUTHORIZED, id="our message, another study"),
        pytest.param(OTHER, "", None, NOT_AUTHORIZED, id="nobody's"),
    ],
)
async def test_lets_in_what_agrees_by_message_and_by_study(
    scp: StoreScp, study: str, originator: str, message_id: int | None, expected: int
) -> None:
    funnel, received = InstanceFunnel(), dict[str, bytes]()
    reader = asyncio.create_task(read_all(funnel, received))
    with scp.moves.expect(TargetResource(ONE), (), funnel) as expectation:
        assert expectation.message_id == 1
        sender = await call(scp)
        status = await sender.send(study, 1, originator=originator, message_id=message_id)
        assert status == expected
        await sender.association.release()
        await expectation.idle.wait()
        funnel.end_one()
        await reader
    assert len(received) == (1 if expected == SUCCESS else 0)


async def test_another_series_of_the_study_is_refused(scp: StoreScp) -> None:
    target = TargetResource(ONE, SeriesInstanceUid(f"{ONE}.2"))
    with scp.moves.expect(target, (), InstanceFunnel()) as expectation:
        sender = await call(scp)
        status = await sender.send(ONE, 1, originator="DRIMBOX", message_id=expectation.message_id)
        assert status == NOT_AUTHORIZED


async def test_two_of_one_study_are_not_guessed_apart(scp: StoreScp) -> None:
    with (
        scp.moves.expect(TargetResource(ONE), (), InstanceFunnel()),
        scp.moves.expect(TargetResource(ONE), (), InstanceFunnel()),
    ):
        sender = await call(scp)
        assert await sender.send(ONE, 1) == NOT_AUTHORIZED


async def test_what_nobody_awaits_is_refused(scp: StoreScp) -> None:
    sender = await call(scp)
    assert await sender.send(ONE, 1) == NOT_AUTHORIZED
    assert await sender.send_octets(b"no data set at all", "1.2.3") == CANNOT_UNDERSTAND


async def test_a_head_without_end_is_refused_before_it_fills_the_memory(scp: StoreScp) -> None:
    """What is held back until the study is known is bounded: a value before it may be any size."""
    private = struct.pack("<HH2sHI", 9, 0x1010, b"OB", 0, 64 * 1024 * 1024)
    octets = private + bytes(MAX_HELD + 1024 * 1024)
    with scp.moves.expect(TargetResource(ONE), (), InstanceFunnel()):
        sender = await call(scp)
        assert await sender.send_octets(octets, f"{ONE}.1.1") == CANNOT_UNDERSTAND


@pytest.fixture
async def impatient_scp() -> AsyncIterator[StoreScp]:
    pacs = PacsSettings(host="127.0.0.1", port=1, ae_title="PACS", idle_timeout_seconds=0.5)
    made = StoreScp([pacs], DicomListenerSettings(port=0, ae_title="DRIMSTORE"))
    await made.start()
    yield made
    await made.close()


async def drip(sender: Sender, octets: bytes) -> None:
    """Send octet by octet, never silent for long, until the other end has had enough."""
    closed = asyncio.create_task(sender.association.wait_closed())
    for octet in octets[:1000]:
        if closed.done():
            return
        sender.association.write(bytes((octet,)))
        await asyncio.sleep(0.02)
    raise AssertionError("every octet was taken")


def store_of_one(sender: Sender, octets: bytes) -> bytes:
    layer = sender.association.layer
    request = Command(
        CommandField.C_STORE_RQ,
        7,
        sop_class_uid=CT,
        sop_instance_uid=f"{ONE}.1.1",
        has_data_set=True,
    )
    return layer.send_command(1, request) + layer.send_data(1, octets, is_last=True)


@pytest.mark.parametrize("whole_octets", [0, 8000], ids=["in a command", "in an image"])
async def test_who_sends_a_message_octet_by_octet_is_let_go(
    impatient_scp: StoreScp, whole_octets: int
) -> None:
    """Each octet begins the idle time anew: its association would wait for ever, and its reader."""
    funnel, received = InstanceFunnel(), dict[str, bytes]()
    reader = asyncio.create_task(read_all(funnel, received))
    with impatient_scp.moves.expect(TargetResource(ONE), (), funnel) as expectation:
        sender = await call(impatient_scp)
        octets = store_of_one(sender, encoded(made_up_object(1, study=ONE, side=200)))
        sender.association.write(octets[:whole_octets])
        await drip(sender, octets[whole_octets:])
        await expectation.idle.wait()
    if whole_octets:
        with pytest.raises(TimedOut):
            await reader
    reader.cancel()


async def test_a_slow_reader_is_no_drip(impatient_scp: StoreScp) -> None:
    """While we do not read, a PACS cannot send."""
    side = 1200
    image = encoded(made_up_object(1, study=ONE, side=side))
    funnel, received = InstanceFunnel(), bytearray()

    async def read_slowly() -> None:
        async for instance in funnel.instances():
            await asyncio.sleep(2)
            async for chunk in instance.chunks:
                received.extend(chunk)

    reader = asyncio.create_task(read_slowly())
    with impatient_scp.moves.expect(TargetResource(ONE), (), funnel):
        sender = await call(impatient_scp)
        assert await sender.send_octets(image, f"{ONE}.1.1") == SUCCESS
        await sender.association.release()
        funnel.end_one()
        await reader
    assert bytes(received) == image


async def test_answers_an_echo(scp: StoreScp) -> None:
    sender = await call(scp)
    sender.association.send(3, Command(CommandField.C_ECHO_RQ, 1, sop_class_uid=VERIFICATION))
    response = await next_response(sender.association, CommandField.C_ECHO_RSP)
    assert response.status == SUCCESS


@pytest.mark.parametrize(
    ("calling", "called"),
    [
        pytest.param("PACS", "SOMEONE", id="meant for another"),
        pytest.param("SOMEONE", "DRIMSTORE", id="from a stranger"),
    ],
)
async def test_titles_that_are_not_agreed_are_rejected(
    scp: StoreScp, calling: str, called: str
) -> None:
    with pytest.raises(RejectedByPartner):
        await call(scp, calling=calling, called=called)


async def test_a_pacs_has_its_whole_time_to_answer_after_a_slow_reader(scp: StoreScp) -> None:
    """It is not silent while its last instance waits to be read, nor as soon as that was."""
    idle_seconds = 0.3
    with scp.moves.expect(TargetResource(ONE), (), InstanceFunnel()) as expectation:
        association = MoveAssociation(idle_seconds, expectation)
        assert not association.is_excused()
        expectation.begin()
        await asyncio.sleep(2 * idle_seconds)
        assert association.is_excused()
        expectation.end()
        assert association.is_excused()
        await asyncio.sleep(2 * idle_seconds)
        assert not association.is_excused()
