"""Cross-Enterprise Document Media Interchange: one submission set as files (ITI TF-2 3.32).

INDEX.HTM, README.TXT               for whoever opens the medium
IHE_XDM/SUBSET01/METADATA.XML       lcm:SubmitObjectsRequest, a URI slot in each entry
IHE_XDM/SUBSET01/DOC0001.XML        the documents, named 8.3 as ISO 9660 level 1 wants
"""

import html
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from lxml import etree

from drimbox.errors import MalformedMessage
from drimbox.model.publication import EncodedDocument
from drimbox.standards.safe_xml import parse_own_xml
from drimbox.standards.xds.names import NAMESPACES, RIM

FOLDER = "IHE_XDM/SUBSET01"
_EXTENSIONS = MappingProxyType({"text/xml": "XML", "application/dicom": "DCM"})
_NS = dict(NAMESPACES)


def encode_xdm(
    metadata: bytes, documents: Sequence[EncodedDocument], *, about: str
) -> Mapping[str, bytes]:
    """Return the files of the medium by their path; about says in one line what is on it.

    Raises:
        MalformedMessage: an entry without its document, or the reverse.
    """
    request = parse_own_xml(metadata)
    entries = {e.get("id", ""): e for e in request.iter(f"{{{RIM}}}ExtrinsicObject")}
    if set(entries) != {document.document_id for document in documents}:
        raise MalformedMessage("one document for each entry", where="METADATA.XML")
    files: dict[str, bytes] = {}
    names = []
    for number, document in enumerate(documents, 1):
        name = f"DOC{number:04d}.{_EXTENSIONS.get(document.mime_type, 'BIN')}"
        _add_uri(entries[document.document_id], name)
        files[f"{FOLDER}/{name}"] = document.content
        names.append(name)
    content = etree.tostring(request, encoding="UTF-8", xml_declaration=True)
    return {
        "INDEX.HTM": _index(about, names),
        "README.TXT": f"{about}\r\n\r\nIHE XDM: {FOLDER}/METADATA.XML\r\n".encode(),
        f"{FOLDER}/METADATA.XML": content,
        **files,
    }


def _add_uri(entry: etree._Element, name: str) -> None:
    """Add the slot before all others: the order of slots says nothing, that of kinds does."""
    slot = etree.Element(f"{{{RIM}}}Slot", name="URI")
    values = etree.SubElement(slot, f"{{{RIM}}}ValueList")
    etree.SubElement(values, f"{{{RIM}}}Value").text = name
    entry.insert(0, slot)


def _index(about: str, names: Sequence[str]) -> bytes:
    links = "".join(f'<li><a href="{FOLDER}/{name}">{name}</a></li>\n' for name in names)
    return (
        '<!DOCTYPE html>\n<html lang="fr"><head><meta charset="utf-8">'
        f"<title>IHE XDM</title></head>\n<body><p>{html.escape(about)}</p>\n<ul>\n{links}</ul>"
        "</body></html>\n"
    ).encode()
