"""Records made up for FHIR tests: the richest one, and what may be missing of it."""

from dataclasses import replace
from datetime import UTC, datetime

from tests.fakes.fake_dmp_consultation import kos_entry
from tests.fakes.manifests import made_up_manifest, made_up_patient
from tests.fakes.submissions import CLINIC, DEVICE, PHYSICIAN

from drimbox.model.document_entry import (
    Author,
    AvailabilityStatus,
    DocumentEntry,
    ReferenceId,
    ReferenceIdKind,
)
from drimbox.model.imaging_record import ImagingRecord, Subject
from drimbox.model.manifest import Manifest
from drimbox.model.patient import AssigningAuthority, LocalPatientId
from drimbox.model.practice import Code, Structure
from drimbox.model.prior_study import PriorStudy
from drimbox.model.uids import Oid

IPP = LocalPatientId("C001-2026", AssigningAuthority("CLINIQUE", Oid("1.2.250.1.999.20.1")))
SUBJECT = Subject("p-1", made_up_patient(), IPP)
ENTRY_UUID = "urn:uuid:2F5A6B1C-6A52-4bb0-9e41-0d2b8a5c0001"
MOMENT = datetime(2026, 7, 14, 7, 30, 5, tzinfo=UTC)


def made_up_document(manifest: Manifest, **changes: object) -> DocumentEntry:
    """Return metadata with everything that XDS has for a KOS."""
    entry = kos_entry(manifest, ["774007"])
    values: dict[str, object] = {
        "entry_uuid": ENTRY_UUID,
        "logical_id": ENTRY_UUID,
        "version_name": "1",
        "status": AvailabilityStatus.APPROVED,
        "size": 8146,
        "hash_hex": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "comments": "Images du thorax",
        "confidentiality_codes": (
            Code("N", "2.16.840.1.113883.5.25", "Normal"),
            Code("MASQUE_PS", "1.2.250.1.213.1.1.4.13", "Masqué aux professionnels de santé"),
        ),
        "event_codes": (*entry.event_codes, Code("ZBQK002", "1.2.250.1.213.2.5", "Radiographie")),
        "facility_type": Code("SA07", "1.2.250.1.71.4.2.4", "Cabinet de groupe"),
        "practice_setting": Code("AMBULATOIRE", "1.2.250.1.213.1.1.4.9", "Ambulatoire"),
        "authors": (
            Author(
                PHYSICIAN,
                (CLINIC, Structure("1330781360", "Autre site")),
                "Radiologue",
                Code("G15_10/SM44", "1.2.250.1.213.1.1.4.5", "Médecin - Radiologie"),
            ),
            Author(DEVICE, (CLINIC,), is_device=True),
            Author(None, (Structure("", "Sans identifiant"),)),
        ),
        "legal_authenticator": PHYSICIAN,
        "source_patient_id": IPP,
        "source_patient": made_up_patient(),
        "service_stop_time": datetime(2026, 7, 13, 17, 0, tzinfo=UTC),
        "reference_ids": (
            *entry.reference_ids,
            ReferenceId(
                str(manifest.study_instance_uid),
                ReferenceIdKind.STUDY_INSTANCE_UID.value,
                AssigningAuthority(universal_id=Oid("1.2.3.4.5.6")),
            ),
            ReferenceId(
                "ORD-77",
                ReferenceIdKind.ORDER.value,
                AssigningAuthority(universal_id=Oid("1.2.250.1.999.2")),
            ),
        ),
    }
    return replace(entry, **(values | changes))  # type: ignore[arg-type]


def made_up_record(manifest: Manifest | None = None, **changes: object) -> ImagingRecord:
    """Return a record; changes are those of its metadata."""
    manifest = manifest or made_up_manifest()
    document = made_up_document(manifest, **changes)
    return ImagingRecord(SUBJECT, document, MOMENT, PriorStudy(manifest, document, b"kos"))
