"""CRLs between two white lists (R15): asked for cheaply, put in force with the list of before."""

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web
from tests.fakes.trusted_worlds import DB1, World, der, peer

from drimbox.errors import DrimboxError, Refused, Unavailable
from drimbox.sandbox.trusted_space.pki import TestPki, organisation_name

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("EC-2")]


@pytest.fixture
async def asked(world: World) -> AsyncIterator["AskedServer"]:
    """A server of CRLs that counts, between the box and the published ones."""
    server = AskedServer(world.pki)
    await server.start()
    yield server
    await server.stop()


class AskedServer:
    """Serves what it is told to, with a version or without; statuses are those of its answers."""

    def __init__(self, pki: TestPki) -> None:
        self.content, self.has_version = pki.crl(), True
        self.statuses: list[int] = []
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/crl", self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/crl"

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        entity_tag = hashlib.sha256(self.content).hexdigest()
        answer = web.Response(body=self.content)
        if self.has_version:
            answer.etag = entity_tag
            if any(tag.value == entity_tag for tag in request.if_none_match or ()):
                answer = web.Response(status=304)
        self.statuses.append(answer.status)
        return answer


async def test_a_newer_crl_comes_into_force_between_two_lists(
    world: World, asked: AskedServer
) -> None:
    """R15: asked for cheaply, and kept for the next start too."""
    box = world.box(crl_urls=(asked.url,))
    await box.refresh()
    issued = world.pki.issue_client(
        "peer", organisation_name(DB1, structure="311111111100011", organisation="SITE")
    )
    assert box.check_peer_certificate(der(issued)) == peer(DB1)
    assert not await box.refresh_revocation()
    world.pki.revoke(issued)
    asked.content = world.pki.crl()
    assert await box.refresh_revocation()
    assert not await box.refresh_revocation()
    assert asked.statuses == [200, 304, 200, 304]
    with pytest.raises(Refused, match="revoked"):
        box.check_peer_certificate(der(issued))
    reborn = world.box(crl_urls=(asked.url,))
    assert reborn.restore()
    with pytest.raises(Refused, match="revoked"):
        reborn.check_peer_certificate(der(issued))


async def test_a_newer_crl_does_not_make_the_list_younger(world: World, asked: AskedServer) -> None:
    box = world.box(crl_urls=(asked.url,))
    await box.refresh()
    world.clock.offset = timedelta(days=6, hours=23)
    asked.content = world.pki.crl(lifetime=timedelta(days=30))
    assert await box.refresh_revocation()
    assert box.get_peer(DB1)
    world.clock.offset = timedelta(days=7, hours=1)
    with pytest.raises(Unavailable, match="too long"):
        box.get_peer(DB1)


@pytest.mark.parametrize("content", [b"no CRL", b""])
async def test_a_newer_crl_that_is_none_leaves_the_last_one_in_force(
    world: World, asked: AskedServer, content: bytes
) -> None:
    box = world.box(crl_urls=(asked.url,))
    await box.refresh()
    asked.content = content
    with pytest.raises(DrimboxError):
        await box.refresh_revocation()
    assert box.check_peer_certificate(world.client("good", DB1)) == peer(DB1)


async def test_a_revoked_signer_brings_no_crl_into_force(world: World, asked: AskedServer) -> None:
    """Its list would have to go with it: nothing changes until there is one of another signer."""
    box = world.box(crl_urls=(asked.url,))
    await box.refresh()
    world.pki.revoke(world.signer)
    asked.content = world.pki.crl()
    with pytest.raises(Refused):
        await box.refresh_revocation()
    assert box.get_peer(DB1)


async def test_a_server_that_tells_no_version_is_asked_with_the_list_only(
    world: World, asked: AskedServer
) -> None:
    asked.has_version = False
    box = world.box(crl_urls=(asked.url,))
    await box.refresh()
    assert not await box.refresh_revocation()
    assert asked.statuses == [200]
