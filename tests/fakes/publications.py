"""Publications and lots made up for tests: each study has its KOS number 1, 2, 3…"""

from dataclasses import replace
from datetime import UTC, datetime

from tests.fakes.manifests import made_up_ins, made_up_manifest

from drimbox.model.practice import Code, Practitioner
from drimbox.model.publication import (
    AuthenticationMode,
    DmpIdentity,
    EncodedDocument,
    EncodedSubmission,
    Publication,
    PublicationState,
)
from drimbox.model.uids import SopInstanceUid, StudyInstanceUid
from drimbox.ports.study_register import NewPublication

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PATIENT = made_up_ins().xds_patient_id


def made_up_identity() -> DmpIdentity:
    return DmpIdentity(
        mode=AuthenticationMode.INDIRECTE,
        patient_id=PATIENT,
        user=Practitioner("899900000001", "RADIO", "Léa"),
        structure_identifier="1330781360",
        sector="SA07",
        roles=(Code("10", "1.2.250.1.71.1.2.7", "Médecin"),),
        authenticated_at=NOON,
    )


def made_up_publication(
    *, study: int = 1, kos: int = 1, replaces: int | None = None, patient_id: str = PATIENT
) -> NewPublication:
    study_uid = StudyInstanceUid(f"1.2.250.1.999.7.{study}")
    kos_uid = SopInstanceUid(kos_number(study, kos))
    octets = f"the KOS {kos_uid}".encode() * 50
    publication = Publication(
        study_instance_uid=study_uid,
        kos_sop_instance_uid=kos_uid,
        patient_id=patient_id,
        manifest=replace(
            made_up_manifest(), study_instance_uid=study_uid, sop_instance_uid=kos_uid
        ),
        kos=octets,
        metadata=b"<metadata/>",
        report_ids=(f"2.25.4{study}.{kos}",),
        content_key=f"content {kos}",
        state=PublicationState.PENDING,
        created_at=NOON,
    )
    submission = EncodedSubmission(
        unique_id=f"1.2.250.1.999.9.{study}.{kos}",
        document_unique_id=kos_uid,
        document_hash="0a" * 20,
        metadata=b"<lcm:SubmitObjectsRequest/>",
        documents=(
            EncodedDocument("DocumentKOS", "application/dicom", octets),
            EncodedDocument("Signature01", "text/xml", b"<ds:Signature/>"),
        ),
        identity=replace(made_up_identity(), patient_id=patient_id),
        replaces=None if replaces is None else kos_number(study, replaces),
    )
    return NewPublication(publication, submission)


def kos_number(study: int, kos: int) -> str:
    return f"1.2.250.1.999.8.{study}.{kos}"
