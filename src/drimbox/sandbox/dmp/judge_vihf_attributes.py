"""Whether each attribute of a VIHF has a value the DMP knows (VIHF 3.0 and 4.0, JDV_J65)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from lxml import etree

from drimbox.sandbox.dmp.codes import (
    ASIP_ROLES,
    DOCTOR,
    DOCTOR_SPECIALITIES,
    FACILITIES,
    FACILITY_SYSTEM,
    PHARMACIST,
    PHARMACIST_SECTIONS,
    PROFESSIONS,
    PURPOSES_OF_USE,
    ROLES,
    SECOND_ROLES,
)
from drimbox.sandbox.dmp.hl7_types import is_structure_identifier, read_ins
from drimbox.sandbox.dmp.names import HL7V3, MODE_INDIRECT, MODE_REINFORCED, SAML, XSI, qualified
from drimbox.sandbox.dmp.refusals import Fault, security_fault

RESOURCE_ID: Final = "urn:oasis:names:tc:xacml:2.0:resource:resource-id"
SUBJECT_ID: Final = "urn:oasis:names:tc:xspa:1.0:subject:subject-id"
ROLE: Final = "urn:oasis:names:tc:xacml:2.0:subject:role"
PURPOSE_OF_USE: Final = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"
CONFIDENTIALITY: Final = "urn:oasis:names:tc:xspa:1.0:resource:patient:hl7:confidentiality-code"
_CONCEALED_CONNECTION: Final = "INVISIBLE_REPRESENTANTS_LEGAUX^1.2.250.1.213.1.1.4.13"
_SECTOR: Final = re.compile(rf"(SA[0-9]{{2}})\^{re.escape(FACILITY_SYSTEM)}\Z")
_MAX_TEXT: Final = 256
_ATTRIBUTE: Final = qualified(SAML, "Attribute")
_VALUE: Final = qualified(SAML, "AttributeValue")

Role = tuple[str, str]
"""(code, code system)."""


@dataclass(frozen=True, slots=True)
class Vihf:
    """Who asks, for whom, how authenticated. patient_id is the CX of resource-id."""

    user: str
    patient_id: str
    structure: str
    mode: str
    roles: tuple[Role, ...]

    @property
    def is_automaton(self) -> bool:
        return self.roles[0] == ("AUTOMATE", ASIP_ROLES)


def _is_sector(text: str) -> bool:
    match = _SECTOR.match(text)
    return match is not None and match[1] in FACILITIES


def _is_text(text: str) -> bool:
    return bool(text.strip()) and len(text) <= _MAX_TEXT


_TEXT_RULES: Final[dict[str, Callable[[str], bool]]] = {
    "VIHF_Version": {"3.0", "4.0"}.__contains__,
    "Identifiant_Structure": is_structure_identifier,
    "Secteur_Activite": _is_sector,
    "Authentification_Mode": {MODE_INDIRECT, MODE_REINFORCED}.__contains__,
    RESOURCE_ID: lambda text: read_ins(text) is not None,
    "Ressource_URN": "urn:dmp".__eq__,
    SUBJECT_ID: _is_text,
    "LPS_Nom": _is_text,
    "LPS_Version": _is_text,
    "LPS_ID_HOMOLOGATION_DMP": _is_text,
}
_OPTIONAL_RULES: Final[dict[str, Callable[[str], bool]]] = {
    "LPS_ID": _is_text,
    CONFIDENTIALITY: _CONCEALED_CONNECTION.__eq__,
}


def read_vihf(statement: etree._Element, user: str) -> Vihf:
    """Judge every attribute, and read those that transactions need.

    Raises:
        Fault: InvalidSecurityToken, naming the attribute.
    """
    attributes = _attributes(statement)
    texts = {name: _text(attributes, name) for name in _TEXT_RULES}
    texts |= {name: _text(attributes, name) for name in _OPTIONAL_RULES if name in attributes}
    for name, rule in (_TEXT_RULES | _OPTIONAL_RULES).items():
        if name in texts and not rule(texts[name]):
            raise _refused(name, "this value is not one of its own")
    _judge_purpose(attributes)
    vihf = Vihf(
        user=user,
        patient_id=texts[RESOURCE_ID],
        structure=texts["Identifiant_Structure"],
        mode=texts["Authentification_Mode"],
        roles=_roles(attributes),
    )
    if vihf.is_automaton and vihf.mode == MODE_REINFORCED:
        raise _refused(ROLE, "an automaton cannot be strongly authenticated")
    return vihf


def _attributes(statement: etree._Element) -> Mapping[str, list[etree._Element]]:
    attributes: dict[str, list[etree._Element]] = {}
    for attribute in statement.iterchildren(etree.Element):
        name = attribute.get("Name", "")
        if attribute.tag != _ATTRIBUTE or not name:
            raise _refused("AttributeStatement", "it may hold only named Attributes")
        if name in attributes:
            raise _refused(name, "it stands twice")
        attributes[name] = attribute.findall(_VALUE)
    for name in (*_TEXT_RULES, ROLE, PURPOSE_OF_USE):
        if name not in attributes:
            raise _refused(name, "it is missing")
    return attributes


def _text(attributes: Mapping[str, list[etree._Element]], name: str) -> str:
    values = attributes[name]
    if len(values) != 1 or len(values[0]):
        raise _refused(name, "it must have one textual AttributeValue")
    return values[0].text or ""


def _coded(value: etree._Element, element_name: str, attribute: str) -> Role:
    """Return (code, code system) of the coded element of HL7 v3 that an AttributeValue holds."""
    elements = list(value.iterchildren(etree.Element))
    if len(elements) != 1 or elements[0].tag != qualified(HL7V3, element_name):
        raise _refused(attribute, f"its value must hold one {element_name} of urn:hl7-org:v3")
    element = elements[0]
    if element.get(qualified(XSI, "type")) != "CE":
        raise _refused(attribute, f"{element_name} needs xsi:type CE")
    return element.get("code", ""), element.get("codeSystem", "")


def _roles(attributes: Mapping[str, list[etree._Element]]) -> tuple[Role, ...]:
    roles = tuple(_coded(value, "Role", ROLE) for value in attributes[ROLE])
    if not 1 <= len(roles) <= 2:
        raise _refused(ROLE, "it must have one or two values")
    code, system = roles[0]
    if code not in ROLES.get(system, frozenset()):
        raise _refused(ROLE, "its first value is not in JDV_J65")
    completing = {DOCTOR: DOCTOR_SPECIALITIES, PHARMACIST: PHARMACIST_SECTIONS}.get(code)
    if system == PROFESSIONS and completing is not None:
        if len(roles) != 2 or roles[1][1] != completing:
            raise _refused(ROLE, "doctors and pharmacists need a second value (speciality)")
        if roles[1][0] not in SECOND_ROLES[completing]:
            raise _refused(ROLE, "its second value is not in JDV_J65")
    return roles


def _judge_purpose(attributes: Mapping[str, list[etree._Element]]) -> None:
    values = attributes[PURPOSE_OF_USE]
    if len(values) != 1:
        raise _refused(PURPOSE_OF_USE, "it must have one value")
    # A DRIMbox never breaks the glass: access is always normal (DPI annex).
    if _coded(values[0], "PurposeOfUse", PURPOSE_OF_USE) != ("normal", PURPOSES_OF_USE):
        raise _refused(PURPOSE_OF_USE, "a DRIMbox has normal access only")


def _refused(name: str, reason: str) -> Fault:
    return security_fault("InvalidSecurityToken", f"VIHF attribute {name}: {reason}")
