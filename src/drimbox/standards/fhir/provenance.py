"""Where a resource that we derive comes from: the KOS, the box that read it (IHE mXDE 1.3).

One Provenance a KOS: its targets are what we make of it, its sources the documents read, its agents
this box, and who made and signed the KOS.
"""

from drimbox.model.imaging_record import ImagingRecord, derived_id
from drimbox.standards.fhir.code_systems import Json, concept
from drimbox.standards.fhir.date_times import instant
from drimbox.standards.fhir.organization import DEVICE_ID
from drimbox.standards.fhir.people import agents_of
from drimbox.standards.fhir.version import version_of

_POLICY = "urn:ihe:iti:mxde:2023:document-provenance-policy"
_AGENT_TYPE = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


def encode_provenance(record: ImagingRecord) -> Json:
    """Return the Provenance of a record whose KOS was read."""
    study = record.study
    assert study is not None  # noqa: S101  # the callers ask for records with a KOS
    sources = (record.kos_id, *record.superseded_ids)
    return {
        "resourceType": "Provenance",
        "id": record.kos_id,
        "meta": {"versionId": version_of(record), "lastUpdated": instant(record.updated_at)},
        "target": [
            {"reference": f"ImagingStudy/{study.study_instance_uid}"},
            {"reference": f"DocumentReference/{derived_id(record.kos_id)}"},
        ],
        "recorded": instant(record.updated_at),
        "policy": [_POLICY],
        "agent": [
            {"type": concept(_AGENT_TYPE, part), "who": {"reference": who}}
            for part, who in (("assembler", f"Device/{DEVICE_ID}"), *agents_of(record))
        ],
        "entity": [
            {"role": "source", "what": {"reference": f"DocumentReference/{source}"}}
            for source in sources
        ],
    }
