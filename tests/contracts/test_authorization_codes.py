"""What ports.authorization_codes promises, by the fake and by both engines."""

from datetime import UTC, datetime, timedelta

import anyio
import pytest
from sqlalchemy import text
from tests.fakes.fake_authorization_codes import FakeAuthorizationCodes
from tests.fixtures.storage import open_database

from drimbox.adapters.storage_sql.authorization_codes import SqlAuthorizationCodes
from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.purge import Purge
from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.errors import NotFound
from drimbox.model.authorization import AuthorizationCode
from drimbox.ports.authorization_codes import AuthorizationCodes

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CODE = AuthorizationCode(
    code="code-canary",
    client_id="app",
    redirect_uri="https://app.test/back",
    code_challenge="challenge-canary",
    scopes=("launch", "patient/*.rs"),
    context="context-canary",
    expires_at=NOON + timedelta(seconds=60),
)


@pytest.fixture
def codes(database_or_fake: Database | None, sealing: Sealing) -> AuthorizationCodes:
    if database_or_fake is None:
        return FakeAuthorizationCodes()
    return SqlAuthorizationCodes(database_or_fake, sealing)


@pytest.mark.anyio
async def test_a_code_is_taken_as_it_was_granted_and_once(codes: AuthorizationCodes) -> None:
    await codes.add(CODE)
    assert await codes.take("code-canary", NOON) == CODE
    with pytest.raises(NotFound):
        await codes.take("code-canary", NOON)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("code", "seconds"), [("code-canary", 60), ("another", 0), ("", 0), ("\ud800", 0)]
)
async def test_any_other_is_none(codes: AuthorizationCodes, code: str, seconds: int) -> None:
    await codes.add(CODE)
    with pytest.raises(NotFound):
        await codes.take(code, NOON + timedelta(seconds=seconds))


@pytest.mark.anyio
async def test_of_a_hundred_at_once_on_two_workers_one_gets_it(
    storage_url: str, sealing: Sealing
) -> None:
    async with (
        open_database(storage_url, sealing) as first,
        open_database(storage_url, sealing) as second,
    ):
        workers = [SqlAuthorizationCodes(database, sealing) for database in (first, second)]
        await workers[0].add(CODE)
        taken: list[AuthorizationCode] = []

        async def take(worker: AuthorizationCodes) -> None:
            try:
                taken.append(await worker.take("code-canary", NOON))
            except NotFound:
                return

        async with anyio.create_task_group() as group:
            for number in range(100):
                group.start_soon(take, workers[number % 2])
        assert taken == [CODE]


@pytest.mark.anyio
async def test_nothing_of_a_code_is_readable_and_the_purge_erases_it(
    database: Database, sealing: Sealing
) -> None:
    await SqlAuthorizationCodes(database, sealing).add(CODE)
    rows = text("SELECT * FROM authorization_codes")
    stored = await database.read(lambda c: c.execute(rows).all())
    assert b"canary" not in b"".join(v for row in stored for v in row if isinstance(v, bytes))
    purge = Purge(database, session_idle_seconds=60)
    for seconds, left in ((59, 1), (60, 0)):
        await purge(NOON + timedelta(seconds=seconds))
        assert len(await database.read(lambda c: c.execute(rows).all())) == left
