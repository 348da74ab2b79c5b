"""Keep the last good version of a remote document: keys (JWKS) and discovery of a provider (O5).

    wanted and fresh           -> what we have
    stale, or not in it        -> one fetch, whoever asks; the others wait for it
    fetched less than 60 s ago -> what we have, even if the wanted is not in it (negative cache)
    fetch failed               -> what we have; Unavailable only if there was never any

So whatever kids a caller makes up, the provider sees one request a minute, and a provider that is
down stops nobody whose key we know.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio
import structlog

from drimbox.errors import DrimboxError, Unavailable

MIN_INTERVAL_SECONDS = 60.0
MAX_AGE_SECONDS = 3600.0

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class LastGood(Generic[T]):
    """One remote document. name goes to the log; monotonic counts seconds."""

    def __init__(
        self,
        name: str,
        fetch: Callable[[], Awaitable[T]],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._fetch = fetch
        self._monotonic = monotonic
        self._lock = anyio.Lock()
        self._document: T | None = None
        self._fetched_at = 0.0
        self._tried_at: float | None = None

    async def get(self, is_enough: Callable[[T], bool] = lambda _: True) -> T:
        """Return the document; is_enough tells whether it holds what is wanted.

        Raises:
            Unavailable: it was never fetched, and cannot be now.
        """
        document = self._document
        # Known and being renewed by another: no reason to wait.
        may_serve = self._is_fresh() or self._lock.locked()
        if document is not None and may_serve and is_enough(document):
            return document
        async with self._lock:
            return await self._renew(is_enough)

    async def _renew(self, is_enough: Callable[[T], bool]) -> T:
        document = self._document
        is_done = document is not None and self._is_fresh() and is_enough(document)
        if not is_done and self._may_try():
            self._tried_at = self._monotonic()
            try:
                self._document = await self._fetch()
                self._fetched_at = self._monotonic()
            except DrimboxError as error:
                kind = type(error).__name__
                _log.warning("provider_document_kept", provider=self._name, error=kind)
                if document is None:
                    raise
        if self._document is None:
            raise Unavailable(self._name)
        return self._document

    def _is_fresh(self) -> bool:
        return self._monotonic() - self._fetched_at < MAX_AGE_SECONDS

    def _may_try(self) -> bool:
        if self._tried_at is None:
            return True
        # Nothing at all yet (start-up before the provider): try sooner than with something in hand.
        interval = MIN_INTERVAL_SECONDS if self._document is not None else 1.0
        return self._monotonic() - self._tried_at >= interval
