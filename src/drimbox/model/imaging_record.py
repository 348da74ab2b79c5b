"""One exam as FHIR callers see it: whose it is, the metadata of its KOS, and the KOS where read."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from drimbox.errors import DrimboxError
from drimbox.model.access import Peer
from drimbox.model.document_entry import AvailabilityStatus, DocumentEntry
from drimbox.model.manifest import ReferencedSeries
from drimbox.model.patient import LocalPatientId, PatientTraits
from drimbox.model.prior_study import PriorStudy
from drimbox.model.uids import Oid, StudyInstanceUid

_LOGICAL_ID = re.compile(r"[A-Za-z0-9.-]{1,64}\Z", re.ASCII)
_UUID_PREFIX = "urn:uuid:"
# What the logical id of a derived manifest begins with: a UID of 64 characters has no room for
# more, so that a letter stands for its first two characters.
_DERIVED_PREFIX = "f-"
_NO_LONGER_SHARED = frozenset({AvailabilityStatus.DEPRECATED, AvailabilityStatus.DELETED})
_LETTERS = {"0.": "k", "1.": "l", "2.": "m"}


@dataclass(frozen=True, slots=True)
class Subject:
    """A patient; identifier is the opaque logical id by which our addresses name one."""

    identifier: str
    traits: PatientTraits
    local_patient_id: LocalPatientId | None = None

    def __repr__(self) -> str:
        return "Subject()"


@dataclass(frozen=True, slots=True)
class ImageSource:
    """Where series come from: a box of the white list, and the location that the KOS names.

    box is None for what this box holds itself, and for a host that no list names.
    """

    box: Peer | None = None
    location: Oid | None = None


OWN_IMAGES = ImageSource()


@dataclass(frozen=True, slots=True)
class ImagePlaces:
    """Where images come from, and the exams that this box's viewer opens."""

    sources: tuple[ImageSource, ...]
    viewed: tuple[StudyInstanceUid, ...] = ()


@dataclass(frozen=True, slots=True)
class ImagingRecord:
    """study is None where only the metadata were asked for, or the KOS could not be read.

    failure says why it could not.
    updated_at is when these metadata came to be as they are (aware). boxes are the boxes of the
    white list that the KOS names, by host. superseded_ids are the logical ids of other KOS of the
    same study; replaces those of the documents that this one replaced, where they were asked for.
    made_of is the record of the KOS where this is the FHIR manifest made of it. has_viewer where
    people look at exams in this box.
    """

    subject: Subject
    document: DocumentEntry
    updated_at: datetime
    study: PriorStudy | None = None
    boxes: Mapping[str, Peer] = field(default_factory=dict)
    superseded_ids: tuple[str, ...] = ()
    made_of: "ImagingRecord | None" = None
    failure: DrimboxError | None = None
    replaces: tuple[str, ...] = ()
    has_viewer: bool = False

    def __repr__(self) -> str:
        return f"ImagingRecord({self.document.unique_id})"

    @property
    def is_derived(self) -> bool:
        return self.made_of is not None

    @property
    def kos_id(self) -> str:
        """The logical id of the KOS: the entryUUID, else the uniqueId (FHIR R4 `id`)."""
        return logical_id(self.document)

    @property
    def document_id(self) -> str:
        """The logical id of this document."""
        return derived_id(self.kos_id) if self.is_derived else self.kos_id

    @property
    def is_viewed(self) -> bool:
        """Whether this box's viewer opens the exam: what is no longer shared it does not."""
        return self.has_viewer and self.document.status not in _NO_LONGER_SHARED

    @property
    def image_sources(self) -> tuple[ImageSource, ...]:
        """Where the series are retrieved from, each once."""
        series = self.study.manifest.series if self.study is not None else ()
        return tuple(dict.fromkeys(self.source_of(one) for one in series))

    def source_of(self, series: ReferencedSeries) -> ImageSource:
        box = self.boxes.get(series.retrieve_host) if self.boxes else None
        if box is None and series.retrieve_location_uid is None:
            return OWN_IMAGES
        return ImageSource(box, series.retrieve_location_uid)


def logical_id_of(entry_uuid: str) -> str:
    return entry_uuid.removeprefix(_UUID_PREFIX).lower()


def logical_id(document: DocumentEntry) -> str:
    """Return the id by which our addresses name a registered document."""
    if document.entry_uuid is not None:
        return logical_id_of(document.entry_uuid)
    if _LOGICAL_ID.match(document.unique_id):
        return document.unique_id
    return hashlib.sha256(document.unique_id.encode()).hexdigest()[:40]


def derived_id(kos_id: str) -> str:
    """Return the id of the FHIR manifest made of a KOS; kos_id_of undoes it."""
    letter = _LETTERS.get(kos_id[:2])
    return letter + kos_id[2:] if letter else _DERIVED_PREFIX + kos_id


def kos_id_of(identifier: str) -> str | None:
    """Return the id of the KOS that a FHIR manifest is made of; None where it is no such id."""
    if identifier.startswith(_DERIVED_PREFIX):
        return identifier.removeprefix(_DERIVED_PREFIX)
    start = next((s for s, letter in _LETTERS.items() if identifier.startswith(letter)), None)
    return start + identifier[1:] if start else None


def one_a_study(records: Iterable[ImagingRecord]) -> list[ImagingRecord]:
    """Keep one KOS a study: the newest, of those in force where there are any."""
    by_study: dict[StudyInstanceUid, list[ImagingRecord]] = {}
    for record in records:
        if record.study is not None:
            by_study.setdefault(record.study.study_instance_uid, []).append(record)
    kept = []
    for same in by_study.values():
        same.sort(key=_precedence, reverse=True)
        older = tuple(record.kos_id for record in same[1:])
        kept.append(replace(same[0], superseded_ids=older) if older else same[0])
    return kept


def _precedence(record: ImagingRecord) -> tuple[bool, float]:
    is_in_force = record.document.status is not AvailabilityStatus.DEPRECATED
    return is_in_force, record.document.creation_time.timestamp()
