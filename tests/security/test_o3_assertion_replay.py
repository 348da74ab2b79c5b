"""Row O3: one assertion or code, a hundred requests at once, two workers on one database."""

from datetime import timedelta

import anyio
import httpx2
import pytest
from starlette.applications import Starlette
from tests.fakes.fake_clock import START
from tests.fakes.oauth_server import REDIRECT_URI, OAuthServer
from tests.fixtures.storage import open_database
from tests.flows.test_issue_token import CONTEXT

from drimbox.adapters.storage_sql.authorization_codes import SqlAuthorizationCodes
from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.adapters.storage_sql.session_store import SqlUsedTokens
from drimbox.flows.consumer.sign_in import code_challenge
from drimbox.model.authorization import AuthorizationCode
from drimbox.standards.iua.client_assertion import CLIENT_ASSERTION_TYPE


@pytest.mark.anyio
async def test_exactly_one_of_a_hundred_gets_a_token(storage_url: str, sealing: Sealing) -> None:
    async with (
        open_database(storage_url, sealing) as first,
        open_database(storage_url, sealing) as second,
    ):
        workers = [OAuthServer(used_tokens=SqlUsedTokens(database)) for database in (first, second)]
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": CLIENT_ASSERTION_TYPE,
            "client_assertion": workers[0].assertion(),
        }
        assert await _statuses_of_a_hundred(workers, form) == (1, 99)


@pytest.mark.anyio
async def test_exactly_one_of_a_hundred_redeems_a_code(storage_url: str, sealing: Sealing) -> None:
    async with (
        open_database(storage_url, sealing) as first,
        open_database(storage_url, sealing) as second,
    ):
        workers = [
            OAuthServer(codes=SqlAuthorizationCodes(database, sealing))
            for database in (first, second)
        ]
        for worker in workers:
            worker.contexts.contexts[CONTEXT.identifier] = CONTEXT
        verifier = "v" * 43
        await workers[0].codes.add(
            AuthorizationCode(
                "the-code",
                "app",
                REDIRECT_URI,
                code_challenge(verifier),
                ("patient/*.rs",),
                CONTEXT.identifier,
                START + timedelta(seconds=60),
            )
        )
        form = {
            "grant_type": "authorization_code",
            "client_id": "app",
            "code": "the-code",
            "redirect_uri": REDIRECT_URI,
            "code_verifier": verifier,
        }
        assert await _statuses_of_a_hundred(workers, form) == (1, 99)


async def _statuses_of_a_hundred(
    workers: list[OAuthServer], form: dict[str, str]
) -> tuple[int, int]:
    """Return how many were answered 200, and how many 400 or 401."""
    apps = [Starlette(routes=worker.routes()) for worker in workers]
    statuses: list[int] = []

    async def ask(app: Starlette) -> None:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(
            transport=transport, base_url=workers[0].issuer, trust_env=False
        ) as client:
            statuses.append((await client.post("/oauth2/token", data=form)).status_code)

    async with anyio.create_task_group() as requests:
        for i in range(100):
            requests.start_soon(ask, apps[i % 2])
    return statuses.count(200), sum(status in {400, 401} for status in statuses)
