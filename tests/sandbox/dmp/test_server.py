"""The stand-in on the wire: client certificates, the door for tests, misbehaviour, restarts."""

import asyncio
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from tests.sandbox.dmp import pki
from tests.sandbox.dmp.bench import Answered, Bench, Recipe, TestClock, another, known_patients
from tests.sandbox.dmp.kos import INS, KOS_UID, STUDY_UID
from tests.sandbox.dmp.lot import PATIENT_ID, SIGNATURE_UID

from drimbox.sandbox.dmp.answers import Reply
from drimbox.sandbox.dmp.behaviour import Behaviour, Mode
from drimbox.sandbox.dmp.server import SandboxDmp
from drimbox.sandbox.dmp.service import DmpTrust
from drimbox.sandbox.dmp.store import Store

TODAY = datetime.now(UTC)


def authority() -> pki.Holder:
    """One whose dates OpenSSL, which has its own clock, accepts."""
    return pki.authority("TEST AC OF TODAY", TODAY)


def context(holder: pki.Holder, folder: Path, *, is_server: bool) -> ssl.SSLContext:
    files = folder / "certificate.pem", folder / "key.pem"
    folder.mkdir(exist_ok=True)
    files[0].write_bytes(holder.pem)
    files[1].write_bytes(holder.key_pem)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if is_server else ssl.PROTOCOL_TLS_CLIENT)
    made.load_cert_chain(*files)
    made.load_verify_locations(cadata=authority().pem.decode())
    return made


def todays(name: str, usage: str, issuer: pki.Holder | None = None) -> pki.Holder:
    return pki.leaf(name, usage, issuer=issuer or authority(), around=TODAY)


@pytest.fixture
async def dmp(tmp_path: Path) -> AsyncIterator[SandboxDmp]:
    made = SandboxDmp(
        tmp_path / "dmp",
        trust=DmpTrust(authority().pem, pki.authority().pem),
        patients=known_patients(),
        clock=TestClock(),
    )
    server = context(todays("server", "server"), tmp_path / "server", is_server=True)
    await made.start("127.0.0.1", 0, server)
    yield made
    await made.stop()


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    tls = context(todays("client today", "client"), tmp_path / "client", is_server=False)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as made:
        yield made


async def provide(
    dmp: SandboxDmp, session: aiohttp.ClientSession, bench: Bench, recipe: Recipe | None = None
) -> Answered:
    exchange = bench.provide_message(recipe or Recipe())
    headers = {"Content-Type": exchange.content_type}
    async with session.post(dmp.repository_url, data=exchange.body, headers=headers) as response:
        body = await response.read()
        return Answered(Reply(response.status, response.headers["Content-Type"], body))


async def holdings(dmp: SandboxDmp, patient: str = INS) -> list[dict[str, str | None]]:
    async with (
        aiohttp.ClientSession() as plain,
        plain.get(dmp.documents_url, params={"patient": patient}) as response,
    ):
        assert response.status == 200
        found = await response.json()
        assert isinstance(found, list)
        return found


@pytest.mark.anyio
async def test_takes_a_lot_over_mutual_tls_and_shows_it(
    dmp: SandboxDmp, session: aiohttp.ClientSession, bench: Bench
) -> None:
    answer = await provide(dmp, session, bench)

    assert answer.status == "Success", answer.said()
    kos, signature = await holdings(dmp)
    assert kos.pop("entry_uuid")
    assert kos == {
        "unique_id": KOS_UID,
        "status": "Approved",
        "type_code": "IMG-KOS",
        "study_instance_uid": STUDY_UID,
        "replaces": None,
    }
    assert signature["unique_id"] == SIGNATURE_UID
    assert signature["study_instance_uid"] is None
    assert await holdings(dmp, PATIENT_ID) != []
    assert await holdings(dmp, "279035121518989") == []


