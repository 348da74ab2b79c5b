"""The narrative block of a CDA section, as a tree that can be shown safely (CDA R2 4.3.5).

Known elements keep their meaning, unknown ones their text only; links lose their address and
multimedia their content, so that nothing of a document acts in a page (threat X7).
"""

from collections.abc import Iterator
from types import MappingProxyType

from lxml import etree

from drimbox.errors import MalformedMessage
from drimbox.model.clinical_document import Mark, Narrative

MAX_DEPTH = 60
_MAX_SPAN = 100
_PICTURE = "[Illustration non affichée]"
_MARK_OF = MappingProxyType(
    {
        "paragraph": Mark.PARAGRAPH,
        "item": Mark.ITEM,
        "table": Mark.TABLE,
        "caption": Mark.CAPTION,
        "thead": Mark.HEAD,
        "tbody": Mark.BODY,
        "tfoot": Mark.FOOT,
        "tr": Mark.ROW,
        "th": Mark.HEADER_CELL,
        "td": Mark.CELL,
        "sub": Mark.SUBSCRIPT,
        "sup": Mark.SUPERSCRIPT,
        "br": Mark.LINE_BREAK,
    }
)
_STYLES = MappingProxyType(
    {"bold": Mark.BOLD, "italics": Mark.ITALICS, "underline": Mark.UNDERLINE}
)
# Columns and footnotes carry no text of their own; what a document changed is history.
_SILENT = frozenset({"col", "colgroup"})


def read_narrative(text: etree._Element, depth: int = 0) -> tuple[Narrative, ...]:
    """Read what a section's text (or an element of it) holds, in order.

    Raises:
        MalformedMessage: elements nested deeper than MAX_DEPTH.
    """
    if depth > MAX_DEPTH:
        raise MalformedMessage(f"more than {MAX_DEPTH} levels", where="CDA section text")
    return tuple(_read_children(text, depth))


def _read_children(element: etree._Element, depth: int) -> Iterator[Narrative]:
    if element.text and element.text.strip():
        yield Narrative(text=element.text)
    for child in element:
        if isinstance(child.tag, str):
            yield from _read_element(child, depth)
        if child.tail and child.tail.strip():
            yield Narrative(text=child.tail)


def _read_element(element: etree._Element, depth: int) -> Iterator[Narrative]:
    name = etree.QName(element).localname
    if name in _SILENT or element.get("revised") == "delete":
        return
    if name == "renderMultiMedia":
        yield Narrative(text=_PICTURE)
        return
    children = read_narrative(element, depth + 1)
    mark = _mark_of(element, name)
    if mark is None:
        yield from children
        return
    yield Narrative(
        mark=mark,
        children=children,
        column_span=_span(element.get("colspan")),
        row_span=_span(element.get("rowspan")),
    )


def _mark_of(element: etree._Element, name: str) -> Mark | None:
    if name == "list":
        return Mark.ORDERED_LIST if element.get("listType") == "ordered" else Mark.UNORDERED_LIST
    if name == "content":
        styles = (element.get("styleCode") or "").lower().split()
        return next((_STYLES[style] for style in styles if style in _STYLES), Mark.SPAN)
    return _MARK_OF.get(name)


def _span(text: str | None) -> int:
    if text is None or not (text.isascii() and text.isdigit() and len(text) < 4):
        return 1
    return max(1, min(int(text), _MAX_SPAN))
