"""A DMP that registers lots as the real one does, and can be told to misbehave."""

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from drimbox.errors import Conflict, DrimboxError, RejectedByPartner
from drimbox.model.document_entry import AvailabilityStatus, DocumentEntry
from drimbox.model.practice import Code
from drimbox.model.publication import DmpIdentity, EncodedSubmission

_CODE = Code("1", "1.2")


@dataclass
class FakeDmpFeeding:
    """faults are raised by the next calls of provide, after it stored where loses_answer is set.

    documents are what it holds, by uniqueId, in the order they came.
    """

    faults: deque[DrimboxError] = field(default_factory=deque)
    loses_answer: bool = False
    documents: dict[str, DocumentEntry] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    async def provide(
        self, submission: EncodedSubmission, *, replaced_entry_uuid: str | None = None
    ) -> None:
        self.calls.append(submission.document_unique_id)
        fault = self.faults.popleft() if self.faults else None
        if fault is not None and not self.loses_answer:
            raise fault
        if submission.document_unique_id in self.documents:
            raise Conflict("XDSDuplicateUniqueIdInRegistry")
        if replaced_entry_uuid is not None:
            self._deprecate(replaced_entry_uuid)
        self.documents[submission.document_unique_id] = make_entry(submission)
        if fault is not None:
            raise fault

    async def find_registered(self, unique_id: str, identity: DmpIdentity) -> DocumentEntry | None:
        del identity
        return self.documents.get(unique_id)

    async def withdraw(self, entry: DocumentEntry, identity: DmpIdentity) -> None:
        del identity
        self._set_status(entry, AvailabilityStatus.DELETED)

    @property
    def approved(self) -> list[str]:
        return [
            unique_id
            for unique_id, entry in self.documents.items()
            if entry.status is AvailabilityStatus.APPROVED
        ]

    def _deprecate(self, entry_uuid: str) -> None:
        for entry in self.documents.values():
            if entry.entry_uuid == entry_uuid:
                if entry.status is not AvailabilityStatus.APPROVED:
                    raise RejectedByPartner("DMP", "XDSReplaceFailed")
                self._set_status(entry, AvailabilityStatus.DEPRECATED)
                return
        raise RejectedByPartner("DMP", "XDSReplaceFailed")

    def _set_status(self, entry: DocumentEntry, status: AvailabilityStatus) -> None:
        self.documents[entry.unique_id] = replace(entry, status=status)


def make_entry(submission: EncodedSubmission) -> DocumentEntry:
    entry = entry_of(submission.document_unique_id, submission.document_hash)
    return replace(entry, patient_id=submission.identity.patient_id)


def entry_of(unique_id: str, hash_hex: str) -> DocumentEntry:
    return DocumentEntry(
        unique_id=unique_id,
        patient_id="",
        mime_type="application/dicom",
        title="KOS",
        class_code=_CODE,
        type_code=_CODE,
        format_code=_CODE,
        confidentiality_codes=(_CODE,),
        event_codes=(),
        facility_type=None,
        practice_setting=None,
        authors=(),
        creation_time=datetime(2026, 11, 24, tzinfo=UTC),
        hash_hex=hash_hex,
        status=AvailabilityStatus.APPROVED,
        entry_uuid=f"urn:uuid:{unique_id}",
    )
