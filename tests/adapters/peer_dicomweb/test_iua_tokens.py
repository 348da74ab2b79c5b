"""What a Source's token endpoint may answer, and what is made of it."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.fakes.boxes import CONSUMER, OTHER, SOURCE, ListedBoxes, box
from tests.fakes.fake_clock import FakeClock, FakeIdentifiers
from tests.fakes.replaced_files import ReplacedFiles
from tests.flows.test_issue_token import CONTEXT

from drimbox.adapters.peer_dicomweb.iua_tokens import MAX_ANSWER_BYTES, IuaTokens
from drimbox.adapters.peer_dicomweb.peer_connection import PeerConnection
from drimbox.entrypoints.http.listener import HttpListener, peer_tls_context
from drimbox.errors import DrimboxError, RejectedByPartner, Unavailable
from drimbox.settings.partners import TlsFiles

pytestmark = pytest.mark.anyio
GOOD = b'{"access_token": "a.b.c", "token_type": "bearer", "expires_in": 60}'


@dataclass
class ScriptedSource:
    """Answers what it is told to; asked holds what came."""

    tokens: IuaTokens
    answer: Response = field(default_factory=lambda: Response(GOOD))
    asked: list[Request] = field(default_factory=list)
    form: bytes = b""

    async def token(self) -> str:
        return await self.tokens.token_for(box(SOURCE).peer, CONTEXT, "psc-token")


@asynccontextmanager
async def scripted_source(client: TlsFiles) -> AsyncIterator[ScriptedSource]:
    boxes, own = ListedBoxes(), box(SOURCE)
    connection = PeerConnection(client, boxes)
    scripted = ScriptedSource(IuaTokens(connection, client, boxes, FakeClock(), FakeIdentifiers()))

    async def answer(request: Request) -> Response:
        scripted.asked.append(request)
        scripted.form = await request.body()
        return scripted.answer

    files = own.server
    listener = HttpListener(
        Starlette(routes=[Route("/oauth2/token", answer, methods=["POST"])]),
        "127.0.0.1",
        0,
        tls=peer_tls_context(files.certificate_file, files.key_file, own.ca_file),
    )
    await listener.start()
    boxes.port = listener.port
    await connection.start()
    yield scripted
    await connection.stop()
    await listener.stop()


@pytest.fixture
async def source() -> AsyncIterator[ScriptedSource]:
    async with scripted_source(box(CONSUMER).tls()) as made:
        yield made


async def test_a_token_bound_to_the_certificate_of_before_serves_no_more(tmp_path: Path) -> None:
    """R15: it would be refused on a connection made with the new one."""
    own, other = box(CONSUMER), box(OTHER)
    place = ReplacedFiles.in_folder(tmp_path / "client", own.client, own.ca_file)
    async with scripted_source(place.files) as source:
        await source.token()
        await source.token()
        assert len(source.asked) == 1

        def look_between() -> None:
            with pytest.raises(ssl.SSLError):
                source.tokens.credentials.renew()

        place.replace(other.client, between=look_between)
        assert source.tokens.credentials.renew()
        await source.token()
        await source.token()
    assert len(source.asked) == 2
    assert f"client_id={OTHER}".encode() in source.form


async def test_a_good_answer_is_the_token(source: ScriptedSource) -> None:
    assert await source.token() == "a.b.c"
    (asked,) = source.asked
    assert asked.headers["host"] == SOURCE
    assert b"subject_token=psc-token" in source.form
    assert CONTEXT.patient.ins.value.encode() not in source.form


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(Response(b'{"error": "invalid_client"}', 401), "invalid_client", id="no"),
        pytest.param(Response(b'{"error": "a b <script>"}', 400), "400", id="a code that is none"),
        pytest.param(Response(b"Not Found", 404), "404", id="no token endpoint"),
        pytest.param(Response(b"", 200), "200", id="nothing"),
        pytest.param(Response(b"[" * 60_000, 200), "200", id="nested beyond reason"),
        pytest.param(Response(b" " * (MAX_ANSWER_BYTES + 1) + GOOD), "200", id="too large"),
        pytest.param(Response(GOOD.replace(b"bearer", b"mac")), "200", id="another token type"),
        pytest.param(Response(GOOD.replace(b"60", b"0")), "200", id="a token that is over"),
        pytest.param(Response(GOOD.replace(b"60", b"true")), "200", id="a life that is no number"),
        pytest.param(Response(GOOD.replace(b"60", b"1e9")), "200", id="a life of thirty years"),
        pytest.param(Response(GOOD.replace(b"a.b.c", b"a\\r\\nX: y")), "200", id="a header in it"),
        pytest.param(Response(GOOD.replace(b"a.b.c", b"a" * 9000)), "200", id="a token too long"),
        pytest.param(Response(GOOD.replace(b'"a.b.c"', b"7")), "200", id="a token that is no text"),
        pytest.param(Response(b"", 303, {"Location": "https://evil.test"}), "303", id="elsewhere"),
    ],
)
async def test_what_is_no_token_is_refused(
    source: ScriptedSource, answer: Response, code: str
) -> None:
    source.answer = answer
    with pytest.raises(RejectedByPartner) as refusal:
        await source.token()
    assert refusal.value.code == code
    assert "psc-token" not in str(refusal.value)


@pytest.mark.parametrize("status", [500, 503])
async def test_a_source_in_trouble_is_unavailable(source: ScriptedSource, status: int) -> None:
    source.answer = Response(b'{"error": "temporarily_unavailable"}', status)
    with pytest.raises(Unavailable):
        await source.token()


async def test_a_failure_is_not_kept(source: ScriptedSource) -> None:
    source.answer = Response(b"", 500)
    with pytest.raises(DrimboxError):
        await source.token()
    source.answer = Response(GOOD)
    assert await source.token() == "a.b.c"
