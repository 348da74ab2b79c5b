"""What every object of a study says of its patient, study, series and equipment (PS3.3 C.7)."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from drimbox.model.patient import AssigningAuthority, LocalPatientId, PatientTraits
from drimbox.model.practice import Practitioner
from drimbox.model.study import Study, StudyPatient
from drimbox.sandbox.patients.made_up_uid import made_up_uid
from drimbox.sandbox.patients.scenario import ImageKind, ScenarioStudy

MANUFACTURER = "DRIMBOX SANDBOX"
IMPLEMENTATION_CLASS_UID = made_up_uid("implementation", "images")
UNICODE, LATIN_1 = "ISO_IR 192", "ISO_IR 100"


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """A study to draw: whose, which numbers, what it shows.

    study.series is not used: the kind of images tells the series. has_nodule: the one thing a
    chest radiograph may show.
    """

    study: Study
    images: ImageKind
    institution_name: str
    character_set: str = UNICODE
    has_nodule: bool = False


def facts_of(study: ScenarioStudy) -> StudyFacts:
    """Return what the PACS that holds the study knows of it."""
    old_machine = study.procedure.images is ImageKind.CARDIAC_ULTRASOUND
    return StudyFacts(
        study=Study(
            study_instance_uid=study.study_instance_uid,
            patient=_patient_of(study),
            accession_number=study.accession_number,
            series=(),
            study_date=study.started_at.date(),
            study_time=study.started_at.time().replace(tzinfo=None),
            study_description=study.procedure.description,
            study_id=str(study.number),
            referring_physician_name=person_name(study.requested_by.practitioner),
        ),
        images=study.procedure.images,
        institution_name=study.holder.establishment.name,
        character_set=LATIN_1 if old_machine else UNICODE,
        has_nodule=study.has_nodule,
    )


def _patient_of(study: ScenarioStudy) -> StudyPatient:
    traits = study.patient.traits
    return StudyPatient(
        patient_id=study.local_patient_id,
        patient_name=f"{traits.family_name}^{traits.given_name}",
        birth_date=traits.birth_date.value,
        sex=traits.gender.value,
        other_patient_ids=_other_ids(traits) if study.patient.is_ins_known_to_pacs else (),
    )


def _other_ids(traits: PatientTraits) -> tuple[LocalPatientId, ...]:
    authority = traits.ins.authority
    return (LocalPatientId(traits.ins.value, AssigningAuthority(authority.label, authority.oid)),)


def person_name(person: Practitioner) -> str:
    """Return the PN of a professional."""
    return f"{person.family_name}^{person.given_name}"


def new_object(facts: StudyFacts, sop_class: str, syntax: str) -> Dataset:
    """Return a data set with its file meta information, patient and study."""
    item = Dataset()
    item.file_meta = FileMetaDataset()
    item.file_meta.TransferSyntaxUID = UID(syntax)
    item.file_meta.MediaStorageSOPClassUID = UID(sop_class)
    item.file_meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    item.SpecificCharacterSet = facts.character_set
    item.SOPClassUID = UID(sop_class)
    _put_patient(item, facts.study.patient)
    _put_study(item, facts)
    return item


def _put_patient(item: Dataset, patient: StudyPatient) -> None:
    item.PatientName = patient.patient_name
    item.PatientBirthDate = patient.birth_date
    item.PatientSex = patient.sex
    item.PatientID = patient.patient_id.value if patient.patient_id else ""
    if patient.patient_id:
        _put_issuer(item, patient.patient_id)
    if patient.other_patient_ids:
        item.OtherPatientIDsSequence = Sequence(
            [_other_patient_id(other) for other in patient.other_patient_ids]
        )


def _other_patient_id(identifier: LocalPatientId) -> Dataset:
    item = Dataset()
    item.PatientID = identifier.value
    item.TypeOfPatientID = "TEXT"
    _put_issuer(item, identifier)
    return item


def _put_issuer(item: Dataset, identifier: LocalPatientId) -> None:
    if identifier.issuer is None:
        return
    if identifier.issuer.namespace_id:
        item.IssuerOfPatientID = identifier.issuer.namespace_id
    if identifier.issuer.universal_id:
        qualifiers = Dataset()
        qualifiers.UniversalEntityID = str(identifier.issuer.universal_id)
        qualifiers.UniversalEntityIDType = "ISO"
        item.IssuerOfPatientIDQualifiersSequence = Sequence([qualifiers])


def _put_study(item: Dataset, facts: StudyFacts) -> None:
    study = facts.study
    item.StudyInstanceUID = str(study.study_instance_uid)
    item.StudyDate = study.study_date.strftime("%Y%m%d") if study.study_date else ""
    item.StudyTime = study.study_time.strftime("%H%M%S") if study.study_time else ""
    item.StudyID = study.study_id
    item.StudyDescription = study.study_description
    item.ReferringPhysicianName = study.referring_physician_name
    item.InstitutionName = facts.institution_name
    item.AccessionNumber = study.accession_number.value if study.accession_number else ""
    if study.accession_number and study.accession_number.issuer:
        issuer = Dataset()
        issuer.UniversalEntityID = str(study.accession_number.issuer)
        issuer.UniversalEntityIDType = "ISO"
        item.IssuerOfAccessionNumberSequence = Sequence([issuer])


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """One series of a drawn study; minutes is when it began, after the study."""

    number: int
    modality: str
    description: str
    minutes: int
    model_name: str


def put_series(item: Dataset, facts: StudyFacts, series: SeriesFacts, index: int) -> None:
    """Add series, equipment and instance numbers; index counts from 0."""
    study_uid = str(facts.study.study_instance_uid)
    item.Modality = series.modality
    item.SeriesInstanceUID = made_up_uid(study_uid, series.number)
    item.SeriesNumber = series.number
    item.SeriesDescription = series.description
    item.SOPInstanceUID = made_up_uid(study_uid, series.number, index)
    item.file_meta.MediaStorageSOPInstanceUID = item.SOPInstanceUID
    item.InstanceNumber = index + 1
    item.Manufacturer = MANUFACTURER
    item.ManufacturerModelName = series.model_name
    item.DeviceSerialNumber = "0001"
    item.SoftwareVersions = "1"
    began = _instant(facts.study, series.minutes)
    item.SeriesDate, item.SeriesTime = began.strftime("%Y%m%d"), began.strftime("%H%M%S")
    taken = began + timedelta(milliseconds=400 * index)
    item.ContentDate, item.ContentTime = taken.strftime("%Y%m%d"), taken.strftime("%H%M%S.%f")
    if series.modality not in {"SR", "DOC", "KO"}:
        item.AcquisitionDate, item.AcquisitionTime = item.ContentDate, item.ContentTime


def _instant(study: Study, minutes: int) -> datetime:
    day = study.study_date or datetime(2026, 1, 1).date()  # noqa: DTZ001
    return datetime.combine(day, study.study_time or time(8)) + timedelta(minutes=minutes)


def code_item(value: str, scheme: str, meaning: str) -> Dataset:
    """Return one item of a code sequence (PS3.3 8.8)."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item
