"""What the DMP lists for a context: rights (consult_dmp.py), then one ITI-18.

Submission sets are asked for after documents, so that rights have been looked at.

Programs ask the same again and again: the answer to a question is kept for them a short while,
under the context it was given to, and two that ask at once share one question. People who open a
page get a fresh one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from drimbox.errors import RejectedByPartner
from drimbox.flows.consumer.consult_dmp import ConsultDmp
from drimbox.flows.consumer.recent_answers import RecentAnswers
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


class KeptLists:
    """What the DMP listed a moment ago: documents, what each replaced, submission sets."""

    def __init__(self, clock: Clock, lifetime: timedelta = timedelta(seconds=30)) -> None:
        self._lists = RecentAnswers[DocumentQuery, _Entries](clock, lifetime, _MAX_KEPT)
        self._replaced = RecentAnswers[str, _Uuids](clock, lifetime, _MAX_REPLACED)
        self._sets = RecentAnswers[SetQuery, _Sets](clock, lifetime, _MAX_KEPT)

    def keep(self, context: ConsultationContext, query: DocumentQuery, entries: _Entries) -> None:
        self._lists.keep(context, query, entries)

    def find(self, context: ConsultationContext, query: DocumentQuery) -> _Entries | None:
        """Find the answer to a question, or to a wider one in the same states."""
        wider = DocumentQuery(
            query.patient_id, type_codes=query.type_codes, statuses=query.statuses
        )
        found = self._lists.find(context, query)
        return self._lists.find(context, wider) if found is None else found

    def find_named(
        self, context: ConsultationContext, logical_ids: Sequence[str]
    ) -> _Entries | None:
        """Find the documents of these logical ids, None unless all of them were listed."""
        found: dict[str, DocumentEntry] = {}
        for entries in self._lists.of(context):
            found |= {logical_id(e): e for e in entries if logical_id(e) in logical_ids}
        return tuple(found.values()) if found.keys() == set(logical_ids) else None

    def keep_replaced(self, context: ConsultationContext, replaced: Mapping[str, _Uuids]) -> None:
        for entry_uuid, replaced_uuids in replaced.items():
            self._replaced.keep(context, entry_uuid, replaced_uuids)

    def find_replaced(self, context: ConsultationContext, entry_uuid: str) -> _Uuids | None:
        """Find what an entry replaces, as told a moment ago; None where nobody has asked."""
        return self._replaced.find(context, entry_uuid)

    def keep_sets(self, context: ConsultationContext, query: SetQuery, sets: _Sets) -> None:
        self._sets.keep(context, query, sets)

    def find_sets(self, context: ConsultationContext, query: SetQuery) -> _Sets | None:
        return self._sets.find(context, query)

    def forget(self, context_identifier: str) -> None:
        """Forget a context; unknown is no error."""
        for answers in (self._lists, self._replaced, self._sets):
            answers.forget(context_identifier)


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
