"""What became of each document that was asked for by ITI-43 (X6).

came, as its entry says          -> octets
came, and differs from it        -> DocumentAltered
did not, with an error of its own, else with one that names no document
    XDSDocumentUniqueIdError     -> DocumentAbsent
    any other                    -> as answers.py says
did not, and no error says why   -> DmpAtFault
"""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

import structlog

from drimbox.adapters.dmp_soap.answers import PARTNER, failure_of
from drimbox.errors import DrimboxError
from drimbox.model.document_entry import DocumentEntry
from drimbox.ports.dmp import DmpAtFault, DocumentAbsent, DocumentAltered, Retrieved
from drimbox.standards.xds.iti41_provide_and_register import content_hash
from drimbox.standards.xds.iti43_retrieve_document_set import RetrievedDocument, RetrieveResponse
from drimbox.standards.xds.registry_errors import ErrorCode, RegistryError, describe

# Delayed Document Assembly: the registry does not know yet what the octets will be.
_HASH_OF_NOTHING = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
_BETWEEN_WORDS = re.compile(r"[^\w.^-]+")
_log = structlog.get_logger(__name__)


def accept_documents(
    entries: Sequence[DocumentEntry], answer: RetrieveResponse
) -> dict[str, Retrieved]:
    """Return what became of the document of every entry, by uniqueId.

    A document that was not asked for, or came twice, is left out and logged.
    """
    failures = answer.response.failures
    if failures:
        _log.warning("dmp_documents_missing", codes=describe(failures))
    asked = {entry.unique_id: entry for entry in entries}
    found: dict[str, Retrieved] = {}
    for document in answer.documents:
        unique_id = document.reference.document_unique_id
        entry = asked.get(unique_id)
        fault = "not asked for" if entry is None else _fault(entry, document)
        if unique_id in found:
            fault = "given twice"
        if fault is not None:
            _log.error("dmp_document_refused", reason=fault)
        if entry is not None and unique_id not in found:
            found[unique_id] = document.content if fault is None else DocumentAltered(fault)
    named = {error: _words(error) & asked.keys() for error in failures}
    for unique_id in asked.keys() - found.keys():
        found[unique_id] = _absence(unique_id, named)
    return found


def _fault(entry: DocumentEntry, document: RetrievedDocument) -> str | None:
    """Say in what a document differs from its entry; None when it does not."""
    if document.mime_type.partition(";")[0].strip().lower() != entry.mime_type.lower():
        return "other media type"
    if entry.size == 0 and entry.hash_hex == _HASH_OF_NOTHING:
        return None
    if entry.size is not None and entry.size != len(document.content):
        return "other size"
    if entry.hash_hex is not None and entry.hash_hex != content_hash(document.content):
        return "other hash"
    return None


def _absence(unique_id: str, named: Mapping[RegistryError, AbstractSet[str]]) -> DrimboxError:
    """Return why a document did not come, by the errors that name it, else by those of nobody."""
    own = [error for error, names in named.items() if unique_id in names]
    reasons = own or [error for error, names in named.items() if not names]
    if not reasons:
        return DmpAtFault(PARTNER, "gave neither the document nor an error")
    if all(error.known_code is ErrorCode.DOCUMENT_UNIQUE_ID for error in reasons):
        return DocumentAbsent(
            "the DMP lists the document and does not have it, or does not show it"
        )
    return failure_of(reasons)


def _words(error: RegistryError) -> set[str]:
    """Return what may name a document: ITI-43 leaves open where an error does so."""
    words = _BETWEEN_WORDS.split(error.context)
    return {error.location.strip(), *(word.strip(".") for word in words)}
