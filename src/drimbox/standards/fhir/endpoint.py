"""Where images are fetched, and where they are looked at: this box, no Source, no PACS (spec 5.5).

WADO-RS   the base of our DICOMweb (R4 example, MADO): paths follow from the UIDs. One Endpoint for
          each Source box and location that a KOS names, since that tells sources apart.
viewer    one for each exam: an address that opens it in a browser, once, made at each reading.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from drimbox.model.imaging_record import OWN_IMAGES, ImageSource
from drimbox.model.uids import StudyInstanceUid
from drimbox.standards.fhir.code_systems import OID_PREFIX, Json
from drimbox.standards.fhir.date_times import instant
from drimbox.standards.fhir.organization import box_organization_id
from drimbox.standards.fhir.profiles import ENDPOINT_VIEWER, ENDPOINT_WADO

CONNECTION_TYPE = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"
WADO_CONNECTION, VIEWER_CONNECTION = "dicom-wado-rs", "ihe-iid"
PAYLOAD_TYPE = "http://terminology.hl7.org/CodeSystem/endpoint-payload-type"
RETRIEVE_LOCATION_UID = (
    "https://profiles.ihe.net/RAD/MADO/StructureDefinition/MadoRetrieveLocationUIDExtension"
)
# Argonaut SMART Imaging Access 0.1.0: the token of the search opens the address too.
_SMART_IMAGING = "http://fhir.org/argonaut/smart-imaging/StructureDefinition"
NEEDS_TOKEN = f"{_SMART_IMAGING}/requires-access-token"
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


@dataclass(frozen=True, slots=True)
class ViewerEndpoint:
    """Our viewer, for one exam; the address is good until expires_at (aware)."""

    study: StudyInstanceUid
    address: str
    expires_at: datetime

    @property
    def identifier(self) -> str:
        return viewer_id(self.study)


AnyEndpoint = WadoEndpoint | ViewerEndpoint


def viewer_id(study: StudyInstanceUid) -> str:
    """Return the logical id of the viewer of an exam: a UID may leave no room for a prefix."""
    return f"viewer-{hashlib.sha256(study.encode()).hexdigest()[:32]}"


def encode_endpoint(endpoint: AnyEndpoint) -> Json:
    if isinstance(endpoint, ViewerEndpoint):
        return _viewer(endpoint)
    return _wado(endpoint)


def _viewer(endpoint: ViewerEndpoint) -> Json:
    """The page wants a person's session, not a token: what the extension says is of no use."""
    return {
        "resourceType": "Endpoint",
        "id": endpoint.identifier,
        "meta": {"profile": [ENDPOINT_VIEWER]},
        "status": "active",
        "connectionType": {"system": CONNECTION_TYPE, "code": VIEWER_CONNECTION},
        "name": "Visionneuse de la DRIMbox",
        "period": {"end": instant(endpoint.expires_at)},
        "payloadType": [
            {"coding": [{"system": PAYLOAD_TYPE, "code": "none"}], "text": "Visionneuse"}
        ],
        "payloadMimeType": ["text/html"],
        "address": endpoint.address,
    }


def _wado(endpoint: WadoEndpoint) -> Json:
    written: Json = {
        "resourceType": "Endpoint",
        "id": endpoint.identifier,
        "meta": {"profile": [ENDPOINT_WADO]},
    }
    box, location = endpoint.source.box, endpoint.source.location
    extensions: list[Json] = [{"url": NEEDS_TOKEN, "valueBoolean": True}]
    written["extension"] = extensions
    if location is not None:
        extensions.append({"url": RETRIEVE_LOCATION_UID, "valueString": location})
        written["identifier"] = [{"system": "urn:ietf:rfc:3986", "value": OID_PREFIX + location}]
    written |= {
        "status": "active",
        "connectionType": {"system": CONNECTION_TYPE, "code": WADO_CONNECTION},
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
