"""Metadata of KOS -> the KOS, read: what this context has already, the rest by ITI-43.

    missing ones, in batches, some at once -> octets -> parse_kos in a thread -> kept

What cannot be read is told, exam by exam, and stops nothing. Two who want the same KOS at once
have it retrieved once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import anyio
import anyio.to_thread

from drimbox.errors import DrimboxError, Mismatch
from drimbox.flows.consumer.consult_dmp import ConsultDmp
from drimbox.flows.consumer.consultation_audit import Trace
from drimbox.flows.consumer.retrieved_studies import RetrievedStudies
from drimbox.model.access import ConsultationContext
from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.document_entry import DocumentEntry
from drimbox.model.patient import Ins
from drimbox.model.prior_study import PriorStudy, UnreadableStudy
from drimbox.model.publication import DmpIdentity
from drimbox.ports.dmp import DocumentUnreadable, Retrieved
from drimbox.standards.dicom.kos import parse_kos

# Fifty exams come in one round of requests.
_DOCUMENTS_A_REQUEST = 7
_PARALLEL_REQUESTS = 8

Read = PriorStudy | UnreadableStudy


@dataclass(frozen=True, slots=True)
class ReadManifests:
    """Reads the KOS of a list, in the name of the context's professional."""

    dmp: ConsultDmp
    retrieved: RetrievedStudies
    # One retrieval at once in a context: who waits finds what the other has read.
    turns: WeakValueDictionary[str, anyio.Lock] = field(default_factory=WeakValueDictionary)

    async def __call__(
        self,
        context: ConsultationContext,
        entries: Sequence[DocumentEntry],
        identity: DmpIdentity,
        *,
        is_fresh: bool = False,
    ) -> tuple[list[PriorStudy], list[UnreadableStudy]]:
        """Return the exams, and what could not be read.

        What could not be read a moment ago is not asked for again, unless is_fresh.
        """
        known = {} if is_fresh else self._known(context, entries)
        if any(self._kept(context, e) is None and e.unique_id not in known for e in entries):
            turn = self.turns.setdefault(context.identifier, anyio.Lock())
            async with turn:
                known |= {} if is_fresh else self._known(context, entries)
                wanted = [e for e in entries if e.unique_id not in known]
                known |= await self._retrieve_missing(context, wanted, identity)
        found = [self._kept(context, e) or known.get(e.unique_id) for e in entries]
        studies = [one for one in found if isinstance(one, PriorStudy)]
        return studies, [one for one in found if isinstance(one, UnreadableStudy)]

    def _known(
        self, context: ConsultationContext, entries: Sequence[DocumentEntry]
    ) -> dict[str, Read]:
        found = (self.retrieved.find_unreadable(context, e.unique_id) for e in entries)
        return {one.document.unique_id: one for one in found if one is not None}

    async def _retrieve_missing(
        self,
        context: ConsultationContext,
        entries: Sequence[DocumentEntry],
        identity: DmpIdentity,
    ) -> dict[str, Read]:
        missing = [entry for entry in entries if self._kept(context, entry) is None]
        batches = [
            missing[start : start + _DOCUMENTS_A_REQUEST]
            for start in range(0, len(missing), _DOCUMENTS_A_REQUEST)
        ]
        limiter = anyio.CapacityLimiter(_PARALLEL_REQUESTS)
        read: list[Read] = []
        failures: list[DrimboxError] = []

        async def retrieve(batch: Sequence[DocumentEntry]) -> None:
            try:
                async with limiter:
                    contents = await self.dmp.retrieve_documents(context, batch, identity)
            except DrimboxError as error:
                # A trace that cannot be written: told as such, not as a group of errors.
                failures.append(error)
                return
            ins = context.patient.ins
            for entry in batch:
                found = contents[entry.unique_id]
                read.append(await anyio.to_thread.run_sync(_read_kos, ins, entry, found))

        async with anyio.create_task_group() as tasks:
            for batch in batches:
                tasks.start_soon(retrieve, batch)
        if failures:
            raise failures[0]
        for one in read:
            await self._keep(context, one)
        return {one.document.unique_id: one for one in read}

    async def _keep(self, context: ConsultationContext, one: Read) -> None:
        if isinstance(one, PriorStudy):
            self.retrieved.keep(context, one)
            return
        self.retrieved.keep_unreadable(context, one)
        if isinstance(one.failure, Mismatch):
            await self._record_other_patient(context, one.document)

    async def _record_other_patient(
        self, context: ConsultationContext, entry: DocumentEntry
    ) -> None:
        trace = Trace(document=entry.unique_id, description="the KOS names another patient")
        await self.dmp.audit.record(
            AuditAction.ACCESS_REFUSED, context, AuditOutcome.SERIOUS_FAILURE, trace
        )

    def _kept(self, context: ConsultationContext, entry: DocumentEntry) -> PriorStudy | None:
        kept = self.retrieved.find(context, entry.unique_id)
        if kept is None or kept.document.hash_hex != entry.hash_hex:
            return None
        if kept.document is not entry and kept.document != entry:
            # The same octets, of which the DMP says something else by now: replaced, archived.
            kept = PriorStudy(kept.manifest, entry, kept.kos)
            self.retrieved.keep(context, kept)
        return kept


def _read_kos(ins: Ins, entry: DocumentEntry, found: Retrieved) -> Read:
    """Read a KOS, and let only this patient's through (D6)."""
    if isinstance(found, DrimboxError):
        return UnreadableStudy(entry, found)
    try:
        manifest = parse_kos(found)
    except DrimboxError:
        return UnreadableStudy(entry, DocumentUnreadable("no KOS that can be read"))
    if manifest.ins is not None and manifest.ins.value != ins.value:
        return UnreadableStudy(entry, Mismatch("the KOS names another patient"))
    return PriorStudy(manifest, entry, found)
