"""Where images are fetched: our own DICOMweb address, never a Source's or a PACS's (spec 5.5).

The address is the base of the service (R4 example, MADO): WADO-RS paths follow from the UIDs. One
Endpoint for each Source box and location that a KOS names, since that tells sources apart.
"""

import hashlib
from dataclasses import dataclass

from drimbox.model.imaging_record import OWN_IMAGES, ImageSource
from drimbox.standards.fhir.code_systems import OID_PREFIX, Json
from drimbox.standards.fhir.organization import box_organization_id
from drimbox.standards.fhir.profiles import ENDPOINT_WADO

CONNECTION_TYPE = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"
PAYLOAD_TYPE = "http://terminology.hl7.org/CodeSystem/endpoint-payload-type"
RETRIEVE_LOCATION_UID = (
    "https://profiles.ihe.net/RAD/MADO/StructureDefinition/MadoRetrieveLocationUIDExtension"
)
_DEFAULT_ID = "dicom-web"
_MEDIA_TYPES = ("application/dicom", "application/octet-stream", "application/json", "image/jpeg")


@dataclass(frozen=True, slots=True)
class WadoEndpoint:
    """Our WADO-RS, for the series of one source."""

    address: str
    source: ImageSource = OWN_IMAGES

    @property
    def identifier(self) -> str:
        """The logical id; a location may be 64 characters long, so a digest stands for it."""
        if self.source == OWN_IMAGES:
            return _DEFAULT_ID
        box = self.source.box
        named = f"{box.db_host if box else ''} {self.source.location or ''}"
        return f"{_DEFAULT_ID}-{hashlib.sha256(named.encode()).hexdigest()[:32]}"

    @property
    def reference(self) -> str:
        return f"Endpoint/{self.identifier}"


def encode_endpoint(endpoint: WadoEndpoint) -> Json:
    written: Json = {
        "resourceType": "Endpoint",
        "id": endpoint.identifier,
        "meta": {"profile": [ENDPOINT_WADO]},
    }
    box, location = endpoint.source.box, endpoint.source.location
    if location is not None:
        written["extension"] = [{"url": RETRIEVE_LOCATION_UID, "valueString": location}]
        written["identifier"] = [{"system": "urn:ietf:rfc:3986", "value": OID_PREFIX + location}]
    written |= {
        "status": "active",
        "connectionType": {"system": CONNECTION_TYPE, "code": "dicom-wado-rs"},
        "name": f"DRIMbox DICOMweb : {box.name}" if box else "DRIMbox DICOMweb",
    }
    if box is not None:
        written["managingOrganization"] = {"reference": f"Organization/{box_organization_id(box)}"}
    return written | {
        "payloadType": [
            {
                "coding": [{"system": PAYLOAD_TYPE, "code": "none"}],
                "text": "DICOM WADO-RS",
            }
        ],
        "payloadMimeType": list(_MEDIA_TYPES),
        "address": endpoint.address,
    }
