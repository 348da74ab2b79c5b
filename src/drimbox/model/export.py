"""One exam on its way to a local PACS or workstation (CO.60, CO.61, CO.78)."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from drimbox.model.export_syntax import ExportSyntax
from drimbox.model.uids import StudyInstanceUid


class ExportState(Enum):
    """Where an export stands; the value is the word of the pages' JSON."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        return self in {ExportState.DONE, ExportState.FAILED}


class ExportFailure(Enum):
    """Why an export failed, as far as its user can do something about it."""

    SOURCE_UNAVAILABLE = "source-unavailable"
    SOURCE_REFUSED = "source-refused"
    OTHER_PATIENT = "other-patient"  # CO.68
    DESTINATION_UNAVAILABLE = "destination-unavailable"
    DESTINATION_REFUSED = "destination-refused"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Export:
    """One export; stored and total count instances, user is the professional's national id.

    seen_at is when the process that does it last said so: one that says nothing any more is gone.
    syntax is what its user chose, None for what destination and modality want (CO.74, CO.75).
    """

    identifier: str
    context_identifier: str
    user: str
    study_instance_uid: StudyInstanceUid
    destination: str
    total: int
    requested_at: datetime
    state: ExportState = ExportState.QUEUED
    stored: int = 0
    finished_at: datetime | None = None
    failure: ExportFailure | None = None
    seen_at: datetime | None = None
    syntax: ExportSyntax | None = None
