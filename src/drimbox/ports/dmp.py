"""The DMP: feeding by the Source, consultation by the Consommatrice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from drimbox.errors import DrimboxError, NotFound, RejectedByPartner, Unavailable
from drimbox.model.document_entry import DocumentEntry, DocumentQuery, RegisteredSet, SetQuery
from drimbox.model.publication import DmpIdentity, EncodedSubmission


@dataclass(frozen=True, slots=True)
class DmpAccess:
    """Answer of TD0.2: whether the DMP exists and is open, and whether this user may read it."""

    exists: bool
    is_open: bool
    is_authorised: bool


class DmpAtFault(Unavailable):
    """The fault is the DMP's own: it says so, or its answer is none; later may do."""


class DmpRefusesUser(RejectedByPartner):
    """The DMP does not accept the proof of who asks (VIHF): signing in anew may help."""


class DmpForbids(RejectedByPartner):
    """A rule of the DMP keeps this from who asks."""


class TooManyDocuments(RejectedByPartner):
    """More than the DMP lists at once, even as references; a narrower question may be answered."""


class DmpMisunderstands(RejectedByPartner):
    """The DMP says that the question itself is wrong: a fault of ours."""


class DocumentAbsent(NotFound):
    """Listed, and not at the repository, or not shown to who asks: it tells the two alike."""


class DocumentAltered(RejectedByPartner):
    """Octets that are not what the registry says of them: their hash, size or type."""

    def __init__(self, reason: str) -> None:
        super().__init__("DMP", "document altered", reason)


class DocumentUnreadable(DocumentAltered):
    """Octets as listed that their own standard does not allow: whose they are, nobody knows."""


Retrieved = bytes | DrimboxError
"""What became of one document that was asked for: its octets, or why there are none."""


class DmpFeeding(Protocol):
    """Raises Unavailable when it is worth trying again, RejectedByPartner when it is not."""

    async def provide(
        self, submission: EncodedSubmission, *, replaced_entry_uuid: str | None = None
    ) -> None:
        """Provide and register the lot (ITI-41, TD2.1).

        Raises:
            Conflict: the DMP holds this submission set or document already (uniqueId).
        """

    async def find_registered(self, unique_id: str, identity: DmpIdentity) -> DocumentEntry | None:
        """Find a document by its uniqueId (GetDocuments, TD3.1b); newest version, any status."""

    async def withdraw(self, entry: DocumentEntry, identity: DmpIdentity) -> None:
        """Set the document's status to Deleted (ITI-57, TD3.3c)."""


class DmpConsultation(Protocol):
    """Raises Unavailable, or RejectedByPartner with the DMP's error code, or a class above."""

    async def check_access(self, identity: DmpIdentity) -> DmpAccess:
        """Ask whether this user may consult (TD0.2); before any consultation (UX.08)."""

    async def find_documents(
        self, query: DocumentQuery, identity: DmpIdentity
    ) -> tuple[DocumentEntry, ...]:
        """Search the registry (ITI-18, TD3.1a); nothing found is an empty tuple.

        PartialDocuments where the registry says, or we see, that these are not all;
        UnknownPatientDocuments where it says that it knows no such patient.
        """

    async def find_replaced(
        self, entry_uuids: Sequence[str], identity: DmpIdentity
    ) -> Mapping[str, tuple[str, ...]]:
        """Find which entries (entryUUID) others replaced, where either end is asked about (RPLC).

        By the entryUUID of what replaces; an entry that replaces nothing is absent.
        """

    async def find_submission_sets(
        self, query: SetQuery, identity: DmpIdentity
    ) -> tuple[RegisteredSet, ...]:
        """Search submission sets and their members (ITI-18, FindSubmissionSets, GetAssociations).

        A member may be a document that this user is not shown.
        """

    async def retrieve_documents(
        self, entries: Sequence[DocumentEntry], identity: DmpIdentity
    ) -> Mapping[str, Retrieved]:
        """Bring octets (ITI-43, TD3.2), checked against their entries; by uniqueId, each entry.

        DocumentAbsent, DocumentAltered and whatever the DMP says of one document stand in its
        place; what it says of the whole request is raised.
        """
