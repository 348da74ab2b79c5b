"""ebRIM 3.0 building blocks: slots, names, classifications, external identifiers, associations.

Written in the order of rim.xsd (Slot, Name, Description, VersionInfo, Classification,
ExternalIdentifier); read by name, because official French samples do not keep that order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from drimbox.errors import InvalidValue
from drimbox.model.practice import Code
from drimbox.standards.xds.names import NAMESPACES, RIM

MAX_VALUE_LENGTH = 256  # rim:LongName, the type of Value, of codes and of identifiers
MAX_TEXT_LENGTH = 1024  # rim:FreeFormText, the type of LocalizedString/@value
_NS = dict(NAMESPACES)
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


@dataclass(frozen=True, slots=True)
class Slot:
    """One rim:Slot."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Classification:
    """One rim:Classification; code and slots tell a coded value from an author."""

    scheme: str
    code: Code
    slots: tuple[Slot, ...] = ()

    def values(self, name: str) -> tuple[str, ...]:
        return slot_values(self.slots, name)


@dataclass(frozen=True, slots=True)
class Association:
    """One rim:Association1; ends are ids of this message or entryUUIDs."""

    type: str
    source: str
    target: str
    slots: tuple[Slot, ...] = ()

    def value(self, name: str) -> str | None:
        """Return the first value of a slot."""
        return next(iter(slot_values(self.slots, name)), None)


def slot_values(slots: Sequence[Slot], name: str) -> tuple[str, ...]:
    """Return the values of every slot of that name, in order."""
    return tuple(value for slot in slots if slot.name == name for value in slot.values)


def add_slot(parent: etree._Element, name: str, values: Sequence[str]) -> None:
    """Add a slot; nothing when there are no values.

    Raises:
        InvalidValue: a value longer than rim:LongName allows.
    """
    if not values:
        return
    slot = etree.SubElement(parent, f"{{{RIM}}}Slot", name=name)
    value_list = etree.SubElement(slot, f"{{{RIM}}}ValueList")
    for value in values:
        _check_length(f"slot {name}", value, MAX_VALUE_LENGTH)
        etree.SubElement(value_list, f"{{{RIM}}}Value").text = value


def add_localized(parent: etree._Element, tag: str, text: str) -> None:
    """Add Name or Description; nothing when the text is empty.

    Raises:
        InvalidValue: a text longer than LocalizedString allows.
    """
    if text:
        _check_length(tag, text, MAX_TEXT_LENGTH)
        element = etree.SubElement(parent, f"{{{RIM}}}{tag}")
        localized = etree.SubElement(element, f"{{{RIM}}}LocalizedString", value=text)
        localized.set(_XML_LANG, "fr-FR")
        localized.set("charset", "UTF-8")


class ObjectWriter:
    """Writes the classifications and identifiers of one registry object, with ids of its own.

    Ids are the object's id with a number behind: the same metadata give the same octets.
    """

    def __init__(self, element: etree._Element, object_id: str) -> None:
        self._element = element
        self._object_id = object_id
        self._count = 0

    def classify(self, scheme: str, code: Code) -> None:
        """Add a coded value."""
        _check_length("code", code.value, MAX_VALUE_LENGTH)
        element = self._classification(
            {"classificationScheme": scheme, "nodeRepresentation": code.value}
        )
        add_slot(element, "codingScheme", (str(code.system),))
        add_localized(element, "Name", code.display)

    def classify_node(self, node: str) -> None:
        """Say what kind of package this is."""
        self._classification({"classificationNode": node})

    def classify_author(self, scheme: str, slots: Sequence[Slot]) -> None:
        element = self._classification({"classificationScheme": scheme, "nodeRepresentation": ""})
        for slot in slots:
            add_slot(element, slot.name, slot.values)

    def identify(self, scheme: str, name: str, value: str) -> None:
        """Add an external identifier; name is e.g. XDSDocumentEntry.uniqueId."""
        _check_length(name, value, MAX_VALUE_LENGTH)
        element = etree.SubElement(
            self._element,
            f"{{{RIM}}}ExternalIdentifier",
            id=self._next_id(),
            identificationScheme=scheme,
            registryObject=self._object_id,
            value=value,
        )
        add_localized(element, "Name", name)

    def _classification(self, attributes: dict[str, str]) -> etree._Element:
        element = etree.SubElement(self._element, f"{{{RIM}}}Classification", id=self._next_id())
        element.set("classifiedObject", self._object_id)
        for name, value in attributes.items():
            element.set(name, value)
        return element

    def _next_id(self) -> str:
        self._count += 1
        return f"{self._object_id}.{self._count}"


def add_association(parent: etree._Element, association_id: str, association: Association) -> None:
    element = etree.SubElement(
        parent,
        f"{{{RIM}}}Association",
        id=association_id,
        associationType=association.type,
        sourceObject=association.source,
        targetObject=association.target,
    )
    for slot in association.slots:
        add_slot(element, slot.name, slot.values)


def read_slots(element: etree._Element) -> tuple[Slot, ...]:
    """Read the slots of an object wherever they stand among its children."""
    return tuple(
        Slot(
            slot.get("name", ""),
            tuple((v.text or "").strip() for v in slot.findall("rim:ValueList/rim:Value", _NS)),
        )
        for slot in element.findall("rim:Slot", _NS)
    )


def read_localized(element: etree._Element, tag: str) -> str:
    """Read Name or Description: its first string, or an empty text."""
    localized = element.find(f"rim:{tag}/rim:LocalizedString", _NS)
    return "" if localized is None else localized.get("value", "")


def read_classifications(element: etree._Element, scheme: str) -> tuple[Classification, ...]:
    return tuple(
        _read_classification(found)
        for found in element.findall("rim:Classification", _NS)
        if _uuid_of(found, "classificationScheme") == scheme
    )


def read_identifier(element: etree._Element, scheme: str) -> str | None:
    for found in element.findall("rim:ExternalIdentifier", _NS):
        if _uuid_of(found, "identificationScheme") == scheme:
            return found.get("value")
    return None


def read_associations(parent: etree._Element) -> tuple[Association, ...]:
    return tuple(
        Association(
            element.get("associationType", ""),
            element.get("sourceObject", ""),
            element.get("targetObject", ""),
            read_slots(element),
        )
        for element in parent.iterfind("rim:Association", _NS)
    )


def _check_length(what: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise InvalidValue(what, f"at most {limit} characters")


def _uuid_of(element: etree._Element, attribute: str) -> str:
    """Return a scheme without the blanks that a line break once left inside it."""
    return "".join(element.get(attribute, "").split())


def _read_classification(element: etree._Element) -> Classification:
    slots = read_slots(element)
    system = next(iter(slot_values(slots, "codingScheme")), "")
    code = Code(element.get("nodeRepresentation", ""), system, read_localized(element, "Name"))
    return Classification(element.get("classificationScheme", ""), code, slots)
