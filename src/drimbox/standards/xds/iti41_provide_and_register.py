"""ITI-41 Provide and Register Document Set-b (ITI TF-2 3.41), TD2.1 of the DMP.

The metadata are encoded once, at intake, and kept: a resend has the same octets. Only the RPLC
association is added at each send, because its target is the entryUUID the DMP knows by then.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lxml import etree

from drimbox.errors import InvalidValue, MalformedMessage, UnsupportedMessage
from drimbox.model.document_entry import Document, Submission
from drimbox.model.publication import DmpIdentity, EncodedDocument, EncodedSubmission
from drimbox.standards.safe_xml import parse_own_xml, xml_characters_only
from drimbox.standards.soap.mtom import Attachment, add_include, read_binary
from drimbox.standards.xds.document_entry import encode_document_entry
from drimbox.standards.xds.ebrim import Association
from drimbox.standards.xds.names import LCM, NAMESPACES, RIM, XDSB, AssociationType
from drimbox.standards.xds.submit_objects import (
    ORIGINAL,
    SUBMISSION_SET_ID,
    SubmittedObjects,
    add_associations,
    parse_submit_objects,
    start_submission,
)

SIGNATURE_ID = "Signature01"
_NS = dict(NAMESPACES)


@dataclass(frozen=True, slots=True)
class ProvidedDocuments:
    """A request as read: the metadata, and the octets by the id of their entry."""

    objects: SubmittedObjects
    contents: dict[str, bytes]


def document_id(index: int) -> str:
    """Return the id, inside its message, of the document at that index (from 0)."""
    return f"Document{index + 1:02d}"


def encode_submission(submission: Submission, identity: DmpIdentity) -> EncodedSubmission:
    """Encode a lot once for all its sends.

    Raises:
        InvalidValue: no document, or a value too long for its slot.
    """
    metadata = encode_submit_objects(submission)
    first = submission.documents[0]
    return EncodedSubmission(
        unique_id=submission.submission_set.unique_id,
        document_unique_id=first.entry.unique_id,
        document_hash=content_hash(first.content),
        metadata=metadata,
        documents=tuple(
            EncodedDocument(object_id, document.entry.mime_type, document.content)
            for object_id, document in _documents(submission)
        ),
        identity=identity,
        replaces=submission.replaces,
    )


def encode_submit_objects(submission: Submission) -> bytes:
    """Encode the lcm:SubmitObjectsRequest of a lot, without RPLC: same lot, same octets.

    hash and size are computed from the contents.

    Raises:
        InvalidValue: no document, a value too long for its slot, or control characters in one.
    """
    if not submission.documents:
        raise InvalidValue("submission", "at least one document")
    with xml_characters_only("metadata"):
        return etree.tostring(_submit_objects(submission), encoding="UTF-8")


def add_replacement(metadata: bytes, document_id: str, replaced_entry_uuid: str) -> bytes:
    """Add to encoded metadata that this document replaces a registered one (RPLC)."""
    request = parse_own_xml(metadata)
    objects = request.find("rim:RegistryObjectList", _NS)
    if objects is None:
        raise MalformedMessage("missing", where="rim:RegistryObjectList")
    replacement = Association(AssociationType.REPLACES.value, document_id, replaced_entry_uuid)
    add_associations(objects, (replacement,))
    return etree.tostring(request, encoding="UTF-8")


def encode_provide_and_register(
    metadata: bytes, documents: Sequence[EncodedDocument]
) -> tuple[etree._Element, tuple[Attachment, ...]]:
    """Build the body of the request and the parts that go beside it."""
    request = etree.Element(
        f"{{{XDSB}}}ProvideAndRegisterDocumentSetRequest",
        nsmap={"xdsb": XDSB, "lcm": LCM, "rim": RIM},
    )
    request.append(parse_own_xml(metadata))
    attachments = []
    for document in documents:
        content_id = f"{document.document_id}@drimbox"
        element = etree.SubElement(request, f"{{{XDSB}}}Document", id=document.document_id)
        add_include(element, content_id)
        attachments.append(Attachment(content_id, document.mime_type, document.content))
    return request, tuple(attachments)


def encode_inline_request(metadata: bytes, documents: Sequence[EncodedDocument]) -> etree._Element:
    """Build the body of the request with the octets in it, for a file rather than for the wire."""
    request = etree.Element(
        f"{{{XDSB}}}ProvideAndRegisterDocumentSetRequest",
        nsmap={"xdsb": XDSB, "lcm": LCM, "rim": RIM},
    )
    request.append(parse_own_xml(metadata))
    for document in documents:
        element = etree.SubElement(request, f"{{{XDSB}}}Document", id=document.document_id)
        element.text = base64.b64encode(document.content).decode()
    return request


def parse_provide_and_register(
    request: etree._Element, parts: Mapping[str, bytes]
) -> ProvidedDocuments:
    """Read a request and the octets it names.

    Raises:
        UnsupportedMessage: another element.
        MalformedMessage: metadata or contents that do not hold together.
    """
    if request.tag != f"{{{XDSB}}}ProvideAndRegisterDocumentSetRequest":
        raise UnsupportedMessage("xdsb:ProvideAndRegisterDocumentSetRequest", where="Body")
    metadata = request.find("lcm:SubmitObjectsRequest", _NS)
    if metadata is None:
        raise MalformedMessage("missing", where="lcm:SubmitObjectsRequest")
    contents = {
        element.get("id", ""): read_binary(element, parts)
        for element in request.iterfind("xdsb:Document", _NS)
    }
    return ProvidedDocuments(parse_submit_objects(metadata), contents)


def content_hash(content: bytes) -> str:
    """Return the DocumentEntry.hash: SHA-1 in lower-case hexadecimal (TF-3 4.2.3.2.10)."""
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def _submit_objects(submission: Submission) -> etree._Element:
    request, objects = start_submission(submission.submission_set)
    associations = []
    for object_id, document in _documents(submission):
        entry = replace(
            document.entry,
            hash_hex=content_hash(document.content),
            size=len(document.content),
        )
        encode_document_entry(objects, entry, object_id)
        associations.append(
            Association(AssociationType.HAS_MEMBER.value, SUBMISSION_SET_ID, object_id, (ORIGINAL,))
        )
    if submission.signature is not None:
        associations.append(
            Association(AssociationType.SIGNS.value, SIGNATURE_ID, SUBMISSION_SET_ID)
        )
    add_associations(objects, associations)
    return request


def _documents(submission: Submission) -> tuple[tuple[str, Document], ...]:
    """List the documents with their ids, the signature last."""
    numbered = [(document_id(i), document) for i, document in enumerate(submission.documents)]
    if submission.signature is not None:
        numbered.append((SIGNATURE_ID, submission.signature))
    return tuple(numbered)
