"""Studies opened a moment ago: a viewer that asks for 300 frames makes one access, not 300.

Rights are checked and the access is traced when a study is opened; for a minute its next requests,
by the same caller with the same token, are the same access. Whether the caller's token or session
still holds is asked at the door each time.
"""

from collections import OrderedDict
from datetime import timedelta

from drimbox.flows.opened_study import OpenedStudy
from drimbox.model.access import Caller
from drimbox.model.uids import StudyInstanceUid
from drimbox.ports.clock import Clock

ACCESS_LIFETIME = timedelta(seconds=60)
MAX_ACCESSES = 1000

_Key = tuple[object, ...]


class RecentAccesses:
    """Opened studies by caller; the oldest opening is forgotten first."""

    def __init__(self, clock: Clock, *, lifetime: timedelta = ACCESS_LIFETIME) -> None:
        self._clock = clock
        self._lifetime_seconds = lifetime.total_seconds()
        self._opened: OrderedDict[_Key, tuple[float, OpenedStudy]] = OrderedDict()

    def find(self, caller: Caller, study: StudyInstanceUid) -> OpenedStudy | None:
        """Return the study where this caller opened it less than a lifetime ago."""
        key = _key(caller, study)
        opened_at, opened = self._opened.get(key, (None, None))
        if opened_at is None or self._clock.monotonic() - opened_at >= self._lifetime_seconds:
            self._opened.pop(key, None)
            return None
        return opened

    def keep(self, caller: Caller, opened: OpenedStudy) -> None:
        """Remember a study that was opened, and traced, just now."""
        key = _key(caller, opened.manifest.study_instance_uid)
        self._opened.pop(key, None)
        self._opened[key] = self._clock.monotonic(), opened
        while len(self._opened) > MAX_ACCESSES:
            self._opened.popitem(last=False)


def _key(caller: Caller, study: StudyInstanceUid) -> _Key:
    context = caller.context.identifier if caller.context is not None else None
    return caller.kind, caller.subject, caller.scopes, context, caller.access_token, study
