"""What the DMP lists for a context: rights (consult_dmp.py), then one ITI-18.

Submission sets are asked for after documents, so that rights have been looked at.

Programs ask the same again and again: the answer to a question is kept for them a short while,
under the context it was given to, and two that ask at once share one question. People who open a
page get a fresh one.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from drimbox.errors import RejectedByPartner
from drimbox.flows.consumer.consult_dmp import ConsultDmp
from drimbox.flows.shared_work import SharedWork
from drimbox.model.access import ConsultationContext
from drimbox.model.document_entry import DocumentEntry, DocumentQuery, RegisteredSet, SetQuery
from drimbox.model.imaging_record import logical_id
from drimbox.ports.clock import Clock

_MAX_KEPT = 1000
_MAX_REPLACED = 50_000
_Key = tuple[str, DocumentQuery]
_Entries = tuple[DocumentEntry, ...]
_Sets = tuple[RegisteredSet, ...]
_SetKey = tuple[str, SetQuery]
_Uuids = tuple[str, ...]
_AnyKey = TypeVar("_AnyKey")
_Value = TypeVar("_Value")


class KeptLists:
    """Lists by context and question, for their lifetime; the least recent go first."""

    def __init__(self, clock: Clock, lifetime: timedelta = timedelta(seconds=30)) -> None:
        self._clock = clock
        self._lifetime = lifetime
        self._kept: OrderedDict[_Key, tuple[datetime, _Entries]] = OrderedDict()
        self._replaced: OrderedDict[tuple[str, str], tuple[datetime, _Uuids]] = OrderedDict()
        self._sets: OrderedDict[_SetKey, tuple[datetime, _Sets]] = OrderedDict()

    def find(self, context: ConsultationContext, query: DocumentQuery) -> _Entries | None:
        """Find the answer to a question, or to a wider one in the same states."""
        wider = DocumentQuery(
            query.patient_id, type_codes=query.type_codes, statuses=query.statuses
        )
        for asked in (query, wider):
            until, entries = self._kept.get((context.identifier, asked), (None, ()))
            if until is not None and self._clock.now() < until:
                return entries
        return None

    def find_named(
        self, context: ConsultationContext, logical_ids: Sequence[str]
    ) -> _Entries | None:
        """Find the documents of these logical ids, None unless all of them were listed."""
        now = self._clock.now()
        found: dict[str, DocumentEntry] = {}
        for (identifier, _), (until, entries) in self._kept.items():
            if identifier == context.identifier and now < until:
                found |= {logical_id(e): e for e in entries if logical_id(e) in logical_ids}
        return tuple(found.values()) if found.keys() == set(logical_ids) else None

    def find_replaced(self, context: ConsultationContext, entry_uuid: str) -> _Uuids | None:
        """Find what an entry replaces, as told a moment ago; None where nobody has asked."""
        until, replaced = self._replaced.get((context.identifier, entry_uuid), (None, ()))
        return replaced if until is not None and self._clock.now() < until else None

    def keep_replaced(self, context: ConsultationContext, replaced: Mapping[str, _Uuids]) -> None:
        _drop_old(self._replaced, self._clock.now())
        until = self._clock.now() + self._lifetime
        for entry_uuid, replaced_uuids in replaced.items():
            self._replaced[context.identifier, entry_uuid] = (until, replaced_uuids)
            self._replaced.move_to_end((context.identifier, entry_uuid))
        while len(self._replaced) > _MAX_REPLACED:
            self._replaced.popitem(last=False)

    def keep(self, context: ConsultationContext, query: DocumentQuery, entries: _Entries) -> None:
        self._add(self._kept, (context.identifier, query), entries)

    def find_sets(self, context: ConsultationContext, query: SetQuery) -> _Sets | None:
        until, sets = self._sets.get((context.identifier, query), (None, ()))
        return sets if until is not None and self._clock.now() < until else None

    def keep_sets(self, context: ConsultationContext, query: SetQuery, sets: _Sets) -> None:
        self._add(self._sets, (context.identifier, query), sets)

    def forget(self, context_identifier: str) -> None:
        """Forget a context; unknown is no error."""
        for key in [key for key in self._kept if key[0] == context_identifier]:
            del self._kept[key]
        for entry in [entry for entry in self._replaced if entry[0] == context_identifier]:
            del self._replaced[entry]
        for question in [one for one in self._sets if one[0] == context_identifier]:
            del self._sets[question]

    def _add(
        self, kept: OrderedDict[_AnyKey, tuple[datetime, _Value]], key: _AnyKey, value: _Value
    ) -> None:
        now = self._clock.now()
        _drop_old(kept, now)
        kept[key] = (now + self._lifetime, value)
        kept.move_to_end(key)
        while len(kept) > _MAX_KEPT:
            kept.popitem(last=False)


def _drop_old(kept: OrderedDict[_AnyKey, tuple[datetime, _Value]], now: datetime) -> None:
    """Drop what nobody may use any more; the oldest stand first."""
    while kept and next(iter(kept.values()))[0] <= now:
        kept.popitem(last=False)


@dataclass(frozen=True, slots=True)
class ListDocuments:
    """Lists documents of a context's patient, in the name of its professional."""

    dmp: ConsultDmp
    kept: KeptLists
    under_way: SharedWork[_Key, _Entries] = field(default_factory=SharedWork)
    sets_under_way: SharedWork[_SetKey, _Sets] = field(default_factory=SharedWork)

    async def ask(self, context: ConsultationContext, query: DocumentQuery) -> _Entries:
        """Ask the DMP now.

        Raises:
            What ConsultDmp.enter and find_documents raise.
        """
        identity = await self.dmp.enter(context)
        entries = await self.dmp.find_documents(context, query, identity)
        self.kept.keep(context, query, entries)
        return entries

    async def find(self, context: ConsultationContext, query: DocumentQuery) -> _Entries:
        """Return what the DMP answered a moment ago, else what it answers; raises as asking."""
        await self.dmp.check_consent(context)
        kept = self.kept.find(context, query)
        if kept is not None:
            return kept
        key = (context.identifier, query)
        return await self.under_way.run(key, lambda: self.ask(context, query))

    async def find_sets(self, context: ConsultationContext, query: SetQuery) -> _Sets:
        """Return submission sets as the DMP told of them a moment ago, else as it tells now.

        Only for who has just been given a list of documents.
        """
        await self.dmp.check_consent(context)
        kept = self.kept.find_sets(context, query)
        if kept is not None:
            return kept
        key = (context.identifier, query)
        return await self.sets_under_way.run(key, lambda: self._ask_for_sets(context, query))

    async def _ask_for_sets(self, context: ConsultationContext, query: SetQuery) -> _Sets:
        identity = self.dmp.situations.identity_of(context)
        sets = await self.dmp.find_submission_sets(context, query, identity)
        self.kept.keep_sets(context, query, sets)
        return sets

    async def find_replaced(
        self,
        context: ConsultationContext,
        entries: Iterable[DocumentEntry],
        concerned: Iterable[DocumentEntry],
    ) -> Mapping[str, _Uuids]:
        """Return which entryUUIDs these entries replaced, each by its own entryUUID.

        The DMP is asked about the concerned ones, at either end; of the others what is known. A
        registry that has no such query tells nothing: its documents are listed all the same.
        """
        wanted = [entry.entry_uuid for entry in concerned if entry.entry_uuid is not None]
        unknown = [uuid for uuid in wanted if self.kept.find_replaced(context, uuid) is None]
        if unknown:
            identity = self.dmp.situations.identity_of(context)
            try:
                told = await self.dmp.find_replaced(context, unknown, identity)
            except RejectedByPartner:
                told = {}
            self.kept.keep_replaced(context, dict.fromkeys(unknown, ()) | dict(told))
        uuids = (entry.entry_uuid for entry in entries if entry.entry_uuid is not None)
        return {uuid: self.kept.find_replaced(context, uuid) or () for uuid in uuids}
