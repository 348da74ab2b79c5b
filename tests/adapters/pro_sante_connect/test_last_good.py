"""Row O5: random kids and a provider that is down."""

from dataclasses import dataclass, field

import anyio
import pytest

from drimbox.adapters.pro_sante_connect.last_good import LastGood
from drimbox.errors import Unavailable


@dataclass
class Provider:
    """A JWKS host that counts what is asked of it; kids are those it publishes."""

    kids: set[str] = field(default_factory=lambda: {"a"})
    is_away: bool = False
    requests: int = 0
    seconds: float = 1000.0
    slow: anyio.Event | None = None

    async def fetch(self) -> frozenset[str]:
        self.requests += 1
        if self.slow is not None:
            await self.slow.wait()
        if self.is_away:
            raise Unavailable("JWKS host")
        return frozenset(self.kids)

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def keys(provider: Provider) -> LastGood[frozenset[str]]:
    return LastGood("keys", provider.fetch, monotonic=provider.monotonic)


@pytest.mark.anyio
async def test_ten_thousand_random_kids_cost_one_request_a_minute(
    provider: Provider, keys: LastGood[frozenset[str]]
) -> None:
    await keys.get()
    for i in range(10_000):
        provider.seconds += 0.018
        await keys.get(lambda known, kid=f"random-{i}": kid in known)
    # 180 s in all: the first one, and one for each full minute.
    assert provider.requests <= 1 + 3


@pytest.mark.anyio
async def test_a_known_kid_is_served_while_the_host_is_down(
    provider: Provider, keys: LastGood[frozenset[str]]
) -> None:
    await keys.get()
    provider.is_away = True
    for _ in range(100):
        provider.seconds += 3600
        assert "a" in await keys.get(lambda known: "a" in known)


@pytest.mark.anyio
async def test_a_new_kid_is_learnt_at_the_first_token_that_names_it(
    provider: Provider, keys: LastGood[frozenset[str]]
) -> None:
    await keys.get()
    provider.kids.add("b")
    provider.seconds += 60
    assert "b" in await keys.get(lambda known: "b" in known)
    assert provider.requests == 2


@pytest.mark.anyio
async def test_a_key_withdrawn_is_forgotten_within_the_hour(
    provider: Provider, keys: LastGood[frozenset[str]]
) -> None:
    await keys.get()
    provider.kids = {"b"}
    provider.seconds += 3600
    assert "a" not in await keys.get(lambda known: "a" in known)


@pytest.mark.anyio
async def test_a_hundred_callers_share_one_request(
    provider: Provider, keys: LastGood[frozenset[str]]
) -> None:
    provider.slow = anyio.Event()
    async with anyio.create_task_group() as callers:
        for _ in range(100):
            callers.start_soon(keys.get)
        await anyio.wait_all_tasks_blocked()
        provider.slow.set()
    assert provider.requests == 1


@pytest.mark.anyio
async def test_a_known_kid_does_not_wait_for_a_renewal(
    provider: Provider, keys: LastGood[frozenset[str]]
) -> None:
    await keys.get()
    provider.seconds += 3600
    provider.slow = anyio.Event()
    async with anyio.create_task_group() as callers:
        callers.start_soon(keys.get)
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(30):
            assert "a" in await keys.get(lambda known: "a" in known)
        provider.slow.set()


@pytest.mark.anyio
async def test_without_any_good_version_it_says_so_and_soon_tries_again(
    provider: Provider, keys: LastGood[frozenset[str]]
) -> None:
    provider.is_away = True
    for _ in range(10):
        with pytest.raises(Unavailable):
            await keys.get()
    assert provider.requests == 1
    provider.is_away = False
    provider.seconds += 1
    assert await keys.get() == {"a"}
