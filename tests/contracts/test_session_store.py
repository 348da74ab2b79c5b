"""What ports.session_store promises, by the fakes and by both engines."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import anyio
import pytest
from sqlalchemy import text
from tests.fakes.fake_session_store import (
    FakeContextStore,
    FakePendingSignIns,
    FakeSessionStore,
    FakeUsedTokens,
)
from tests.fakes.manifests import made_up_patient

from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.adapters.storage_sql.session_store import (
    SqlContextStore,
    SqlPendingSignIns,
    SqlSessionStore,
    SqlUsedTokens,
)
from drimbox.errors import Conflict, NotFound
from drimbox.model.access import ConsultationContext
from drimbox.model.consent import InformationEtOppositionConsultation
from drimbox.model.patient import AssigningAuthority, LocalPatientId
from drimbox.model.practice import Activity, Professional, Situation, Structure
from drimbox.model.search_criteria import DateRange, SearchCriteria
from drimbox.model.session import PendingSignIn, Session
from drimbox.model.uids import Oid, StudyInstanceUid
from drimbox.ports.session_store import ContextStore, PendingSignIns, SessionStore, UsedTokens

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
IDLE = timedelta(minutes=20)
SECOND = timedelta(seconds=1)
LEA = Professional(
    national_id="899900000001",
    family_name="RADIO",
    given_name="Léa",
    profession_code="10",
    speciality_code="SM44",
    activities=(Activity(Structure("1330781360", "Clinique des Bleuets"), "SA07"),),
    authenticated_at=NOON,
)
TOM = replace(LEA, national_id="899900000002", speciality_code=None)
CONTEXT = ConsultationContext(
    identifier="context-secret",
    patient=made_up_patient(),
    local_patient_id=LocalPatientId("IPP-7", AssigningAuthority("SITE", Oid("1.2.250.1.999.4"))),
    consent=InformationEtOppositionConsultation.INFORME_ET_NON_OPPOSE,
    created_at=NOON,
    expires_at=NOON + IDLE,
    situation=Situation("1330781360"),
    access_token="access-token-canary",
    criteria=SearchCriteria(
        modalities=("CT",),
        study_dates=DateRange(date(2026, 1, 1), None),
        accession_number="ACC1",
        accession_number_issuer=AssigningAuthority("RIS"),
        study_instance_uid=StudyInstanceUid("1.2.3"),
    ),
)
SESSION = Session(
    identifier="session-secret",
    professional=LEA,
    access_token="access-token-canary",
    refresh_token="refresh-token-canary",
    id_token=None,
    access_token_expires_at=NOON + timedelta(minutes=5),
    created_at=NOON,
    last_seen_at=NOON,
    situation=Situation("1330781360"),
    context_ids=("context-secret",),
)
PENDING = PendingSignIn("state-secret", "nonce", "verifier", "binding", "/consultation", NOON)


@pytest.fixture
def contexts(database_or_fake: Database | None, sealing: Sealing) -> ContextStore:
    if database_or_fake is None:
        return FakeContextStore()
    return SqlContextStore(database_or_fake, sealing)


@pytest.fixture
def sessions(database_or_fake: Database | None, sealing: Sealing) -> SessionStore:
    if database_or_fake is None:
        return FakeSessionStore(idle_limit=IDLE)
    return SqlSessionStore(database_or_fake, sealing, idle_seconds=IDLE.total_seconds())


@pytest.fixture
def sign_ins(database_or_fake: Database | None, sealing: Sealing) -> PendingSignIns:
    if database_or_fake is None:
        return FakePendingSignIns()
    return SqlPendingSignIns(database_or_fake, sealing)


@pytest.fixture
def used_tokens(database_or_fake: Database | None) -> UsedTokens:
    return FakeUsedTokens() if database_or_fake is None else SqlUsedTokens(database_or_fake)


@pytest.mark.anyio
async def test_a_context_is_read_as_it_was_added_until_it_expires(contexts: ContextStore) -> None:
    await contexts.add(CONTEXT)
    assert await contexts.get("context-secret", NOON) == CONTEXT
    assert await contexts.get("context-secret", NOON + IDLE - SECOND) == CONTEXT
    for identifier, now in (("context-secret", NOON + IDLE), ("other", NOON)):
        with pytest.raises(NotFound):
            await contexts.get(identifier, now)


@pytest.mark.anyio
async def test_an_identifier_is_never_given_to_a_second_context(contexts: ContextStore) -> None:
    await contexts.add(CONTEXT)
    with pytest.raises(Conflict):
        await contexts.add(CONTEXT)


@pytest.mark.anyio
async def test_a_context_belongs_to_the_first_professional(contexts: ContextStore) -> None:
    await contexts.add(CONTEXT)
    await contexts.bind(replace(CONTEXT, professional=LEA))
    for newcomer in (TOM, None):
        with pytest.raises(Conflict):
            await contexts.bind(replace(CONTEXT, professional=newcomer))
    assert (await contexts.get("context-secret", NOON)).professional == LEA


@pytest.mark.anyio
async def test_its_professional_may_bind_a_context_again_with_another_situation(
    contexts: ContextStore,
) -> None:
    await contexts.add(CONTEXT)
    await contexts.bind(replace(CONTEXT, professional=LEA))
    moved = replace(CONTEXT, professional=LEA, situation=Situation("1010000017"))
    await contexts.bind(moved)
    assert await contexts.get("context-secret", NOON) == moved


@pytest.mark.anyio
async def test_of_racing_professionals_one_gets_the_context(contexts: ContextStore) -> None:
    await contexts.add(CONTEXT)
    winners: list[str] = []

    async def race(number: int) -> None:
        who = replace(LEA, national_id=f"8999000000{number:02}")
        try:
            await contexts.bind(replace(CONTEXT, professional=who))
        except Conflict:
            return
        winners.append(who.national_id)

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(race, number)
    bound = await contexts.get("context-secret", NOON)
    assert bound.professional is not None
    assert winners == [bound.professional.national_id]


@pytest.mark.anyio
async def test_an_unknown_context_cannot_be_bound(contexts: ContextStore) -> None:
    with pytest.raises(NotFound):
        await contexts.bind(replace(CONTEXT, professional=LEA))


@pytest.mark.anyio
async def test_a_session_is_read_as_it_was_saved_last(sessions: SessionStore) -> None:
    await sessions.save(SESSION)
    assert await sessions.get("session-secret", NOON) == SESSION
    seen = replace(SESSION, last_seen_at=NOON + SECOND, context_ids=("a", "b"))
    await sessions.save(seen)
    assert await sessions.get("session-secret", NOON) == seen


@pytest.mark.anyio
@pytest.mark.requirement("SSI/IE.39")
async def test_a_session_idle_for_too_long_is_over(sessions: SessionStore) -> None:
    await sessions.save(SESSION)
    assert await sessions.get("session-secret", NOON + IDLE - SECOND)
    with pytest.raises(NotFound):
        await sessions.get("session-secret", NOON + IDLE)


@pytest.mark.anyio
async def test_being_seen_changes_nothing_but_when(sessions: SessionStore) -> None:
    await sessions.save(SESSION)
    confirmed = replace(SESSION, context_ids=("context-secret", "another"))
    await sessions.save(confirmed)
    await sessions.touch("session-secret", NOON + IDLE - SECOND)
    await sessions.touch("session-secret", NOON)
    seen = await sessions.get("session-secret", NOON + IDLE)
    assert seen == replace(confirmed, last_seen_at=NOON + IDLE - SECOND)


@pytest.mark.anyio
async def test_a_clock_set_back_lets_no_session_live_longer(sessions: SessionStore) -> None:
    """R7: seen again after the clock was set back an hour, it is idle from then on."""
    await sessions.save(SESSION)
    earlier = NOON - timedelta(hours=1)
    await sessions.touch("session-secret", earlier)
    assert (await sessions.get("session-secret", earlier)).last_seen_at == earlier
    with pytest.raises(NotFound):
        await sessions.get("session-secret", earlier + IDLE)


@pytest.mark.anyio
async def test_being_seen_brings_no_session_back(sessions: SessionStore) -> None:
    await sessions.save(SESSION)
    await sessions.remove("session-secret")
    for identifier in ("session-secret", "never seen"):
        await sessions.touch(identifier, NOON + SECOND)
        with pytest.raises(NotFound):
            await sessions.get(identifier, NOON + SECOND)


@pytest.mark.anyio
async def test_a_removed_session_stays_removed_whoever_still_holds_it(
    sessions: SessionStore,
) -> None:
    await sessions.save(SESSION)
    await sessions.remove("session-secret")
    await sessions.save(replace(SESSION, last_seen_at=NOON + SECOND))
    with pytest.raises(NotFound):
        await sessions.get("session-secret", NOON)
    await sessions.remove("never seen")


@pytest.mark.anyio
async def test_a_sign_in_under_way_is_taken_once(sign_ins: PendingSignIns) -> None:
    await sign_ins.add(PENDING)
    taken: list[PendingSignIn] = []

    async def race() -> None:
        try:
            taken.append(await sign_ins.take("state-secret", NOON))
        except NotFound:
            return

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(race)
    assert taken == [PENDING]


@pytest.mark.anyio
async def test_a_sign_in_lives_ten_minutes(sign_ins: PendingSignIns) -> None:
    await sign_ins.add(PENDING)
    with pytest.raises(NotFound):
        await sign_ins.take("state-secret", NOON + timedelta(minutes=10))


@pytest.mark.anyio
async def test_of_a_hundred_uses_of_one_assertion_one_counts(used_tokens: UsedTokens) -> None:
    refusals: list[int] = []

    async def use(number: int) -> None:
        try:
            await used_tokens.use_once("https://client", "jti", NOON)
        except Conflict:
            refusals.append(number)

    async with anyio.create_task_group() as group:
        for number in range(100):
            group.start_soon(use, number)
    assert len(refusals) == 99


@pytest.mark.anyio
async def test_two_issuers_may_use_the_same_jti(used_tokens: UsedTokens) -> None:
    await used_tokens.use_once("https://a", "1", NOON)
    await used_tokens.use_once("https://b", "1", NOON)
    await used_tokens.use_once("https://", "a1", NOON)


@pytest.mark.anyio
async def test_nothing_that_identifies_or_opens_is_readable_in_the_database(
    database: Database, sealing: Sealing
) -> None:
    await SqlContextStore(database, sealing).add(CONTEXT)
    await SqlSessionStore(database, sealing, idle_seconds=60).save(SESSION)
    await SqlPendingSignIns(database, sealing).add(PENDING)
    with database.transaction("DEFERRED") as connection:
        stored = b"".join(
            value if isinstance(value, bytes) else str(value).encode()
            for table in ("contexts", "sessions", "pending_sign_ins")
            for row in connection.execute(text(f"SELECT * FROM {table}"))  # noqa: S608
            for value in row
        )
    for canary in (CONTEXT.patient.ins.value, "RADIO", "canary", "secret", "verifier", "ACC1"):
        assert canary.encode() not in stored
