"""QIDO-RS by dicomweb-client: blocking, so in threads, a client each; answers bounded in size."""

from typing import TYPE_CHECKING

import anyio.to_thread

from drimbox.adapters.pacs_dicomweb.search import Search
from drimbox.model.retrieval import DicomJson
from drimbox.settings.partners import DicomwebServiceSettings

if TYPE_CHECKING:
    from drimbox.adapters.pacs_dicomweb.search_worker import SearchWorker

_PARALLEL = 4
_MAX_PAGES = 1000


class SearchClient:
    """Searches of one service.

    Args:
        settings: where it is, and how we prove who we are.
        partner: how errors name it.
    """

    def __init__(self, settings: DicomwebServiceSettings, partner: str) -> None:
        self._settings = settings
        self._partner = partner
        self._idle: list[SearchWorker] = []
        self._limiter = anyio.CapacityLimiter(_PARALLEL)

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            self._idle.pop().close()

    async def search(self, search: Search) -> list[DicomJson]:
        """Return every match, at most search.limit, however many pages the service makes of them.

        Raises:
            Unavailable, TimedOut: it does not answer, or sends what cannot be read.
            RejectedByPartner, NotFound, TooLarge: it refuses, or answers more than is allowed.
        """
        async with self._limiter:
            worker = self._idle.pop() if self._idle else await anyio.to_thread.run_sync(self._make)
            try:
                return await anyio.to_thread.run_sync(_every_page, worker, search)
            finally:
                self._idle.append(worker)

    def _make(self) -> "SearchWorker":
        """Make a worker, in a thread: what the first one loads takes half a second."""
        from drimbox.adapters.pacs_dicomweb.search_worker import SearchWorker

        return SearchWorker(self._settings, self._partner)


def _every_page(worker: "SearchWorker", search: Search) -> list[DicomJson]:
    found: list[DicomJson] = []
    for _ in range(_MAX_PAGES):
        limit = None if search.limit is None else search.limit - len(found)
        page = worker.page(search, limit, len(found))
        found += page
        is_enough = search.limit is not None and len(found) >= search.limit
        if not page or is_enough or not worker.has_more:
            break
    return found[: search.limit]
