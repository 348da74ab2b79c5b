"""Work that several callers want at once is done once (single flight).

The first caller does it; those who come meanwhile wait, and share its result or its error. Where
the first one is cancelled, one of those who wait does the work again.
"""

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio

from drimbox.errors import DrimboxError

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


@dataclass(slots=True)
class _Flight(Generic[Result]):
    is_over: anyio.Event = field(default_factory=anyio.Event)
    results: list[Result] = field(default_factory=list)
    error: DrimboxError | None = None


class SharedWork(Generic[Key, Result]):
    """Work under way, by key; nothing is kept once it is done."""

    def __init__(self) -> None:
        self._flights: dict[Key, _Flight[Result]] = {}

    async def run(self, key: Key, work: Callable[[], Awaitable[Result]]) -> Result:
        """Return what the work under this key returns, whoever does it.

        Raises:
            DrimboxError: what the work raised.
        """
        while (flight := self._flights.get(key)) is not None:
            await flight.is_over.wait()
            if flight.error is not None:
                raise flight.error
            if flight.results:
                return flight.results[0]
        return await self._lead(key, work)

    async def _lead(self, key: Key, work: Callable[[], Awaitable[Result]]) -> Result:
        flight = self._flights[key] = _Flight()
        try:
            result = await work()
            flight.results.append(result)
        except DrimboxError as error:
            flight.error = error
            raise
        finally:
            del self._flights[key]
            flight.is_over.set()
        return result
