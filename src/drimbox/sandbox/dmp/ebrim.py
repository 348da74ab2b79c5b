"""Registry objects as the judges read them: slots, classifications, identifiers (ebRIM 3.0)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from lxml import etree

from drimbox.sandbox.dmp.names import RIM, qualified

_SLOT = qualified(RIM, "Slot")
_VALUE = qualified(RIM, "Value")
_VALUE_LIST = qualified(RIM, "ValueList")
CLASSIFICATION = qualified(RIM, "Classification")
_EXTERNAL_IDENTIFIER = qualified(RIM, "ExternalIdentifier")
EXTRINSIC_OBJECT = qualified(RIM, "ExtrinsicObject")
REGISTRY_PACKAGE = qualified(RIM, "RegistryPackage")
ASSOCIATION = qualified(RIM, "Association")

_T = TypeVar("_T")
Slots = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Classification:
    """A code (scheme, code system, code, display), an author (slots) or a node."""

    scheme: str
    node: str
    code: str
    classified_object: str
    display: str
    slots: Slots
    repeated_slots: tuple[str, ...]

    @property
    def coding_scheme(self) -> str:
        return only(self.slots.get("codingScheme", ())) or ""


@dataclass(frozen=True, slots=True)
class Identifier:
    """One ExternalIdentifier."""

    scheme: str
    value: str
    registry_object: str
    name: str


@dataclass(frozen=True, slots=True)
class RegistryObject:
    """One ExtrinsicObject, RegistryPackage or Association; element is what it was read from."""

    element: etree._Element = field(repr=False)
    object_id: str
    slots: Slots
    repeated_slots: tuple[str, ...]
    title: str
    classifications: tuple[Classification, ...]
    identifiers: tuple[Identifier, ...]

    def attribute(self, name: str) -> str:
        return self.element.get(name) or ""

    def slot(self, name: str) -> str:
        """Return the single value of a slot, or "" when there is none or there are several."""
        return only(self.slots.get(name, ())) or ""

    def codes(self, scheme: str) -> tuple[Classification, ...]:
        return tuple(c for c in self.classifications if c.scheme == scheme)

    def code(self, scheme: str) -> Classification | None:
        return only(self.codes(scheme))

    def identifier(self, scheme: str) -> str:
        """Return the value of the only identifier of this scheme, else ""."""
        return only(tuple(i.value for i in self.identifiers if i.scheme == scheme)) or ""

    @property
    def version(self) -> int:
        """VersionInfo/@versionName; 0 where there is none that counts."""
        info = self.element.find(qualified(RIM, "VersionInfo"))
        name = "" if info is None else info.get("versionName", "")
        return int(name) if name.isdecimal() else 0


def only(values: tuple[_T, ...]) -> _T | None:
    return values[0] if len(values) == 1 else None


def part(element: etree._Element, path: str) -> etree._Element:
    """Return a descendant that the judged structure guarantees."""
    found = element.find(path)
    if found is None:
        raise LookupError(path)
    return found


def read_object(element: etree._Element) -> RegistryObject:
    """Read one registry object; structure was judged before."""
    slots, repeated = _slots(element)
    return RegistryObject(
        element=element,
        object_id=element.get("id", ""),
        slots=slots,
        repeated_slots=repeated,
        title=_name(element),
        classifications=tuple(read_classification(c) for c in element.iterchildren(CLASSIFICATION)),
        identifiers=tuple(_identifier(i) for i in element.iterchildren(_EXTERNAL_IDENTIFIER)),
    )


def read_objects(objects: etree._Element, tag: str) -> tuple[RegistryObject, ...]:
    """Read every object of one kind of a RegistryObjectList, in its order."""
    return tuple(read_object(child) for child in objects.iterchildren(tag))


def read_classification(element: etree._Element) -> Classification:
    slots, repeated = _slots(element)
    return Classification(
        scheme=element.get("classificationScheme", ""),
        node=element.get("classificationNode", ""),
        code=element.get("nodeRepresentation", ""),
        classified_object=element.get("classifiedObject", ""),
        display=_name(element),
        slots=slots,
        repeated_slots=repeated,
    )


def slot_values(slot: etree._Element) -> tuple[str, ...]:
    return tuple(value.text or "" for value in slot.iterfind(f"{_VALUE_LIST}/{_VALUE}"))


def _identifier(element: etree._Element) -> Identifier:
    return Identifier(
        scheme=element.get("identificationScheme", ""),
        value=element.get("value", ""),
        registry_object=element.get("registryObject", ""),
        name=_name(element),
    )


def _slots(element: etree._Element) -> tuple[Slots, tuple[str, ...]]:
    slots: dict[str, tuple[str, ...]] = {}
    repeated = []
    for slot in element.iterchildren(_SLOT):
        name = slot.get("name", "")
        if name in slots:
            repeated.append(name)
        slots.setdefault(name, slot_values(slot))
    return slots, tuple(repeated)


def _name(element: etree._Element) -> str:
    found = element.find(f"{qualified(RIM, 'Name')}/{qualified(RIM, 'LocalizedString')}")
    return "" if found is None else found.get("value", "")
