"""The site's PACS: search (RAD-14), retrieve (RAD-16, RAD-107), store."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from drimbox.model.retrieval import DicomJson, DicomQuery, InstanceStream, TargetResource
from drimbox.model.study import Study
from drimbox.model.uids import SopInstanceUid, StudyInstanceUid, TransferSyntaxUid


class Pacs(Protocol):
    """Every method raises Unavailable (TimedOut) or RejectedByPartner when the PACS fails."""

    async def echo(self) -> None:
        """Check that the PACS answers (C-ECHO or Capabilities)."""

    async def find(self, query: DicomQuery) -> tuple[DicomJson, ...]:
        """Return the matches, at most query.limit."""

    async def find_study(self, study_instance_uid: StudyInstanceUid) -> Study:
        """Return the study with its series and instances.

        Raises:
            NotFound: the PACS holds no such study.
        """

    def retrieve(
        self, target: TargetResource, transfer_syntaxes: Sequence[TransferSyntaxUid] = ()
    ) -> AsyncIterator[InstanceStream]:
        """Yield the instances as they arrive; closing the iterator releases the association.

        transfer_syntaxes, when given, are what the caller accepts, best first; empty means as
        stored.

        Raises:
            NotFound: the PACS holds no such instance.
            NotAcceptable: it can give none in transfer_syntaxes.
        """


class StorageDestination(Protocol):
    """A PACS or workstation that receives exports (C-STORE, STOW-RS)."""

    async def store(
        self,
        instances: AsyncIterator[InstanceStream],
        *,
        on_stored: Callable[[int], None],
    ) -> None:
        """Send every instance; on_stored tells the running count.

        Raises:
            Unavailable: the destination does not answer.
            RejectedByPartner: it refused an instance (status in code).
        """


class MoveDestination(Protocol):
    """Where the instances of one C-MOVE go."""

    async def store_each(
        self,
        instances: AsyncIterator[InstanceStream],
        *,
        on_stored: Callable[[SopInstanceUid], None],
        on_refused: Callable[[SopInstanceUid], None],
    ) -> None:
        """Send every instance; one that is refused is told, and the others are sent all the same.

        Raises:
            Unavailable: the destination does not answer.
            RejectedByPartner: it lets us open no association.
        """
