"""Whether elements stand where ebRIM 3.0 and XDS.b let them stand: order, number, attributes, text.

Our own table of the schemas rim, rs, lcm, query and XDS.b_DocumentRepository, cut down to what XDS
uses: a folder or a nested registry object is as foreign here as a misspelt name.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree

from drimbox.sandbox.dmp.names import LCM, QUERY, RIM, RS, XDSB, XML, XOP, XSI, qualified

_MANY: Final = 1_000_000
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shape:
    """What one element may hold.

    children are (name, least, most) in schema order; max_text None means white space only.
    """

    children: tuple[tuple[str, int, int], ...] = ()
    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    max_text: int | None = None
    is_any_order: bool = False


def _rim(name: str) -> str:
    return qualified(RIM, name)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_OBJECT: Final = (
    (_rim("Slot"), 0, _MANY),
    (_rim("Name"), 0, 1),
    (_rim("Description"), 0, 1),
    (_rim("VersionInfo"), 0, 1),
    (_rim("Classification"), 0, _MANY),
    (_rim("ExternalIdentifier"), 0, _MANY),
)
_OBJECT_ATTRIBUTES: Final = _names("home lid objectType status")
_STRINGS: Final = Shape(((_rim("LocalizedString"), 0, _MANY),))
_DOCUMENT_CHOICE: Final = ((_rim("ExtrinsicObject"), 0, _MANY), (_rim("RegistryPackage"), 0, _MANY))

SHAPES: Final[dict[str, Shape]] = {
    _rim("LocalizedString"): Shape(
        required=_names("value"), optional=frozenset({"charset", qualified(XML, "lang")})
    ),
    _rim("Name"): _STRINGS,
    _rim("Description"): _STRINGS,
    _rim("VersionInfo"): Shape(optional=_names("versionName comment")),
    _rim("Value"): Shape(max_text=256),
    _rim("ValueList"): Shape(((_rim("Value"), 0, _MANY),)),
    _rim("Slot"): Shape(
        ((_rim("ValueList"), 1, 1),), required=_names("name"), optional=_names("slotType")
    ),
    _rim("Classification"): Shape(
        _OBJECT,
        required=_names("id classifiedObject"),
        optional=_OBJECT_ATTRIBUTES
        | _names("classificationScheme classificationNode nodeRepresentation"),
    ),
    _rim("ExternalIdentifier"): Shape(
        _OBJECT,
        required=_names("id registryObject identificationScheme value"),
        optional=_OBJECT_ATTRIBUTES,
    ),
    _rim("ExtrinsicObject"): Shape(
        (*_OBJECT, (_rim("ContentVersionInfo"), 0, 1)),
        required=_names("id objectType mimeType"),
        optional=_names("home lid status isOpaque"),
    ),
    _rim("ContentVersionInfo"): Shape(optional=_names("versionName comment")),
    _rim("RegistryPackage"): Shape(_OBJECT, required=_names("id"), optional=_OBJECT_ATTRIBUTES),
    _rim("Association"): Shape(
        _OBJECT,
        required=_names("id associationType sourceObject targetObject"),
        optional=_OBJECT_ATTRIBUTES,
    ),
    _rim("ObjectRef"): Shape(required=_names("id"), optional=_names("home createReplica")),
    _rim("RegistryObjectList"): Shape(
        (
            *_DOCUMENT_CHOICE,
            (_rim("Association"), 0, _MANY),
            (_rim("Classification"), 0, _MANY),
            (_rim("ObjectRef"), 0, _MANY),
        ),
        is_any_order=True,
    ),
    _rim("AdhocQuery"): Shape(
        ((_rim("Slot"), 0, _MANY),), required=_names("id"), optional=_names("home")
    ),
    qualified(RS, "RequestSlotList"): Shape(((_rim("Slot"), 0, _MANY),)),
    qualified(LCM, "SubmitObjectsRequest"): Shape(
        ((qualified(RS, "RequestSlotList"), 0, 1), (_rim("RegistryObjectList"), 1, 1)),
        optional=_names("id comment"),
    ),
    qualified(QUERY, "ResponseOption"): Shape(optional=_names("returnType returnComposedObjects")),
    qualified(QUERY, "AdhocQueryRequest"): Shape(
        (
            (qualified(RS, "RequestSlotList"), 0, 1),
            (qualified(QUERY, "ResponseOption"), 1, 1),
            (_rim("AdhocQuery"), 1, 1),
        ),
        optional=_names("id comment federated federation startIndex maxResults"),
    ),
    qualified(XDSB, "ProvideAndRegisterDocumentSetRequest"): Shape(
        ((qualified(LCM, "SubmitObjectsRequest"), 1, 1), (qualified(XDSB, "Document"), 0, _MANY))
    ),
    qualified(XDSB, "Document"): Shape(
        ((qualified(XOP, "Include"), 0, 1),), required=_names("id"), max_text=1 << 30
    ),
    qualified(XOP, "Include"): Shape(required=_names("href")),
    qualified(XDSB, "RetrieveDocumentSetRequest"): Shape(
        ((qualified(XDSB, "DocumentRequest"), 1, _MANY),)
    ),
    qualified(XDSB, "DocumentRequest"): Shape(
        (
            (qualified(XDSB, "HomeCommunityId"), 0, 1),
            (qualified(XDSB, "RepositoryUniqueId"), 1, 1),
            (qualified(XDSB, "DocumentUniqueId"), 1, 1),
        )
    ),
    qualified(XDSB, "HomeCommunityId"): Shape(max_text=256),
    qualified(XDSB, "RepositoryUniqueId"): Shape(max_text=256),
    qualified(XDSB, "DocumentUniqueId"): Shape(max_text=256),
}

_ANYWHERE: Final = frozenset({qualified(XSI, "schemaLocation")})
_MAX_STRING: Final = 1024
_MAX_NAME: Final = 256
_LONG_NAMES: Final = frozenset({"name", "value", "mimeType", "nodeRepresentation"})


def judge_structure(root: etree._Element) -> Iterator[str]:
    """Yield what no schema of the transaction allows, element by element."""
    for element in root.iter(etree.Element):
        shape = SHAPES.get(element.tag)
        if shape is None:
            yield f"element {local_name(element)} is not of this transaction"
            return
        yield from _judge_attributes(element, shape)
        yield from _judge_text(element, shape)
        yield from _judge_children(element, shape)


def local_name(element: etree._Element) -> str:
    """Return an element's name without its namespace, for what a refusal says."""
    return etree.QName(element).localname


