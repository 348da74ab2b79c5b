"""ITI-43 Retrieve Document Set (ITI TF-2 3.43): TD3.2 of the DMP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lxml import etree

from drimbox.errors import InvalidValue, MalformedMessage, UnsupportedMessage
from drimbox.model.document_entry import DocumentEntry
from drimbox.standards.soap.mtom import read_binary
from drimbox.standards.xds.names import NAMESPACES, XDSB
from drimbox.standards.xds.registry_errors import RegistryResponse, parse_registry_response

_NS = dict(NAMESPACES)


@dataclass(frozen=True, slots=True)
class DocumentReference:
    """What names one document in a request."""

    repository_unique_id: str
    document_unique_id: str
    home_community_id: str | None = None


@dataclass(frozen=True, slots=True)
class RetrievedDocument:
    """One document that came."""

    reference: DocumentReference
    mime_type: str
    content: bytes

    def __repr__(self) -> str:
        return f"RetrievedDocument({len(self.content)} octets)"


@dataclass(frozen=True, slots=True)
class RetrieveResponse:
    """What came; a document that did not has an error whose location is its uniqueId."""

    response: RegistryResponse
    documents: tuple[RetrievedDocument, ...]


def encode_retrieve_request(entries: Sequence[DocumentEntry]) -> etree._Element:
    """Build the request for the documents of these entries.

    Raises:
        InvalidValue: none, or an entry that does not say which repository holds its document.
    """
    if not entries:
        raise InvalidValue("retrieve request", "at least one document")
    request = etree.Element(f"{{{XDSB}}}RetrieveDocumentSetRequest", nsmap={"xdsb": XDSB})
    for entry in entries:
        if not entry.repository_unique_id:
            raise InvalidValue("repositoryUniqueId", "required to retrieve a document")
        document = etree.SubElement(request, f"{{{XDSB}}}DocumentRequest")
        if entry.home_community_id:
            _add(document, "HomeCommunityId", entry.home_community_id)
        _add(document, "RepositoryUniqueId", entry.repository_unique_id)
        _add(document, "DocumentUniqueId", entry.unique_id)
    return request


def parse_retrieve_request(request: etree._Element) -> tuple[DocumentReference, ...]:
    """Read a request.

    Raises:
        UnsupportedMessage: another element.
        MalformedMessage: no document, or one that is not fully named.
    """
    if request.tag != f"{{{XDSB}}}RetrieveDocumentSetRequest":
        raise UnsupportedMessage("xdsb:RetrieveDocumentSetRequest", where="Body")
    references = tuple(map(_read_reference, request.iterfind("xdsb:DocumentRequest", _NS)))
    if not references:
        raise MalformedMessage("at least one DocumentRequest", where="RetrieveDocumentSetRequest")
    return references


def parse_retrieve_response(answer: etree._Element, parts: Mapping[str, bytes]) -> RetrieveResponse:
    """Read an answer and the octets it names, inline or beside it.

    Raises:
        UnsupportedMessage: another element.
        MalformedMessage: no status, or a document that cannot be read.
    """
    if answer.tag != f"{{{XDSB}}}RetrieveDocumentSetResponse":
        raise UnsupportedMessage("xdsb:RetrieveDocumentSetResponse", where="Body")
    documents = tuple(
        RetrievedDocument(
            reference=_read_reference(element),
            mime_type=_text(element, "mimeType"),
            content=_read_content(element, parts),
        )
        for element in answer.iterfind("xdsb:DocumentResponse", _NS)
    )
    return RetrieveResponse(parse_registry_response(answer), documents)


def _read_reference(element: etree._Element) -> DocumentReference:
    return DocumentReference(
        repository_unique_id=_text(element, "RepositoryUniqueId"),
        document_unique_id=_text(element, "DocumentUniqueId"),
        home_community_id=(element.findtext("xdsb:HomeCommunityId", "", _NS).strip() or None),
    )


def _read_content(element: etree._Element, parts: Mapping[str, bytes]) -> bytes:
    document = element.find("xdsb:Document", _NS)
    if document is None:
        raise MalformedMessage("missing", where="DocumentResponse Document")
    return read_binary(document, parts)


def _text(element: etree._Element, name: str) -> str:
    text = element.findtext(f"xdsb:{name}", "", _NS).strip()
    if not text:
        raise MalformedMessage("missing", where=f"{etree.QName(element).localname} {name}")
    return text


def _add(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, f"{{{XDSB}}}{name}").text = text
