"""Parts of a CDA header that occur in several places: codes, persons, structures, identifiers.

CDA R2 (HL7 v3 data types CD, II, TS, PN, ON); French profile "Structuration minimale".
"""

from collections.abc import Iterator
from datetime import datetime, tzinfo
from types import MappingProxyType

from lxml import etree

from drimbox.errors import InvalidValue
from drimbox.model.practice import (
    NATIONAL_PERSON_AUTHORITY,
    NATIONAL_STRUCTURE_AUTHORITY,
    Code,
    Practitioner,
    Structure,
)
from drimbox.model.uids import Oid
from drimbox.standards.hl7v2.data_types import parse_timestamp

CDA = "urn:hl7-org:v3"
PS3_20 = "urn:dicom-org:ps3-20"
NAMESPACES = MappingProxyType({"cda": CDA, "ps3-20": PS3_20})
_PREFIXES = dict(NAMESPACES)


def find_all(element: etree._Element, path: str) -> Iterator[etree._Element]:
    """Yield the elements on that path of `cda:` and `ps3-20:` names."""
    return element.iterfind(path, _PREFIXES)


def find(element: etree._Element | None, path: str) -> etree._Element | None:
    """Return the first element on that path; nothing is found in nothing."""
    return None if element is None else element.find(path, _PREFIXES)


def text_of(element: etree._Element | None) -> str:
    """Return all text inside, white space collapsed; comments do not cut it."""
    return "" if element is None else " ".join("".join(map(str, element.itertext())).split())


def attribute(element: etree._Element | None, name: str) -> str:
    """Return one attribute, stripped; empty when absent."""
    return "" if element is None else (element.get(name) or "").strip()


def read_code(element: etree._Element | None) -> Code | None:
    """Read a CD or CE; None for a nullFlavor."""
    value = attribute(element, "code")
    if not value:
        return None
    return Code(value, attribute(element, "codeSystem"), attribute(element, "displayName"))


def read_oid(text: str) -> Oid | None:
    """Return an OID, or None where something else stands (samples have UUIDs)."""
    try:
        return Oid(text)
    except InvalidValue:
        return None


def read_instant(element: etree._Element | None, local_zone: tzinfo) -> datetime | None:
    """Read a TS; None for a nullFlavor.

    Raises:
        InvalidValue: not a timestamp.
    """
    value = attribute(element, "value")
    return parse_timestamp(value, local_zone) if value else None


def read_person(entity: etree._Element | None) -> Practitioner | None:
    """Read an assignedAuthor or assignedEntity; None without an identifier or a family name."""
    identifier = _preferred_id(entity, NATIONAL_PERSON_AUTHORITY)
    name = find(entity, "cda:assignedPerson/cda:name")
    family = text_of(find(name, "cda:family"))
    if identifier is None or not family:
        return None
    return Practitioner(
        identifier=attribute(identifier, "extension"),
        family_name=family,
        given_name=text_of(find(name, "cda:given")),
        authority=read_oid(attribute(identifier, "root")) or NATIONAL_PERSON_AUTHORITY,
    )


def read_structure(organization: etree._Element | None) -> Structure | None:
    """Read an organization; None without an identifier."""
    identifier = _preferred_id(organization, NATIONAL_STRUCTURE_AUTHORITY)
    if identifier is None:
        return None
    return Structure(
        identifier=attribute(identifier, "extension"),
        name=text_of(find(organization, "cda:name")),
        authority=read_oid(attribute(identifier, "root")) or NATIONAL_STRUCTURE_AUTHORITY,
    )


def _preferred_id(element: etree._Element | None, authority: Oid) -> etree._Element | None:
    """Return the identifier given by that authority, else the first that has an extension."""
    if element is None:
        return None
    identifiers = [i for i in find_all(element, "cda:id") if attribute(i, "extension")]
    national = (i for i in identifiers if attribute(i, "root") == authority)
    return next(national, identifiers[0] if identifiers else None)