def _judge_attributes(element: etree._Element, shape: Shape) -> Iterator[str]:
    present = frozenset(str(name) for name in element.attrib)
    for name in sorted(shape.required - present):
        yield f"{local_name(element)} has no {name}"
    for name in sorted(present - shape.required - shape.optional - _ANYWHERE):
        yield f"{local_name(element)} may not have the attribute {name}"
    most = _MAX_STRING if element.tag == _rim("LocalizedString") else _MAX_NAME
    for name in sorted(present & _LONG_NAMES):
        if len(element.get(name, "")) > most:
            yield f"{local_name(element)}/@{name} is longer than {most} characters"


def _judge_text(element: etree._Element, shape: Shape) -> Iterator[str]:
    text = "".join([element.text or "", *(child.tail or "" for child in element)])
    if shape.max_text is None:
        if text.strip():
            yield f"{local_name(element)} may not hold text"
        return
    if len(text) > shape.max_text:
        yield f"{local_name(element)} is longer than {shape.max_text} characters"
    if element.tag == qualified(XDSB, "Document") and not _BASE64.match("".join(text.split())):
        yield "Document is neither base64 nor an xop:Include"
    if len(element) and text.strip():
        yield f"{local_name(element)} holds both text and an element"


def _judge_children(element: etree._Element, shape: Shape) -> Iterator[str]:
    ranks = {name: rank for rank, (name, _, _) in enumerate(shape.children)}
    counts = dict.fromkeys(ranks, 0)
    reached = 0
    for child in element.iterchildren(etree.Element):
        rank = ranks.get(child.tag)
        if rank is None:
            yield f"{local_name(element)} may not hold {local_name(child)}"
            continue
        if rank < reached and not shape.is_any_order:
            before = shape.children[reached][0].rpartition("}")[2]
            yield f"{local_name(child)} stands after {before} in {local_name(element)}"
        reached = max(reached, rank)
        counts[child.tag] += 1
    for name, least, most in shape.children:
        if not least <= counts[name] <= most:
            bare = name.rpartition("}")[2]
            yield f"{local_name(element)} holds {counts[name]} {bare}"