@pytest.mark.anyio
async def test_shows_what_replaced_what(
    dmp: SandboxDmp, session: aiohttp.ClientSession, bench: Bench
) -> None:
    await provide(dmp, session, bench)
    first = (await holdings(dmp))[0]
    await provide(dmp, session, bench, another(Recipe(replaces=str(first["entry_uuid"])), 2))

    kos = {h["unique_id"]: h for h in await holdings(dmp) if h["type_code"] == "IMG-KOS"}

    assert kos[KOS_UID]["status"] == "Deprecated"
    assert kos[f"{KOS_UID}.2"]["replaces"] == KOS_UID


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["none", "foreign", "server"])
async def test_shuts_the_door_to_a_client_certificate_that_is(
    dmp: SandboxDmp, bench: Bench, tmp_path: Path, kind: str
) -> None:
    foreign = pki.authority("FOREIGN AC OF TODAY", TODAY)
    holders = {
        "foreign": todays("foreign client", "client", foreign),
        "server": todays("server as client", "server"),
    }
    if kind == "none":
        tls = ssl.create_default_context(cadata=authority().pem.decode())
    else:
        tls = context(holders[kind], tmp_path / kind, is_server=False)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as stranger:
        with pytest.raises(aiohttp.ClientError):
            await provide(dmp, stranger, bench)
    assert dmp.received == {}


@pytest.mark.anyio
async def test_is_busy_for_as_long_as_told(
    dmp: SandboxDmp, session: aiohttp.ClientSession, bench: Bench
) -> None:
    dmp.behave(Behaviour(Mode.REGISTRY_BUSY, requests=2))

    codes = [(await provide(dmp, session, bench)).errors for _ in range(3)]

    assert [[c for c, _ in errors] for errors in codes] == [["XDSRegistryBusy"]] * 2 + [[]]


@pytest.mark.anyio
async def test_refuses_for_good(
    dmp: SandboxDmp, session: aiohttp.ClientSession, bench: Bench
) -> None:
    dmp.behave(Behaviour(Mode.REJECT))

    answer = await provide(dmp, session, bench)

    assert [code for code, _ in answer.errors] == ["XDSRepositoryError"]
    assert await holdings(dmp) == []


@pytest.mark.anyio
async def test_fails_by_a_fault_and_without_soap(
    dmp: SandboxDmp, session: aiohttp.ClientSession, bench: Bench
) -> None:
    dmp.behave(Behaviour(Mode.SOAP_FAULT, requests=1))
    answer = await provide(dmp, session, bench)
    assert answer.reply.status == 500
    assert "unavailable for now" in answer.fault

    dmp.behave(Behaviour(Mode.HTTP_500, requests=1))
    exchange = bench.provide_message(Recipe())
    async with session.post(dmp.repository_url, data=exchange.body) as response:
        assert response.status == 500
        assert response.content_type == "text/plain"


@pytest.mark.anyio
async def test_stores_and_then_drops_the_connection(
    dmp: SandboxDmp, session: aiohttp.ClientSession, bench: Bench
) -> None:
    dmp.behave(Behaviour(Mode.RESET_AFTER_SUCCESS, requests=1))

    with pytest.raises(aiohttp.ClientError):
        await provide(dmp, session, bench)

    assert len(await holdings(dmp)) == 2
    again = await provide(dmp, session, bench)
    assert [code for code, _ in again.errors] == ["XDSDuplicateUniqueIdInRegistry"]


@pytest.mark.anyio
async def test_drops_the_connection_unread(
    dmp: SandboxDmp, session: aiohttp.ClientSession, bench: Bench
) -> None:
    dmp.behave(Behaviour(Mode.REFUSE, requests=1))

    with pytest.raises(aiohttp.ClientError):
        await provide(dmp, session, bench)

    assert await holdings(dmp) == []


@pytest.mark.anyio
@pytest.mark.parametrize("mode", [Mode.BLACKHOLE, Mode.SLOW])
async def test_makes_one_wait(
    dmp: SandboxDmp, session: aiohttp.ClientSession, bench: Bench, mode: Mode
) -> None:
    dmp.behave(Behaviour(mode, requests=1))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.4):
            await provide(dmp, session, bench)


@pytest.mark.anyio
async def test_takes_its_time(
    dmp: SandboxDmp, session: aiohttp.ClientSession, bench: Bench
) -> None:
    dmp.behave(Behaviour(latency_ms=200))
    started = time.monotonic()

    assert (await provide(dmp, session, bench)).status == "Success"

    assert time.monotonic() - started >= 0.2


