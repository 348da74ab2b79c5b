"""Row O3: one assertion, a hundred requests at once, two workers on one database: one token."""

import anyio
import httpx2
import pytest
from starlette.applications import Starlette
from tests.fakes.oauth_server import OAuthServer
from tests.fixtures.storage import open_database

from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.adapters.storage_sql.session_store import SqlUsedTokens
from drimbox.standards.iua.client_assertion import CLIENT_ASSERTION_TYPE


@pytest.mark.anyio
async def test_exactly_one_of_a_hundred_gets_a_token(storage_url: str, sealing: Sealing) -> None:
    async with (
        open_database(storage_url, sealing) as first,
        open_database(storage_url, sealing) as second,
    ):
        workers = [OAuthServer(used_tokens=SqlUsedTokens(database)) for database in (first, second)]
        apps = [Starlette(routes=worker.routes()) for worker in workers]
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": CLIENT_ASSERTION_TYPE,
            "client_assertion": workers[0].assertion(),
        }
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
        assert (statuses.count(200), statuses.count(401)) == (1, 99)
