"""A resource as XML (FHIR R4 2.6.1): the same tree as its JSON, whose keys are in schema order.

primitive        <name value="..."/>
array            the element repeated
resource inside  <name><Patient>...</Patient></name>
Narrative.div    XHTML as it is
Extension.url    an attribute, as is Element.id
"""

from lxml import etree

from drimbox.standards.fhir.code_systems import Json
from drimbox.standards.safe_xml import parse_own_xml, xml_characters_only

_NAMESPACE = "http://hl7.org/fhir"
# Ours are a few lines.


def encode_xml(resource: Json) -> bytes:
    """Write a resource whose texts are those of FHIR (see json.cleaned).

    Raises:
        InvalidValue: a text with characters that XML 1.0 cannot hold.
    """
    with xml_characters_only("resource"):
        root = _resource(resource)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def indented_xml(content: bytes) -> bytes:
    """Write XML of ours anew, to be read by people (`_pretty`, R4 3.1.0.1.12)."""
    root = parse_own_xml(content)
    etree.indent(root)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _resource(resource: Json) -> etree._Element:
    # None is the default namespace; the stubs of lxml know no such key.
    namespaces: dict[str, str] = {None: _NAMESPACE}  # type: ignore[dict-item]
    root = etree.Element(f"{{{_NAMESPACE}}}{resource['resourceType']}", nsmap=namespaces)
    for name, value in resource.items():
        if name != "resourceType":
            _add(root, name, value)
    return root


def _add(parent: etree._Element, name: str, value: object) -> None:
    if isinstance(value, list | tuple):
        for one in value:
            _add(parent, name, one)
        return
    if name == "div" and isinstance(value, str):
        parent.append(parse_own_xml(value.encode()))
        return
    element = etree.SubElement(parent, f"{{{_NAMESPACE}}}{name}")
    if not isinstance(value, dict):
        element.set("value", _text(value))
        return
    if "resourceType" in value:
        element.append(_resource(value))
        return
    is_extension = name in {"extension", "modifierExtension"}
    for inner, content in value.items():
        if inner == "id" or (inner == "url" and is_extension):
            element.set(inner, str(content))
        else:
            _add(element, inner, content)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