@pytest.mark.anyio
async def test_is_told_how_to_behave_over_http(dmp: SandboxDmp, bench: Bench) -> None:
    del bench
    async with aiohttp.ClientSession() as plain:
        async with plain.post(dmp.mode_url, json={"mode": "http500", "requests": 1}) as response:
            assert response.status == 200
        async with plain.post(dmp.mode_url, json={"mode": "sulking"}) as response:
            assert response.status == 400
            assert "registry-busy" in (await response.json())["modes"]


@pytest.mark.anyio
async def test_counts_what_came_and_what_was_done(
    dmp: SandboxDmp, session: aiohttp.ClientSession, bench: Bench
) -> None:
    await provide(dmp, session, bench)
    await provide(dmp, session, bench)

    assert dmp.received == {"repository": 2}
    assert dmp.accepted == {"urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b": 1}
    address = dmp.mode_url.replace("/mode", "/calls")
    async with aiohttp.ClientSession() as plain, plain.get(address) as response:
        assert json.loads(await response.text())["received"] == {"repository": 2}


@pytest.mark.anyio
async def test_keeps_what_it_holds_when_it_is_restarted(
    dmp: SandboxDmp, session: aiohttp.ClientSession, bench: Bench, tmp_path: Path
) -> None:
    await provide(dmp, session, bench)
    before = await holdings(dmp)

    await dmp.stop()
    server = context(todays("server", "server"), tmp_path / "server", is_server=True)
    await dmp.start("127.0.0.1", 0, server)

    assert await holdings(dmp) == before


@pytest.mark.anyio
async def test_many_at_once_never_register_one_set_twice(
    dmp: SandboxDmp, session: aiohttp.ClientSession, bench: Bench
) -> None:
    exchange = bench.provide_message(Recipe())

    async def send() -> str:
        headers = {"Content-Type": exchange.content_type}
        async with session.post(dmp.repository_url, data=exchange.body, headers=headers) as answer:
            reply = Reply(answer.status, answer.headers["Content-Type"], await answer.read())
            return Answered(reply).status

    statuses = await asyncio.gather(*(send() for _ in range(12)))

    assert sorted(statuses) == ["Failure"] * 11 + ["Success"]
    assert len(await holdings(dmp)) == 2


_FEEDER = """
import sys
from pathlib import Path
from tests.sandbox.dmp.bench import Bench, Recipe, another

bench = Bench(Path(sys.argv[1]))
for number in range(1, 10_000):
    assert bench.provide(another(Recipe(), number)).status == "Success"
    print(number, flush=True)
"""


@pytest.mark.parametrize("after", [3, 11])
def test_survives_being_killed(tmp_path: Path, after: int) -> None:
    """Every lot answered with Success is there, whole; the one in flight is whole or absent."""
    root = Path(__file__).resolve().parents[3]
    feeder = subprocess.Popen(
        [sys.executable, "-c", _FEEDER, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert feeder.stdout is not None
    with feeder.stdout as lines:
        while int(lines.readline()) < after:
            pass
        time.sleep(0.013)
        feeder.send_signal(signal.SIGKILL)
        told = [int(line) for line in lines.read().splitlines()]
    feeder.wait(timeout=10)

    store = Store(tmp_path / "dmp.sqlite")
    entries = store.find_entries_of(PATIENT_ID)
    sets = store.find_submission_sets(PATIENT_ID)
    last = max([after, *told])
    assert {f"{KOS_UID}.{n}" for n in range(1, last + 1)} <= {e.unique_id for e in entries}
    assert len(sets) in {last, last + 1}
    assert len(entries) == 2 * len(sets)
    assert all(store.find_document(entry.unique_id) for entry in entries)
    assert all(len(store.find_associations(s.entry_uuid)) == 3 for s in sets)
    store.close()


def test_a_behaviour_wears_off() -> None:
    twice = Behaviour(Mode.REFUSE, requests=2)

    assert twice.after_one() == replace(twice, requests=1)
    assert twice.after_one().after_one() == Behaviour()
    assert Behaviour(Mode.SLOW).after_one() == Behaviour(Mode.SLOW)
