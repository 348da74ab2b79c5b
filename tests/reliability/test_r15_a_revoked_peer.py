"""R15: a box that was revoked is refused within a minute, on connections that stand too."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from tests.fakes.conditions import PATIENCE_SECONDS
from tests.fakes.fake_identity_provider import ISSUER as PSC
from tests.fakes.oauth_server import OAuthServer

from drimbox.adapters.peer_dicomweb.peer_connection import PeerConnection
from drimbox.adapters.system_clock import SystemClock
from drimbox.adapters.trusted_space_file.trusted_space import VerifiedTrustedSpace
from drimbox.entrypoints.http.bearer import PeerAuthentication, ProfessionalTokens
from drimbox.entrypoints.http.error_doors import exception_handlers
from drimbox.entrypoints.http.listener import HttpListener, peer_tls_context
from drimbox.sandbox.network.keys import NetworkKeys, make_keys
from drimbox.sandbox.trusted_space.pki import Issued
from drimbox.sandbox.trusted_space.server import SandboxTrustedSpace
from drimbox.settings.partners import TlsFiles, TrustedSpaceSettings

pytestmark = pytest.mark.anyio
_ASKED_EVERY_SECONDS = 0.05


@dataclass
class Door:
    """The peer listener of a Source that follows the trusted space, and who has come in."""

    keys: NetworkKeys
    space: VerifiedTrustedSpace
    server: OAuthServer
    let_in: int = 0
    url: str = ""

    async def handle(self, request: Request) -> Response:
        known = ProfessionalTokens(PSC, self.server.provider)
        await PeerAuthentication(self.server.tokens, known, self.space)(request)
        self.let_in += 1
        return PlainTextResponse("images")

    def caller(self, issued: Issued) -> aiohttp.ClientSession:
        """Return a session of one connection, by that certificate, for a professional."""
        files = TlsFiles(
            certificate_file=issued.certificate_file,
            key_file=issued.key_file,
            ca_file=self.keys.anchors,
        )
        tls = PeerConnection(files, self.space).tls.current
        token = self.server.provider.sign_in().access_token
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, limit=1),
            headers={"Authorization": f"Bearer {token}"},
        )


@pytest.fixture
async def published(tmp_path: Path) -> AsyncIterator[tuple[NetworkKeys, SandboxTrustedSpace]]:
    keys = make_keys(tmp_path / "keys", crl_url="http://127.0.0.1:9/crl")
    space = SandboxTrustedSpace(keys.pki, keys.white_list_signer, keys.peers)
    await space.start("127.0.0.1", 0)
    yield keys, space
    await space.stop()


@pytest.fixture
async def door(
    published: tuple[NetworkKeys, SandboxTrustedSpace], tmp_path: Path
) -> AsyncIterator[Door]:
    keys, published_space = published
    settings = TrustedSpaceSettings(
        white_list_url=published_space.white_list_url,
        crl_urls=(published_space.crl_url,),
        anchors_file=keys.anchors,
        peer_anchors_file=keys.full_anchors,
        state_directory=tmp_path / "state",
        crl_refresh_seconds=_ASKED_EVERY_SECONDS,
    )
    space = VerifiedTrustedSpace(settings, SystemClock())
    await space.refresh()
    made = Door(keys, space, OAuthServer(trusted_space=space))
    application = Starlette(
        routes=[Route("/", made.handle)], exception_handlers=exception_handlers()
    )
    own = keys.source.server
    tls = peer_tls_context(own.certificate_file, own.key_file, keys.anchors)
    listener = HttpListener(application, "127.0.0.1", 0, tls=tls)
    await listener.start()
    made.url = f"https://127.0.0.1:{listener.port}/"
    following = asyncio.create_task(space.run())
    yield made
    following.cancel()
    await listener.stop()


async def test_a_revoked_box_is_refused_on_its_connection_and_on_a_new_one_others_are_not(
    door: Door,
) -> None:
    assert TrustedSpaceSettings.model_fields["crl_refresh_seconds"].default <= 60
    keys = door.keys
    async with door.caller(keys.program) as revoked, door.caller(keys.consumer.peer_client) as good:
        assert await _status(revoked, door.url) == 200
        assert await _status(good, door.url) == 200
        stands = _connections(revoked)
        keys.pki.revoke(keys.program)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await _status(revoked, door.url) != 403:
                pass
        assert _connections(revoked) == stands, "it was the connection of before"
        seen = door.let_in
        async with door.caller(keys.program) as anew:
            assert await _status(anew, door.url) == 403
        assert door.let_in == seen
        assert await _status(good, door.url) == 200


async def _status(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(url) as answer:
        await answer.read()
        return answer.status


def _connections(session: aiohttp.ClientSession) -> set[int]:
    """Return our ports of the connections that stand."""
    assert session.connector is not None
    kept = session.connector._conns.values()  # type: ignore[attr-defined]  # nothing public tells
    transports = [protocol.transport for one in kept for protocol, _ in one]
    return {one.get_extra_info("sockname")[1] for one in transports if one is not None}
