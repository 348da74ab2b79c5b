"""A lot with every metadata it may have, and one with the least; the patient is invented."""

from dataclasses import replace
from datetime import UTC, datetime

from drimbox.model.document_entry import (
    Author,
    Document,
    DocumentEntry,
    ReferenceId,
    ReferenceIdKind,
    Submission,
    SubmissionSet,
)
from drimbox.model.patient import (
    AssigningAuthority,
    BirthDate,
    District,
    Gender,
    Ins,
    InsAuthority,
    LocalPatientId,
    PatientTraits,
    ins_control_key,
)
from drimbox.model.practice import Code, Practitioner, Structure
from drimbox.model.publication import AuthenticationMode, DmpIdentity
from drimbox.model.uids import Oid

STRUCTURE = "499700367909006"
INS = Ins("1800313032001" + ins_control_key("1800313032001"), InsAuthority.NIR_TEST)
PATIENT = PatientTraits(
    ins=INS,
    family_name="D'ESSAI",
    given_name="Zoé",
    gender=Gender.FEMALE,
    birth_date=BirthDate("19800300"),
    birth_place=District("13032"),
)
PHYSICIAN = Practitioner("899700367909", "DUPONT", "Jeanne")
DEVICE = Practitioner("899711256811", "DRIMbox", "1.0")
CLINIC = Structure(STRUCTURE, "Clinique des Bains & Thermes")
KOS = b"\x00" * 128 + b"DICM" + bytes(range(256)) * 8

ENTRY = DocumentEntry(
    unique_id="1.2.250.1.999.7.1",
    patient_id=INS.xds_patient_id,
    mime_type="application/dicom",
    title="Référence d'objets d'un examen d'imagerie",
    class_code=Code("31", "1.2.250.1.213.1.1.4.1", "Imagerie médicale"),
    type_code=Code("IMG-KOS", "1.2.250.1.213.1.1.4.12", "Référence d'objets"),
    format_code=Code("1.2.840.10008.5.1.4.1.1.88.59", "1.2.840.10008.2.6.1", "KOS"),
    confidentiality_codes=(
        Code("N", "2.16.840.1.113883.5.25", "Normal"),
        Code("MASQUE_PS", "1.2.250.1.213.1.1.4.13", "Masqué aux professionnels de santé"),
    ),
    event_codes=(
        Code("CT", "1.2.840.10008.2.16.4", "Tomodensitométrie"),
        Code("774007", "2.16.840.1.113883.6.96", "tête et cou"),
    ),
    facility_type=Code("SA01", "1.2.250.1.71.4.2.4", "Etablissement public de santé"),
    practice_setting=Code("AMBULATOIRE", "1.2.250.1.213.1.1.4.9", "Ambulatoire"),
    authors=(
        Author(
            person=DEVICE,
            structures=(CLINIC,),
            role="Système",
            speciality=Code("DISPOSITIF", "1.2.250.1.213.1.1.4.6", "Dispositif ^ auteur"),
            is_device=True,
        ),
        Author(person=PHYSICIAN),
    ),
    creation_time=datetime(2026, 11, 24, 10, 30, 5, tzinfo=UTC),
    comments="KOS",
    service_start_time=datetime(2026, 11, 24, 9, 0, tzinfo=UTC),
    service_stop_time=datetime(2026, 11, 24, 9, 20, tzinfo=UTC),
    source_patient_id=LocalPatientId("IPP-1", AssigningAuthority(None, Oid("1.2.250.1.999.5"))),
    source_patient=PATIENT,
    legal_authenticator=PHYSICIAN,
    reference_ids=(
        ReferenceId(
            "ACC|1",
            ReferenceIdKind.ACCESSION.value,
            AssigningAuthority(None, Oid("1.2.250.1.999.6")),
        ),
        ReferenceId("1.2.3.4", ReferenceIdKind.STUDY_INSTANCE_UID.value),
        ReferenceId("O^1", "urn:example:foreign"),
    ),
)
SUBMISSION_SET = SubmissionSet(
    unique_id="1.2.250.1.999.8.1",
    source_id="1.2.250.1.999.1",
    patient_id=INS.xds_patient_id,
    content_type=Code("07", "1.2.250.1.213.2.2", "Consultation"),
    authors=(Author(person=DEVICE, structures=(CLINIC,), is_device=True),),
    submission_time=datetime(2026, 11, 24, 10, 31, tzinfo=UTC),
    title="Examen d'imagerie",
)
MAXIMAL = Submission(SUBMISSION_SET, (Document(ENTRY, KOS),))
MINIMAL = Submission(
    replace(SUBMISSION_SET, authors=(), title=""),
    (
        Document(
            DocumentEntry(
                unique_id="1.2.3",
                patient_id=INS.xds_patient_id,
                mime_type="text/xml",
                title="",
                class_code=ENTRY.class_code,
                type_code=ENTRY.type_code,
                format_code=ENTRY.format_code,
                confidentiality_codes=(),
                event_codes=(),
                facility_type=None,
                practice_setting=None,
                authors=(),
                creation_time=ENTRY.creation_time,
            ),
            b"",
        ),
    ),
)
IDENTITY = DmpIdentity(
    mode=AuthenticationMode.INDIRECTE,
    patient_id=INS.xds_patient_id,
    user=PHYSICIAN,
    structure_identifier=STRUCTURE,
    sector="SA01",
    roles=(
        Code("10", "1.2.250.1.71.1.2.7", "Médecin"),
        Code("SM54", "1.2.250.1.71.4.2.5", "Radio-diagnostic (SM)"),
    ),
    authenticated_at=datetime(2026, 11, 24, 10, 0, tzinfo=UTC),
)
