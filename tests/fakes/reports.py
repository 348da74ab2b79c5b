"""Reports and their messages made up for tests, and the PACS studies they speak of."""

from dataclasses import replace
from datetime import UTC, date, datetime, time

from tests.fakes.manifests import CT, made_up_patient

from drimbox.model.manifest import ImagingOrder
from drimbox.model.patient import AssigningAuthority, LocalPatientId
from drimbox.model.practice import Code, Practitioner, Structure
from drimbox.model.study import AccessionNumber, Instance, Series, Study, StudyPatient
from drimbox.model.uids import Oid, SeriesInstanceUid, SopInstanceUid, StudyInstanceUid
from drimbox.sandbox.ris.report import RisReport, RisStudy
from drimbox.sandbox.ris.report_document import encode_report_document
from drimbox.sandbox.ris.report_message import Sending, encode_report_message

DCM = "1.2.840.10008.2.16.4"
SNOMED = "2.16.840.1.113883.6.96"
LOINC = "2.16.840.1.113883.6.1"
SITE = AssigningAuthority("SITE", Oid("1.2.250.1.999.10.1"))
ISSUER = Oid("1.2.250.1.999.10.2")
IPP = LocalPatientId("IPP101", SITE)
ACCESSION = AccessionNumber("ACN103", ISSUER)
ORDER = ImagingOrder(ACCESSION, "OPN7", Oid("1.2.250.1.999.10.3"))
STRUCTURE = Structure("1330781360", "Centre d'imagerie du Port")
RADIOLOGIST = Practitioner("899900000001", "RADIO", "Léa")
STUDY = RisStudy(
    study_instance_uid=StudyInstanceUid("1.2.250.1.999.7.1"),
    act=Code("24727-0", LOINC, "CT tête avec contraste IV"),
    modalities=(Code("CT", DCM, "Tomodensitométrie"),),
    anatomic_regions=(Code("774007", SNOMED, "tête et cou"),),
    started_at=datetime(2026, 11, 23, 8, 0, tzinfo=UTC),
    ended_at=datetime(2026, 11, 23, 8, 20, tzinfo=UTC),
    ccam=Code("ACQH004", "1.2.250.1.213.2.5", "Scanographie du crâne"),
)
REPORT = RisReport(
    document_id="1.2.250.1.999.45.1",
    set_id="1.2.250.1.999.45",
    created_at=datetime(2026, 11, 23, 10, 0, tzinfo=UTC),
    title="CR d'imagerie médicale - Scanner de la tête",
    sections=(("Conclusion", "Rien d'anormal."),),
    patient=made_up_patient(),
    local_patient_id=IPP,
    studies=(STUDY,),
    orders=(ORDER,),
    author=RADIOLOGIST,
    author_role=Code("G15_10/SM44", "1.2.250.1.213.1.1.4.5", "Médecin - Radio-diagnostic (SM)"),
    structure=STRUCTURE,
    facility_type=Code("SA08", "1.2.250.1.71.4.2.4", "Cabinet de groupe"),
    practice_setting=Code("AMBULATOIRE", "1.2.250.1.213.1.1.4.9", "Ambulatoire"),
    viewer_host="vi1.test.mesimagesmedicales.fr",
)
SENDING = Sending("MSG1", datetime(2026, 11, 23, 10, 1, tzinfo=UTC))
PACS_PATIENT = StudyPatient(
    patient_id=IPP, patient_name="PAQUERETTE^ZOE", birth_date="19790300", sex="F"
)


def message_of(
    report: RisReport = REPORT, sending: Sending = SENDING, document: bytes | None = None
) -> bytes:
    """Return a message; document is another CDA to carry than the report's own."""
    content = document if document is not None else encode_report_document(report)
    return encode_report_message(report, content, sending)


def study_in_pacs(
    study_instance_uid: str = STUDY.study_instance_uid,
    *,
    accession: AccessionNumber | None = ACCESSION,
    patient: StudyPatient = PACS_PATIENT,
    modalities: tuple[str, ...] = ("CT", "SR"),
    instances: int = 2,
) -> Study:
    """Return a study with one series for each modality."""
    uid = StudyInstanceUid(study_instance_uid)
    return Study(
        study_instance_uid=uid,
        patient=patient,
        accession_number=accession,
        series=tuple(
            _series(uid, number, modality, instances)
            for number, modality in enumerate(modalities, 1)
        ),
        study_date=date(2026, 11, 23),
        study_time=time(9, 0),
        study_description="TETE",
        study_id="7",
    )


def without_ipp(report: RisReport = REPORT) -> RisReport:
    return replace(report, local_patient_id=None)


def _series(study: StudyInstanceUid, number: int, modality: str, count: int) -> Series:
    uid = SeriesInstanceUid(f"{study}.{number}")
    return Series(
        series_instance_uid=uid,
        modality=modality,
        instances=tuple(Instance(SopInstanceUid(f"{uid}.{i}"), CT, i) for i in range(1, count + 1)),
        series_number=number,
        series_description=f"serie {number}",
    )
