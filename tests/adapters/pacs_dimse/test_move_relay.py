"""Other workers of a host have a PACS send by the one that listens; the socket is a real one."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.fakes.dicom_objects import STUDY
from tests.fakes.made_up_series import KEYS, instances_of, octets_of

from drimbox.adapters.pacs_dimse.get_scu import NotAllSent
from drimbox.adapters.pacs_dimse.instance_funnel import InstanceFunnel
from drimbox.adapters.pacs_dimse.move_relay import FirstWorker, MoveRelay
from drimbox.errors import (
    DrimboxError,
    InvalidValue,
    NotAcceptable,
    NotFound,
    RejectedByPartner,
    TimedOut,
    Unavailable,
)
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.model.uids import SeriesInstanceUid, StudyInstanceUid, TransferSyntaxUid

pytestmark = pytest.mark.anyio
TARGET = TargetResource(StudyInstanceUid(STUDY), SeriesInstanceUid(f"{STUDY}.1"))
EXPLICIT = TransferSyntaxUid("1.2.840.10008.1.2.1")


@pytest.fixture(scope="module", params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """A box runs on uvloop, whose sockets differ."""
    return "asyncio", {"use_uvloop": request.param}


@dataclass
class ListeningPacs:
    """What the first worker asks; it fails, or waits, once it has given so many."""

    failure: DrimboxError | None = None
    fails_after: int = 0
    waits_after: int | None = None
    asked: list[tuple[str, TargetResource, tuple[str, ...]]] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def retrieve(
        self, name: str, target: TargetResource, syntaxes: Sequence[TransferSyntaxUid]
    ) -> AsyncIterator[InstanceStream]:
        self.asked.append((name, target, tuple(syntaxes)))
        self.begun.set()
        given = 0
        try:
            async for instance in instances_of(KEYS[0]):
                if given == self.waits_after:
                    await asyncio.Event().wait()
                if self.failure is not None and given == self.fails_after:
                    raise self.failure
                yield instance
                given += 1
        finally:
            self.ended.set()


async def by_first_worker(folder: Path) -> dict[str, bytes]:
    """Ask as another worker does, and read everything; who leaves ends what fills the funnel."""
    funnel = InstanceFunnel()
    task = asyncio.create_task(FirstWorker(folder).move("PACS", TARGET, [EXPLICIT], funnel))
    task.add_done_callback(funnel.follow)
    found = {}
    try:
        async for instance in funnel.instances():
            octets = b"".join([chunk async for chunk in instance.chunks])
            found[str(instance.sop_instance_uid)] = octets
    finally:
        funnel.close()
        task.cancel()
    return found


@pytest.fixture
async def relayed(tmp_path: Path) -> AsyncIterator[tuple[Path, ListeningPacs]]:
    """A folder whose path is longer than the name of a socket may be; it need not be there."""
    folder = tmp_path / ("long" * 30)
    pacs = ListeningPacs()
    relay = MoveRelay(folder, pacs.retrieve)
    await relay.start()
    yield folder, pacs
    await relay.close()


async def test_every_octet_comes_through(relayed: tuple[Path, ListeningPacs]) -> None:
    folder, pacs = relayed
    assert await by_first_worker(folder) == octets_of(KEYS[0])
    assert pacs.asked == [("PACS", TARGET, (EXPLICIT,))]


async def test_two_workers_at_once_get_each_its_own(relayed: tuple[Path, ListeningPacs]) -> None:
    folder, _ = relayed
    both = await asyncio.gather(by_first_worker(folder), by_first_worker(folder))
    assert both == [octets_of(KEYS[0])] * 2


@pytest.mark.parametrize("fails_after", [0, 3])
@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (NotFound("the PACS holds no such instance"), NotFound),
        (NotAcceptable("nothing in these syntaxes"), NotAcceptable),
        (RejectedByPartner("PACS", "A801"), RejectedByPartner),
        (TimedOut("PACS", 30), TimedOut),
        (Unavailable("PACS", "closed the connection"), Unavailable),
        (NotAllSent("PACS", "did not send every instance"), NotAllSent),
        (InvalidValue("a UID", "none"), Unavailable),
    ],
)
async def test_what_went_wrong_is_told(
    relayed: tuple[Path, ListeningPacs],
    failure: DrimboxError,
    expected: type[DrimboxError],
    fails_after: int,
) -> None:
    folder, pacs = relayed
    pacs.failure, pacs.fails_after = failure, fails_after
    with pytest.raises(expected) as raised:
        await by_first_worker(folder)
    if expected is type(failure):
        assert str(raised.value) == str(failure)


async def test_who_leaves_ends_the_retrieval(relayed: tuple[Path, ListeningPacs]) -> None:
    folder, pacs = relayed
    pacs.waits_after = 2
    asking = asyncio.create_task(by_first_worker(folder))
    async with asyncio.timeout(10):
        await pacs.begun.wait()
        asking.cancel()
        await pacs.ended.wait()


async def test_without_a_first_worker_it_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await by_first_worker(tmp_path)


async def test_a_first_worker_that_ends_breaks_off(tmp_path: Path) -> None:
    pacs = ListeningPacs(waits_after=2)
    relay = MoveRelay(tmp_path, pacs.retrieve)
    await relay.start()
    asking = asyncio.create_task(by_first_worker(tmp_path))
    async with asyncio.timeout(10):
        await pacs.begun.wait()
        await relay.close()
        with pytest.raises(Unavailable):
            await asking


async def test_one_box_listens_for_a_folder(relayed: tuple[Path, ListeningPacs]) -> None:
    folder, pacs = relayed
    with pytest.raises(Unavailable):
        await MoveRelay(folder, pacs.retrieve).start()


async def test_another_user_is_not_answered(
    relayed: tuple[Path, ListeningPacs], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, pacs = relayed
    ours = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: ours + 1)
    with pytest.raises(Unavailable):
        await by_first_worker(folder)
    assert not pacs.asked


async def test_a_pacs_that_the_first_worker_does_not_know_is_not_found(tmp_path: Path) -> None:
    def knows_none(
        name: str, target: TargetResource, syntaxes: Sequence[TransferSyntaxUid]
    ) -> AsyncIterator[InstanceStream]:
        raise NotFound(f"no PACS {name} for {target} in {syntaxes}")

    relay = MoveRelay(tmp_path, knows_none)
    await relay.start()
    with pytest.raises(NotFound):
        await by_first_worker(tmp_path)
    await relay.close()
