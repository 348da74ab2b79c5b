"""How submitted objects become registered ones: entryUUIDs, lid, version, repository (TF-3 4.2)."""

import copy
import uuid
from collections.abc import Iterable, Mapping
from typing import Final

from lxml import etree

from drimbox.sandbox.dmp.names import APPROVED, RIM, qualified

_REFERRING: Final = (
    "id",
    "classifiedObject",
    "registryObject",
    "sourceObject",
    "targetObject",
)
_SLOT: Final = qualified(RIM, "Slot")
_VERSION_INFO: Final = qualified(RIM, "VersionInfo")
_BEFORE_VERSION: Final = (_SLOT, qualified(RIM, "Name"), qualified(RIM, "Description"))


def new_uuid() -> str:
    return f"urn:uuid:{uuid.uuid4()}"


def assign_uuids(elements: Iterable[etree._Element]) -> dict[str, str]:
    """Return the registered id of every symbolic id that these objects and their parts carry.

    An id that is a urn:uuid already stays as it is.
    """
    ids = (part.get("id", "") for element in elements for part in element.iter(etree.Element))
    return {name: name if name.startswith("urn:uuid:") else new_uuid() for name in ids if name}


def registered(element: etree._Element, uuids: Mapping[str, str]) -> etree._Element:
    """Return a copy of an object that stands alone, with every symbolic id replaced."""
    copied = copy.deepcopy(element)
    copied.tail = None
    for part in copied.iter(etree.Element):
        for name in _REFERRING:
            value = part.get(name)
            if value is not None:
                part.set(name, uuids.get(value, value))
    etree.cleanup_namespaces(copied)
    return copied


def complete_entry(
    entry: etree._Element, *, logical_id: str, version: int, slots: Mapping[str, str]
) -> None:
    """Write what the registry and the repository add: lid, version, and single-valued slots."""
    entry.set("lid", logical_id)
    entry.set("status", APPROVED)
    for name, value in slots.items():
        set_slot(entry, name, value)
    info = entry.find(_VERSION_INFO)
    if info is None:
        info = etree.Element(_VERSION_INFO)
        position = sum(1 for child in entry if child.tag in _BEFORE_VERSION)
        entry.insert(position, info)
    info.set("versionName", str(version))


def set_slot(element: etree._Element, name: str, value: str) -> None:
    """Give a slot its one value; a new one stands first, as the schema wants."""
    slot = next((s for s in element.iterchildren(_SLOT) if s.get("name") == name), None)
    if slot is None:
        slot = etree.Element(_SLOT, name=name)
        element.insert(0, slot)
    for child in list(slot):
        slot.remove(child)
    values = etree.SubElement(slot, qualified(RIM, "ValueList"))
    etree.SubElement(values, qualified(RIM, "Value")).text = value
