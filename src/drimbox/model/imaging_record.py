"""One exam as FHIR callers see it: whose it is, the metadata of its KOS, and the KOS where read."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from drimbox.model.document_entry import DocumentEntry
from drimbox.model.patient import LocalPatientId, PatientTraits
from drimbox.model.prior_study import PriorStudy
from drimbox.model.uids import Oid

_LOGICAL_ID = re.compile(r"[A-Za-z0-9.-]{1,64}\Z", re.ASCII)
_UUID_PREFIX = "urn:uuid:"


@dataclass(frozen=True, slots=True)
class Subject:
    """A patient; identifier is the opaque logical id by which our addresses name one."""

    identifier: str
    traits: PatientTraits
    local_patient_id: LocalPatientId | None = None

    def __repr__(self) -> str:
        return "Subject()"


@dataclass(frozen=True, slots=True)
class ImagingRecord:
    """study is None where only the metadata were asked for, or the KOS could not be read.

    updated_at is when these metadata came to be as they are (aware).
    """

    subject: Subject
    document: DocumentEntry
    updated_at: datetime
    study: PriorStudy | None = None

    def __repr__(self) -> str:
        return f"ImagingRecord({self.document.unique_id})"

    @property
    def document_id(self) -> str:
        """The logical id of the document: the entryUUID, else the uniqueId (FHIR R4 `id`)."""
        document = self.document
        if document.entry_uuid is not None:
            return document.entry_uuid.removeprefix(_UUID_PREFIX).lower()
        if _LOGICAL_ID.match(document.unique_id):
            return document.unique_id
        return hashlib.sha256(document.unique_id.encode()).hexdigest()[:40]

    @property
    def retrieve_locations(self) -> tuple[Oid | None, ...]:
        """Where the series are retrieved from, each once; None where the KOS names no location."""
        series = self.study.manifest.series if self.study is not None else ()
        return tuple(dict.fromkeys(one.retrieve_location_uid for one in series))
