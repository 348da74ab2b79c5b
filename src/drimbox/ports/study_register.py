"""What the Source has received and published: intake, register, alerts. All durable."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from drimbox.model.manifest import Manifest
from drimbox.model.publication import (
    Alert,
    EncodedSubmission,
    Publication,
    PublicationState,
    ReceivedMessage,
)
from drimbox.model.uids import SopInstanceUid, StudyInstanceUid


class Intake(Protocol):
    """Messages of the RIS, durable before their ACK."""

    async def keep(self, key: str, content: bytes, received_at: datetime) -> bool:
        """Store for good, then return; False when this key was kept before (nothing changes)."""

    async def claim(self, now: datetime, lease_seconds: float) -> ReceivedMessage | None:
        """Take the oldest message due, for a lease; one winner whatever the number of workers."""

    async def postpone(self, message_id: int, until: datetime, reason: str) -> None:
        """Try again later (a partner is away)."""


@dataclass(frozen=True, slots=True)
class NewPublication:
    """A publication and the lot that carries it; submission None when nothing needs sending."""

    publication: Publication
    submission: EncodedSubmission | None


@dataclass(frozen=True, slots=True)
class CurrentKos:
    """A study and the KOS that serves it."""

    study_instance_uid: StudyInstanceUid
    kos_sop_instance_uid: SopInstanceUid


@dataclass(frozen=True, slots=True)
class CurrentPage:
    """Some of the current KOS, newest first; total counts all that match."""

    entries: tuple[CurrentKos, ...]
    total: int


@dataclass(frozen=True, slots=True)
class PlacedPublication:
    """A publication and the place of its study in the register: higher is newer, for good."""

    place: int
    publication: Publication


@dataclass(frozen=True, slots=True)
class StudyWalk:
    """Some studies of the register, the one first known last; next is None at the end."""

    publications: tuple[PlacedPublication, ...]
    next: int | None


class StudyRegister(Protocol):
    """The register of KOS."""

    async def find_current(self, study_instance_uid: StudyInstanceUid) -> Publication | None:
        """Find the newest publication of a study (pending or published)."""

    async def find_by_kos(self, kos: SopInstanceUid) -> Publication | None:
        """Find a publication by the KOS's own SOP Instance UID, whatever its state."""

    async def conclude(
        self,
        message_id: int,
        publications: Sequence[NewPublication],
        alerts: Sequence[Alert],
        now: datetime,
    ) -> None:
        """End one message in one transaction: publications, outbox rows, alerts, message done.

        The message is STOPPED when alerts came and nothing was published, else DONE. A replaced
        publication is marked only once the DMP has the new one. Of a KOS known already only the
        reports are added; of its states only WITHDRAWN is taken from here.

        Raises:
            Conflict: the message was concluded already, or a lot replaces another KOS than the
                study's current one. Nothing is stored; the message must be read again.
        """

    async def find_published(
        self,
        patient_id: str | None = None,
        limit: int = 1000,
        *,
        studies: Collection[StudyInstanceUid] | None = None,
        states: Collection[PublicationState] = (PublicationState.PUBLISHED,),
    ) -> tuple[Publication, ...]:
        """List publications that the DMP has, newest first, of one patient (CX) or of all.

        states may name those that were replaced.
        """

    async def walk_studies(
        self, *, start: int | None, limit: int, states: Collection[PublicationState]
    ) -> StudyWalk:
        """Go through the studies, from the place start downwards (None: from the newest).

        limit counts studies; of each come the publications in these states, newest first. A study
        keeps its place when its KOS is replaced: what arrives meanwhile moves nothing.
        """

    async def list_current(
        self,
        *,
        studies: Collection[StudyInstanceUid] | None = None,
        patient_id: str | None = None,
        local_patient_id: str | None = None,
        offset: int = 0,
        limit: int = 1000,
    ) -> CurrentPage:
        """List the current KOS of these studies, of one patient or of all; none is opened.

        patient_id is a CX, local_patient_id the Patient ID that the PACS had at publication.
        """

    async def find_manifests(
        self, kos: Collection[SopInstanceUid]
    ) -> Mapping[SopInstanceUid, Manifest]:
        """Read what these KOS say; an unknown one is left out."""


class Alerts(Protocol):
    """What an operator must look at."""

    async def raise_alert(self, alert: Alert) -> None:
        """Store one, once for the same kind, study and report while it is open.

        Where it names neither study nor report, once for the same kind and message.
        """

    async def find_open(self) -> tuple[Alert, ...]:
        """List open alerts, newest first."""

    async def close(self, alert_id: int) -> None:
        """Mark one as dealt with.

        Raises:
            NotFound: no such alert.
        """
