"""Where images are fetched: our own DICOMweb address, never a Source's or a PACS's (spec 5.5).

The address is the base of the service (R4 example, MADO): WADO-RS paths follow from the UIDs. One
Endpoint for each location that a KOS names, since that is what tells locations apart.
"""

import hashlib
from dataclasses import dataclass

from drimbox.model.uids import Oid
from drimbox.standards.fhir.code_systems import OID_PREFIX, Json

CONNECTION_TYPE = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"
PAYLOAD_TYPE = "http://terminology.hl7.org/CodeSystem/endpoint-payload-type"
RETRIEVE_LOCATION_UID = (
    "https://profiles.ihe.net/RAD/MADO/StructureDefinition/MadoRetrieveLocationUIDExtension"
)
_DEFAULT_ID = "dicom-web"
_MEDIA_TYPES = ("application/dicom", "image/jpeg", "application/octet-stream")


@dataclass(frozen=True, slots=True)
class WadoEndpoint:
    """Our WADO-RS, for the series of one location (None where a KOS names none)."""

    address: str
    location: Oid | None = None

    @property
    def identifier(self) -> str:
        """The logical id; a location may be 64 characters long, so a digest stands for it."""
        if self.location is None:
            return _DEFAULT_ID
        return f"{_DEFAULT_ID}-{hashlib.sha256(self.location.encode()).hexdigest()[:32]}"

    @property
    def reference(self) -> str:
        return f"Endpoint/{self.identifier}"


def encode_endpoint(endpoint: WadoEndpoint) -> Json:
    written: Json = {"resourceType": "Endpoint", "id": endpoint.identifier}
    if endpoint.location is not None:
        written["extension"] = [{"url": RETRIEVE_LOCATION_UID, "valueString": endpoint.location}]
        written["identifier"] = [
            {"system": "urn:ietf:rfc:3986", "value": OID_PREFIX + endpoint.location}
        ]
    return written | {
        "status": "active",
        "connectionType": {"system": CONNECTION_TYPE, "code": "dicom-wado-rs"},
        "name": "DRIMbox DICOMweb",
        "payloadType": [
            {
                "coding": [{"system": PAYLOAD_TYPE, "code": "none"}],
                "text": "DICOM WADO-RS",
            }
        ],
        "payloadMimeType": list(_MEDIA_TYPES),
        "address": endpoint.address,
    }
