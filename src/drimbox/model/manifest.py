"""What a KOS says: one study, its series and instances, and where to retrieve them."""

from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from urllib.parse import urlsplit

from drimbox.model.patient import Ins, PatientTraits
from drimbox.model.study import AccessionNumber, ImageSize, StudyPatient
from drimbox.model.uids import (
    Oid,
    SeriesInstanceUid,
    SopClassUid,
    SopInstanceUid,
    StudyInstanceUid,
)


@dataclass(frozen=True, slots=True)
class ReferencedInstance:
    """One line of Referenced SOP Sequence.

    number_of_frames and image_size are what the PACS told at publication; a KOS does not say them.
    """

    sop_instance_uid: SopInstanceUid
    sop_class_uid: SopClassUid
    instance_number: int | None = None
    number_of_frames: int | None = None
    image_size: ImageSize | None = None


@dataclass(frozen=True, slots=True)
class ReferencedSeries:
    """One line of Referenced Series Sequence; modality and description are read in the text."""

    series_instance_uid: SeriesInstanceUid
    retrieve_url: str
    instances: tuple[ReferencedInstance, ...]
    modality: str = ""
    series_number: int | None = None
    series_description: str = ""
    retrieve_location_uid: Oid | None = None

    @property
    def retrieve_host(self) -> str:
        """The host of retrieve_url, only to be looked up; an unreadable one is on no list."""
        return _host_of(self.retrieve_url)


@lru_cache(maxsize=4096)
def _host_of(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").casefold()
    except ValueError:
        return ""


@dataclass(frozen=True, slots=True)
class ImagingOrder:
    """The order a study fulfils: accession number, and placer order number where there is one."""

    accession_number: AccessionNumber | None
    placer_order_number: str | None = None
    placer_issuer: Oid | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A KOS, before it is encoded or after it was read.

    patient is None when what was read makes no qualified identity; ins is what it names even
    where the other traits are incomplete (None before encoding). created_at is aware. pacs_patient
    is the patient as our own PACS knows one, and as its images say; None for the KOS of others.
    """

    sop_instance_uid: SopInstanceUid
    series_instance_uid: SeriesInstanceUid
    study_instance_uid: StudyInstanceUid
    patient: PatientTraits | None
    order: ImagingOrder | None
    series: tuple[ReferencedSeries, ...]
    created_at: datetime
    study_date: date | None = None
    study_time: time | None = None
    study_description: str = ""
    study_id: str = ""
    referring_physician_name: str = ""
    institution_name: str = ""
    institution_identifier: str = ""
    act_display: str = ""
    ins: Ins | None = None
    pacs_patient: StudyPatient | None = None

    @property
    def modalities(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(s.modality for s in self.series if s.modality))

    def series_uids(self, asked: SeriesInstanceUid | None) -> list[SeriesInstanceUid]:
        """List its series, or only the one that is asked for, where it has that."""
        uids = [series.series_instance_uid for series in self.series]
        return uids if asked is None else [uid for uid in uids if uid == asked]

    @property
    def instance_count(self) -> int:
        return sum(len(s.instances) for s in self.series)
