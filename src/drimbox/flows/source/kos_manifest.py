"""What a KOS says of a study: from the report its patient and acts, from the PACS its series."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone, tzinfo

from drimbox.flows.source.publication_rules import PublicationRules
from drimbox.model.manifest import ImagingOrder, Manifest, ReferencedInstance, ReferencedSeries
from drimbox.model.practice import Structure
from drimbox.model.report import ImagingAct, ReportMessage
from drimbox.model.study import Series, Study
from drimbox.model.uids import SeriesInstanceUid, SopInstanceUid


@dataclass(frozen=True, slots=True)
class StudyToPublish:
    """One study with all that the report says of it; acts are those that name it, in order."""

    study: Study
    acts: tuple[ImagingAct, ...]
    order: ImagingOrder
    message: ReportMessage
    establishment: Structure


def build_manifest(
    subject: StudyToPublish,
    rules: PublicationRules,
    *,
    sop_instance_uid: SopInstanceUid,
    series_instance_uid: SeriesInstanceUid,
    created_at: datetime,
) -> Manifest:
    """Build the manifest of one study."""
    study = subject.study
    structure = _imaging_structure(subject)
    return Manifest(
        sop_instance_uid=sop_instance_uid,
        series_instance_uid=series_instance_uid,
        study_instance_uid=study.study_instance_uid,
        patient=subject.message.report.patient,
        order=subject.order,
        series=tuple(reference_series(one, study, rules) for one in study.series if one.instances),
        created_at=as_of_the_exam(created_at, study, rules.local_zone),
        study_date=study.study_date,
        study_time=study.study_time,
        study_description=study.study_description,
        study_id=study.study_id,
        referring_physician_name=study.referring_physician_name,
        institution_name=rules.institution_name or structure.name,
        institution_identifier=structure.identifier,
        act_display=_displays(subject.acts),
        pacs_patient=study.patient,
    )


def as_of_the_exam(moment: datetime, study: Study, zone: tzinfo) -> datetime:
    """Return the moment in the offset that the site had at the exam, the one offset of its KOS.

    Timezone Offset From UTC (0008,0201) holds for every time of an object (PS3.3 C.12.1.1.8), and
    Study Time among them is the site's own: a KOS made in winter moves no exam of the summer.
    """
    if study.study_date is None:
        return moment.astimezone(zone)
    exam = datetime.combine(study.study_date, study.study_time or time(12), zone)
    offset = exam.utcoffset() or timedelta()
    if offset % timedelta(minutes=1):
        # Before there were zones local time was off by seconds, which (0008,0201) cannot say.
        return moment.astimezone(zone)
    return moment.astimezone(timezone(offset))


def retrieve_url(host: str, study_instance_uid: str, series_instance_uid: str) -> str:
    """Return where a peer retrieves a series (RetrieveURL, WADO-RS)."""
    return f"https://{host}/dicom-web/studies/{study_instance_uid}/series/{series_instance_uid}"


def _imaging_structure(subject: StudyToPublish) -> Structure:
    """Return who made the images: the performer's structure, else the one that publishes."""
    performers = (act.structure for act in subject.acts)
    return next((p for p in performers if p is not None), subject.establishment)


def _displays(acts: Sequence[ImagingAct]) -> str:
    displays = (act.code.display or act.code.value for act in acts if act.code)
    return " + ".join(dict.fromkeys(displays))


def reference_series(series: Series, study: Study, rules: PublicationRules) -> ReferencedSeries:
    """Return what a KOS says of a series of the PACS."""
    return ReferencedSeries(
        series_instance_uid=series.series_instance_uid,
        retrieve_url=retrieve_url(
            rules.retrieve_url_host, study.study_instance_uid, series.series_instance_uid
        ),
        instances=tuple(
            ReferencedInstance(
                i.sop_instance_uid,
                i.sop_class_uid,
                i.instance_number,
                i.number_of_frames,
                i.image_size,
            )
            for i in series.instances
        ),
        modality=series.modality,
        series_number=series.series_number,
        series_description=series.series_description,
        retrieve_location_uid=rules.retrieve_location_uid,
    )
