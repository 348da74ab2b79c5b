"""What has no more use is erased, from the file too; what must stay stays (F1)."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.fakes.audit_events import made_up_event
from tests.fakes.publications import NOON, made_up_publication
from tests.fixtures.storage import open_database

from drimbox.adapters.storage_sql.audit_repository import SqlAuditRepository
from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.intake import SqlIntake
from drimbox.adapters.storage_sql.purge import Purge
from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.adapters.storage_sql.session_store import SqlPendingSignIns, SqlUsedTokens
from drimbox.adapters.storage_sql.study_register import SqlStudyRegister
from drimbox.errors import Conflict
from drimbox.model.audit import AuditAction
from drimbox.model.session import PendingSignIn
from drimbox.standards.atna.audit_message import AuditSource

DAY = timedelta(days=1)
PENDING = PendingSignIn("state", "nonce", "verifier", "binding", "/", NOON)


def count(database: Database, table: str) -> int:
    with database.transaction("DEFERRED") as connection:
        found: int = connection.execute(
            text(f"SELECT count(*) FROM {table}")  # noqa: S608
        ).scalar_one()
        return found


def has_canary(folder: Path) -> bool:
    return any(b"canary-" in file.read_bytes() for file in folder.iterdir())


def make_purge(database: Database) -> Purge:
    return Purge(database, session_idle_seconds=1200, message_days=30)


@pytest.mark.anyio
async def test_what_is_over_is_erased_and_what_is_not_stays(
    database: Database, sealing: Sealing
) -> None:
    sign_ins, tokens = SqlPendingSignIns(database, sealing), SqlUsedTokens(database)
    await sign_ins.add(PENDING)
    await sign_ins.add(replace(PENDING, state="later", created_at=NOON + DAY))
    await tokens.use_once("issuer", "over", NOON)
    await tokens.use_once("issuer", "live", NOON + DAY)
    await make_purge(database)(NOON + timedelta(minutes=15))
    assert count(database, "pending_sign_ins") == 1
    assert count(database, "used_tokens") == 1
    with pytest.raises(Conflict):
        await tokens.use_once("issuer", "live", NOON + DAY)


@pytest.mark.anyio
async def test_a_jti_outlives_its_token_by_more_than_clocks_differ(database: Database) -> None:
    tokens = SqlUsedTokens(database)
    await tokens.use_once("issuer", "jti", NOON)
    await make_purge(database)(NOON + timedelta(minutes=5))
    with pytest.raises(Conflict):
        await tokens.use_once("issuer", "jti", NOON)


@pytest.mark.anyio
async def test_old_messages_lose_their_content_and_stay_known(
    database: Database, sealing: Sealing
) -> None:
    intake = SqlIntake(database, sealing)
    register = SqlStudyRegister(database, sealing)
    await intake.keep("done", b"content", NOON)
    await intake.keep("waiting", b"content", NOON)
    message = await intake.claim(NOON, 60)
    assert message is not None
    await register.conclude(message.message_id, (made_up_publication(),), (), NOON)
    await make_purge(database)(NOON + 31 * DAY)
    assert not await intake.keep("done", b"content", NOON + 31 * DAY)
    waiting = await intake.claim(NOON + 31 * DAY, 60)
    assert waiting is not None
    assert (waiting.key, waiting.content) == ("waiting", b"content")
    assert count(database, "publications") == count(database, "outbox") == 1


@pytest.mark.anyio
@pytest.mark.requirement("CS.09")
async def test_the_audit_trail_is_never_purged(database: Database, sealing: Sealing) -> None:
    trail = SqlAuditRepository(database, sealing, AuditSource("db1.test"))
    await trail.record(made_up_event(AuditAction.IMAGES_SERVED))
    await make_purge(database)(NOON + 3650 * DAY)
    assert await trail.verify() == 1


@pytest.mark.anyio
async def test_erased_octets_are_in_no_file_of_sqlite(tmp_path: Path, sealing: Sealing) -> None:
    path = tmp_path / "box.sqlite"
    async with open_database(f"sqlite:///{path}", sealing) as database:
        canary = b"canary-" + b"0123456789" * 500
        with database.transaction("IMMEDIATE") as connection:
            row = {"d": b"digest", "p": canary}
            connection.execute(text("INSERT INTO pending_sign_ins VALUES (:d, :p, 0)"), row)
        assert has_canary(tmp_path)
        await make_purge(database)(NOON)
        assert not has_canary(tmp_path)
