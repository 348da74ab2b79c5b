"""S2 to S5: rebinding, redirects, another's token, proxies of the environment: all lead nowhere."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from tests.fakes.boxes import CONSUMER, OTHER, SOURCE, box

from drimbox.adapters.peer_dicomweb.peer_connection import PeerConnection, Timeouts
from drimbox.adapters.peer_dicomweb.peer_drimbox import DicomwebPeerDrimbox
from drimbox.adapters.peer_dicomweb.public_resolver import PublicResolver, is_public
from drimbox.entrypoints.http.listener import HttpListener, peer_tls_context
from drimbox.errors import DrimboxError, RejectedByPartner, Unavailable
from drimbox.model.access import Peer
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import SopInstanceUid, StudyInstanceUid
from drimbox.ports.trusted_space import Address
from drimbox.standards.dicomweb.exchange_syntaxes import LOSSLESS_FIRST, ranking

pytestmark = pytest.mark.anyio


@dataclass
class Places:
    """A trusted space that says where each box is."""

    addresses: dict[str, Address]

    def check_peer_certificate(self, certificate_der: bytes) -> Peer:
        raise NotImplementedError

    def get_peer(self, db_host: str) -> Peer:
        return box(db_host).peer

    def address_of(self, peer: Peer) -> Address:
        return self.addresses[peer.db_host]


@dataclass
class Listening:
    """One box that keeps what it was asked, and answers all the same way."""

    host: str
    answer: Callable[[], Response]
    port: int = 0
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    async def handle(self, request: Request) -> Response:
        self.asked.append((request.url.path, request.headers.get("authorization")))
        return self.answer()


@asynccontextmanager
async def listening(host: str, answer: Callable[[], Response]) -> AsyncIterator[Listening]:
    made = Listening(host, answer)
    application = Starlette(routes=[Route("/{path:path}", made.handle)])
    own = box(host)
    tls = peer_tls_context(own.server.certificate_file, own.server.key_file, own.ca_file)
    listener = HttpListener(application, "127.0.0.1", 0, tls=tls)
    await listener.start()
    made.port = listener.port
    try:
        yield made
    finally:
        await listener.stop()


async def ask(connection: PeerConnection, host: str, token: str) -> DrimboxError:
    """Ask a box for a study; return how that failed."""
    received = DicomwebPeerDrimbox(connection).retrieve(
        box(host).peer,
        TargetResource(StudyInstanceUid("1.2.3")),
        access_token=token,
        kos_sop_instance_uid=SopInstanceUid("1.2.4"),
        transfer_syntaxes=ranking(LOSSLESS_FIRST),
    )
    with pytest.raises(DrimboxError) as failure:
        await anext(received)
    return failure.value


@asynccontextmanager
async def connected(connection: PeerConnection) -> AsyncIterator[PeerConnection]:
    await connection.start()
    try:
        yield connection
    finally:
        await connection.stop()


class Rebinding(AbstractResolver):
    """Says a public address at first, then one inside, and so on."""

    def __init__(self, *hosts: str) -> None:
        self.hosts = list(hosts)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = self.hosts[self.asked % len(self.hosts)]
        self.asked += 1
        return [
            ResolveResult(hostname=host, host=found, port=port, family=family, proto=0, flags=0)
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",  # noqa: S104
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "2002:c0a8:1::",
        "not an address",
    ],
)
async def test_s2_a_name_that_leads_inside_leads_nowhere(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(OSError, match="no public address"):
        await PublicResolver(Rebinding(address)).resolve(SOURCE, 443)


async def test_s2_of_two_addresses_only_the_public_one_is_dialled() -> None:
    resolver = PublicResolver(Rebinding("93.184.215.14", "127.0.0.1"))
    assert [found["host"] for found in await resolver.resolve(SOURCE, 443)] == ["93.184.215.14"]
    with pytest.raises(OSError, match="no public address"):
        await resolver.resolve(SOURCE, 443)


@pytest.mark.parametrize("is_allowed", [False, True])
async def test_s2_the_box_itself_dials_no_private_address_unless_allowed(
    *, is_allowed: bool
) -> None:
    async with listening(SOURCE, lambda: Response(status_code=404)) as source:
        places = Places({SOURCE: Address(SOURCE, source.port)})
        connection = PeerConnection(
            box(CONSUMER).tls(),
            places,
            allow_private_addresses=is_allowed,
            timeouts=Timeouts(1, 1),
            make_resolver=lambda: Rebinding("127.0.0.1"),
        )
        async with connected(connection):
            failure = await ask(connection, SOURCE, "a-token")
    assert isinstance(failure, Unavailable) is not is_allowed
    assert bool(source.asked) is is_allowed


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_s3_a_redirection_is_followed_nowhere(status: int) -> None:
    async with listening(OTHER, lambda: Response(status_code=404)) as inside:

        def redirect() -> Response:
            return RedirectResponse(f"https://127.0.0.1:{inside.port}/inside", status)

        async with listening(SOURCE, redirect) as source:
            places = Places({SOURCE: Address("127.0.0.1", source.port)})
            async with connected(PeerConnection(box(CONSUMER).tls(), places)) as connection:
                failure = await ask(connection, SOURCE, "a-token")
    assert isinstance(failure, RejectedByPartner)
    assert failure.code == str(status)
    assert (len(source.asked), inside.asked) == (1, [])


async def test_s4_a_token_goes_to_its_box_only() -> None:
    """Fifty requests at once to two boxes through one pool: no header crosses."""
    async with (
        listening(SOURCE, lambda: Response(status_code=404)) as source,
        listening(OTHER, lambda: Response(status_code=404)) as other,
    ):
        places = Places({b.host: Address("127.0.0.1", b.port) for b in (source, other)})
        async with connected(PeerConnection(box(CONSUMER).tls(), places)) as connection:
            await asyncio.gather(
                *(ask(connection, host, f"for {host}") for host in [SOURCE, OTHER] * 25)
            )
    for one in (source, other):
        assert {token for _, token in one.asked} == {f"Bearer for {one.host}"}
        assert len(one.asked) == 25


async def test_s4_a_box_at_anothers_address_is_given_nothing() -> None:
    """The server must prove the name of the list, whatever address it is reached at."""
    async with listening(OTHER, lambda: Response(status_code=404)) as other:
        places = Places({SOURCE: Address("127.0.0.1", other.port)})
        async with connected(PeerConnection(box(CONSUMER).tls(), places)) as connection:
            assert isinstance(await ask(connection, SOURCE, "a-token"), Unavailable)
    assert other.asked == []


async def test_s5_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    caught: list[bytes] = []

    async def trap(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        caught.append(await reader.read(100))
        writer.close()

    server = await asyncio.start_server(trap, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        monkeypatch.setenv(name.lower(), f"http://127.0.0.1:{port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with server, listening(SOURCE, lambda: Response(status_code=404)) as source:
        places = Places({SOURCE: Address("127.0.0.1", source.port)})
        async with connected(PeerConnection(box(CONSUMER).tls(), places)) as connection:
            await ask(connection, SOURCE, "a-token")
    assert caught == []
    assert len(source.asked) == 1
