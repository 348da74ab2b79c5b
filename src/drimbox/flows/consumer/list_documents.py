"""What the DMP lists for a context: rights (consult_dmp.py), then one ITI-18.

Programs ask the same again and again: the answer to a question is kept for them a short while,
under the context it was given to, and two that ask at once share one question. People who open a
page get a fresh one.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from drimbox.flows.consumer.consult_dmp import ConsultDmp
from drimbox.flows.shared_work import SharedWork
from drimbox.model.access import ConsultationContext
from drimbox.model.document_entry import DocumentEntry, DocumentQuery
from drimbox.model.imaging_record import logical_id
from drimbox.ports.clock import Clock

_MAX_KEPT = 1000
_Key = tuple[str, DocumentQuery]
_Entries = tuple[DocumentEntry, ...]


class KeptLists:
    """Lists by context and question, for their lifetime; the least recent go first."""

    def __init__(self, clock: Clock, lifetime: timedelta = timedelta(seconds=30)) -> None:
        self._clock = clock
        self._lifetime = lifetime
        self._kept: OrderedDict[_Key, tuple[datetime, _Entries]] = OrderedDict()

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

    def keep(self, context: ConsultationContext, query: DocumentQuery, entries: _Entries) -> None:
        now = self._clock.now()
        # The oldest stand first: what nobody may use any more is not kept either.
        while self._kept and next(iter(self._kept.values()))[0] <= now:
            self._kept.popitem(last=False)
        key = (context.identifier, query)
        self._kept[key] = (now + self._lifetime, entries)
        self._kept.move_to_end(key)
        while len(self._kept) > _MAX_KEPT:
            self._kept.popitem(last=False)


@dataclass(frozen=True, slots=True)
class ListDocuments:
    """Lists documents of a context's patient, in the name of its professional."""

    dmp: ConsultDmp
    kept: KeptLists
    under_way: SharedWork[_Key, _Entries] = field(default_factory=SharedWork)

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
