"""Fifty clients, twenty patients, both ways out of a PACS: no octet of one study in another."""

import asyncio
import random
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path

import aiohttp
import pytest
from tests.fakes.boxes import CONSUMER, SOURCE, box
from tests.fakes.chaos_proxy import Fault, chaos_proxy
from tests.fakes.conditions import until
from tests.fakes.peer_source import NUMBERS, PeerSource, peer_source
from tests.fixtures.twenty_patients import (
    PATIENTS,
    Hashes,
    RetrieveMode,
    TwentyPatients,
    fingerprint,
    images_in,
)

from drimbox.adapters.pacs_dimse.pacs import DimsePacs
from drimbox.model.publication import Publication
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.model.uids import TransferSyntaxUid

pytestmark = [pytest.mark.anyio, pytest.mark.system]
CLIENTS = 50
ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'


@pytest.fixture(params=["c-get", "c-move"])
async def source(
    request: pytest.FixtureRequest, twenty_patients: TwentyPatients, tmp_path: Path
) -> AsyncIterator[PeerSource]:
    async with (
        twenty_patients.opened(request.param) as pacs,
        peer_source(tmp_path, pacs=pacs, studies=PATIENTS) as running,
    ):
        yield running


def client_tls() -> ssl.SSLContext:
    files = box(CONSUMER).tls()
    context = ssl.create_default_context(cafile=str(files.ca_file))
    context.load_cert_chain(files.certificate_file, files.key_file)
    return context


async def ask(
    session: aiohttp.ClientSession, source: PeerSource, publication: Publication, path: str = ""
) -> aiohttp.ClientResponse:
    """Ask for one series as a peer does; the answer is to be read and released."""
    study = publication.study_instance_uid
    token = source.server.provider.sign_in().access_token
    url = f"https://127.0.0.1:{source.boxes.port}/dicom-web/studies/{study}/series/{study}.2{path}"
    headers = {
        "Authorization": f"Bearer {token}",
        "KOS-SOPInstanceUID": publication.kos_sop_instance_uid,
        "Accept": ACCEPT,
        "Host": SOURCE,
    }
    return await session.get(url, headers=headers, server_hostname=SOURCE)


async def retrieve(
    session: aiohttp.ClientSession, source: PeerSource, publication: Publication, path: str = ""
) -> tuple[str, Hashes]:
    """Return what came of one series, or what path names below it, by instance."""
    async with await ask(session, source, publication, path) as answer:
        body = await answer.read()
        assert answer.status == 200, body
        content_type = answer.headers["Content-Type"]
    images = await asyncio.to_thread(images_in, content_type, body)
    return publication.study_instance_uid, {
        str(one.SOPInstanceUID): fingerprint(one) for one in images
    }


async def test_no_octet_of_one_study_is_in_another(
    source: PeerSource, twenty_patients: TwentyPatients
) -> None:
    """Each study is asked for two or three times at once, among all the others."""
    wanted = [source.publications[n % PATIENTS] for n in range(CLIENTS)]
    random.Random(7).shuffle(wanted)
    connector = aiohttp.TCPConnector(ssl=client_tls(), limit=CLIENTS)
    async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:
        answers = await asyncio.gather(*(retrieve(session, source, p) for p in wanted))
    assert len(answers) == CLIENTS
    for study, found in answers:
        assert found == twenty_patients.expected[study]


async def test_a_client_that_goes_away_frees_the_pacs_within_a_second(
    twenty_patients: TwentyPatients, tmp_path: Path
) -> None:
    slow = Fault(octets_per_second=200_000)
    async with chaos_proxy(twenty_patients.pacs.dicom_port, [slow]) as wire:
        settings = twenty_patients.settings("c-get", port=wire.port)
        pacs = DimsePacs(settings, None)
        async with peer_source(tmp_path, pacs=pacs) as source:
            connector = aiohttp.TCPConnector(ssl=client_tls())
            session = aiohttp.ClientSession(connector=connector, trust_env=False)
            seconds = []
            # The best of three: a machine that does something else for a second proves nothing.
            for _ in range(3):
                answer = await ask(session, source, source.publication)
                await answer.content.read(10_000)
                assert wire.open
                answer.close()
                seconds.append(await until(lambda: not wire.open))
            await session.close()
        await pacs.close()
    assert min(seconds) < 1


@pytest.mark.requirement("SO.40")
async def test_first_requests_at_once_cost_the_pacs_no_more_than_one(
    twenty_patients: TwentyPatients, tmp_path: Path
) -> None:
    """Associations are counted on the wire, behind a PACS that takes its time."""
    async with chaos_proxy(twenty_patients.pacs.dicom_port, [Fault(latency_seconds=0.3)]) as wire:
        settings = twenty_patients.settings("c-get", port=wire.port)
        pacs = DimsePacs(settings, None)
        connector = aiohttp.TCPConnector(ssl=client_tls(), limit=CLIENTS)
        async with (
            peer_source(tmp_path, pacs=pacs, studies=2) as source,
            aiohttp.ClientSession(connector=connector, trust_env=False) as session,
        ):
            alone, together = source.publications
            await retrieve(session, source, alone)
            of_one, octets_of_one = wire.connections, wire.passed
            answers = await asyncio.gather(*(retrieve(session, source, together) for _ in range(8)))
        await pacs.close()
    assert all(found == twenty_patients.expected[study] for study, found in answers)
    assert wire.connections - of_one <= of_one
    assert wire.passed - octets_of_one < 1.1 * octets_of_one


@pytest.mark.requirement("SO.40")
@pytest.mark.parametrize("mode", ["c-get", "c-move"])
async def test_whoever_asks_while_a_series_passes_costs_the_pacs_nothing(
    twenty_patients: TwentyPatients, tmp_path: Path, mode: RetrieveMode
) -> None:
    """Whole and by instances, once the first octets have come to who asked first."""
    async with chaos_proxy(
        twenty_patients.pacs.dicom_port, [Fault(octets_per_second=400_000)]
    ) as wire:
        pacs = Counted(twenty_patients.settings(mode, port=wire.port), twenty_patients.listener)
        await pacs.start()
        connector = aiohttp.TCPConnector(ssl=client_tls(), limit=CLIENTS)
        async with (
            peer_source(tmp_path, pacs=pacs) as source,
            aiohttp.ClientSession(connector=connector, trust_env=False) as session,
        ):
            publication = source.publication
            study = publication.study_instance_uid
            async with await ask(session, source, publication) as first:
                head = await first.content.readany()
                late = [retrieve(session, source, publication) for _ in range(8)]
                alone = [
                    retrieve(session, source, publication, f"/instances/{study}.2.{number}")
                    for number in NUMBERS
                ]
                answers = await asyncio.gather(*late, *alone)
                body = head + await first.read()
        await pacs.close()
    expected = twenty_patients.expected
    whole = {str(i.SOPInstanceUID): i for i in images_in(first.headers["Content-Type"], body)}
    assert {uid: fingerprint(one) for uid, one in whole.items()} == expected[study]
    assert all(found == expected[study] for _, found in answers[:8])
    assert all(found.items() <= expected[study].items() for _, found in answers[8:])
    assert pacs.retrievals == 1


class Counted(DimsePacs):
    """Counts what is retrieved."""

    retrievals = 0

    async def retrieve(
        self, target: TargetResource, transfer_syntaxes: Sequence[TransferSyntaxUid] = ()
    ) -> AsyncGenerator[InstanceStream, None]:
        self.retrievals += 1
        async with aclosing(super().retrieve(target, transfer_syntaxes)) as instances:
            async for instance in instances:
                yield instance
