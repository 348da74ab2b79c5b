"""What is not contained: the establishments of this box, the boxes of the white list, the box."""

import hashlib
import re

from drimbox.model.access import Peer
from drimbox.model.practice import NATIONAL_STRUCTURE_AUTHORITY, Structure
from drimbox.standards.fhir.code_systems import FR_IDENTIFIER_TYPE, Json, concept, uri_of

DEVICE_ID = "drimbox"
# MADO: the device that made a manifest (CodeSystem MadoDeviceType).
_MANIFEST_CREATOR = "https://profiles.ihe.net/RAD/MADO/CodeSystem/MadoDeviceType"
_LOGICAL_ID = re.compile(r"[A-Za-z0-9.-]{1,54}\Z", re.ASCII)
_NATIONAL_STRUCTURE = concept(FR_IDENTIFIER_TYPE, "IDNST")


def box_organization_id(box: Peer) -> str:
    """Return the logical id of who runs a box of the white list."""
    if _LOGICAL_ID.match(box.identifier):
        return f"box-{box.identifier}"
    return f"box-{hashlib.sha256(box.identifier.encode()).hexdigest()[:32]}"


def structure_organization_id(structure: Structure) -> str:
    """Return the logical id of an establishment: Struct_IdNat is one already."""
    return f"structure-{structure.identifier}"


def encode_box_organization(box: Peer) -> Json:
    return {
        "resourceType": "Organization",
        "id": box_organization_id(box),
        "active": True,
        "name": box.name or box.db_host,
    }


def encode_structure(structure: Structure) -> Json:
    return {
        "resourceType": "Organization",
        "id": structure_organization_id(structure),
        "identifier": [structure_identifier(structure)],
        "active": True,
        "name": structure.name or structure.identifier,
    }


def structure_identifier(structure: Structure) -> Json:
    """Return a structure's identifier, of type IDNST where it is the national one."""
    is_national = structure.authority == NATIONAL_STRUCTURE_AUTHORITY
    kind: Json = {"type": _NATIONAL_STRUCTURE} if is_national else {}
    return {**kind, "system": uri_of(structure.authority), "value": structure.identifier}


def encode_device(version: str, owner: Structure | None) -> Json:
    """Return this very box: what derives resources from a KOS (MADO creator, mXDE assembler)."""
    device: Json = {
        "resourceType": "Device",
        "id": DEVICE_ID,
        "status": "active",
        "manufacturer": "drimbox",
        "deviceName": [{"name": "DRIMbox", "type": "user-friendly-name"}],
        "type": concept(_MANIFEST_CREATOR, "mado-creator"),
        "version": [{"value": version}],
    }
    if owner is not None:
        device["owner"] = {"reference": f"Organization/{structure_organization_id(owner)}"}
    return device
