"""A DMP in memory, for consultation: one patient's KOS, access rights, and ways to fail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from drimbox.errors import DrimboxError
from drimbox.model.document_entry import (
    AvailabilityStatus,
    DocumentEntry,
    DocumentQuery,
    PartialDocuments,
    ReferenceId,
    ReferenceIdKind,
    RegisteredSet,
    SetQuery,
)
from drimbox.model.imaging_codes import MODALITY_CODE_SYSTEM, REGION_CODE_SYSTEM
from drimbox.model.manifest import Manifest
from drimbox.model.patient import AssigningAuthority
from drimbox.model.practice import Code
from drimbox.model.publication import DmpIdentity
from drimbox.ports.dmp import DmpAccess, DocumentAbsent, Retrieved
from drimbox.standards.dicom.kos import encode_kos

OPEN = DmpAccess(exists=True, is_open=True, is_authorised=True)


@dataclass
class FakeDmpConsultation:
    """calls tells every call in order; failures are raised by the call of that name.

    spoilt says what becomes of single documents, by uniqueId; one without contents is absent.
    """

    access: DmpAccess = OPEN
    is_partial: bool = False
    list_class: type[tuple[DocumentEntry, ...]] = tuple
    entries: list[DocumentEntry] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    spoilt: dict[str, DrimboxError] = field(default_factory=dict)
    failures: dict[str, DrimboxError] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    sets: list[RegisteredSet] = field(default_factory=list)
    set_queries: list[SetQuery] = field(default_factory=list)
    replacements: dict[str, str] = field(default_factory=dict)
    queries: list[DocumentQuery] = field(default_factory=list)
    identities: list[DmpIdentity] = field(default_factory=list)

    def hold(self, manifest: Manifest, regions: Sequence[str] = ()) -> DocumentEntry:
        """Put a KOS in, as a Source publishes it."""
        entry = kos_entry(manifest, regions)
        self.entries.append(entry)
        self.contents[entry.unique_id] = encode_kos(manifest)
        return entry

    def hold_document(self, entry: DocumentEntry, content: bytes) -> DocumentEntry:
        """Put any document in."""
        self.entries.append(entry)
        self.contents[entry.unique_id] = content
        return entry

    async def check_access(self, identity: DmpIdentity) -> DmpAccess:
        self._called("check_access", identity)
        return self.access

    async def find_documents(
        self, query: DocumentQuery, identity: DmpIdentity
    ) -> tuple[DocumentEntry, ...]:
        self._called("find_documents", identity)
        self.queries.append(query)
        found = tuple(entry for entry in self.entries if _answers(query, entry))
        return PartialDocuments(found) if self.is_partial else self.list_class(found)

    async def find_replaced(
        self, entry_uuids: Sequence[str], identity: DmpIdentity
    ) -> Mapping[str, tuple[str, ...]]:
        self._called("find_replaced", identity)
        return {
            new: (old,)
            for new, old in self.replacements.items()
            if not {new, old}.isdisjoint(entry_uuids)
        }

    async def find_submission_sets(
        self, query: SetQuery, identity: DmpIdentity
    ) -> tuple[RegisteredSet, ...]:
        self._called("find_submission_sets", identity)
        self.set_queries.append(query)
        return tuple(one for one in self.sets if _answers_as_set(query, one))

    async def retrieve_documents(
        self, entries: Sequence[DocumentEntry], identity: DmpIdentity
    ) -> Mapping[str, Retrieved]:
        self._called("retrieve_documents", identity)
        return {entry.unique_id: self._outcome(entry.unique_id) for entry in entries}

    def _outcome(self, unique_id: str) -> Retrieved:
        if unique_id in self.spoilt:
            return self.spoilt[unique_id]
        return self.contents.get(unique_id) or DocumentAbsent("not held")

    def _called(self, name: str, identity: DmpIdentity) -> None:
        self.calls.append(name)
        self.identities.append(identity)
        if name in self.failures:
            raise self.failures[name]


def _answers(query: DocumentQuery, entry: DocumentEntry) -> bool:
    """Compare as a registry does: to the letter, and only what the query names."""
    if entry.patient_id != query.patient_id:
        return False
    if query.unique_ids or query.entry_uuids:
        return entry.unique_id in query.unique_ids or entry.entry_uuid in query.entry_uuids
    codes = {(code.value, str(code.system)) for code in entry.event_codes}
    types = {code.value for code in query.type_codes}
    return all(
        (
            not types or entry.type_code.value in types,
            (entry.status or AvailabilityStatus.APPROVED) in query.statuses,
            not query.reference_ids or not set(query.reference_ids).isdisjoint(entry.reference_ids),
            all(codes & {(c.value, str(c.system)) for c in one} for one in query.event_codes),
            _is_between(entry.creation_time, query.creation_from, query.creation_to),
            _is_between(entry.service_start_time, query.service_start_from, query.service_start_to),
        )
    )


def _answers_as_set(query: SetQuery, found: RegisteredSet) -> bool:
    submitted = found.submission_set
    types = {(code.value, str(code.system)) for code in query.content_types}
    own = (submitted.content_type.value, str(submitted.content_type.system))
    return (
        submitted.patient_id == query.patient_id
        and found.status in query.statuses
        and (not query.source_ids or submitted.source_id in query.source_ids)
        and (not types or own in types)
        and _is_between(submitted.submission_time, query.submitted_from, query.submitted_to)
    )


def _is_between(at: datetime | None, start: datetime | None, end: datetime | None) -> bool:
    if at is None:
        return True
    return (start is None or start <= at) and (end is None or at < end)


def kos_entry(manifest: Manifest, regions: Sequence[str] = ()) -> DocumentEntry:
    """Return the DMP's metadata of a KOS; the manifest names its patient."""
    assert manifest.patient is not None
    order = manifest.order
    references = []
    if order is not None and order.accession_number is not None:
        issuer = order.accession_number.issuer
        authority = AssigningAuthority(universal_id=issuer) if issuer else None
        references.append(
            ReferenceId(order.accession_number.value, ReferenceIdKind.ACCESSION.value, authority)
        )
    modalities = [Code(code, MODALITY_CODE_SYSTEM) for code in manifest.modalities]
    return DocumentEntry(
        unique_id=manifest.sop_instance_uid,
        patient_id=manifest.patient.ins.xds_patient_id,
        mime_type="application/dicom",
        title="Reference d'objets d'un examen d'imagerie",
        class_code=Code("31", "1.2.250.1.213.1.1.4.1"),
        type_code=Code("IMG-KOS", "1.2.250.1.213.1.1.4.12"),
        format_code=Code("1.2.840.10008.5.1.4.1.1.88.59", "1.2.840.10008.2.6.1"),
        confidentiality_codes=(Code("N", "2.16.840.1.113883.5.25"),),
        event_codes=(*modalities, *(Code(code, REGION_CODE_SYSTEM) for code in regions)),
        facility_type=None,
        practice_setting=None,
        authors=(),
        creation_time=manifest.created_at.astimezone(UTC),
        service_start_time=_start_of(manifest),
        reference_ids=tuple(references),
        hash_hex="0" * 40,
    )


def _start_of(manifest: Manifest) -> datetime | None:
    if manifest.study_date is None:
        return None
    return datetime.combine(manifest.study_date, datetime.min.time(), UTC)
