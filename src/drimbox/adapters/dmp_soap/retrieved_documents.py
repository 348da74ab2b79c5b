"""Which documents of an ITI-43 answer are those that were asked for (X6)."""

from collections.abc import Sequence

import structlog

from drimbox.adapters.dmp_soap.answers import raise_failure
from drimbox.model.document_entry import DocumentEntry
from drimbox.standards.xds.iti41_provide_and_register import content_hash
from drimbox.standards.xds.iti43_retrieve_document_set import RetrievedDocument, RetrieveResponse
from drimbox.standards.xds.registry_errors import ErrorCode, describe

# Delayed Document Assembly: the registry does not know yet what the octets will be.
_HASH_OF_NOTHING = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
_ABSENT = frozenset({ErrorCode.DOCUMENT_UNIQUE_ID})
_log = structlog.get_logger(__name__)


def accept_documents(
    entries: Sequence[DocumentEntry], answer: RetrieveResponse
) -> dict[str, bytes]:
    """Return the octets by uniqueId of every document that is what its entry says.

    A document that was not asked for, came twice, or differs from its entry is left out and
    logged. Raises what answers.raise_failure raises when none came for another reason than that
    the DMP does not have it or does not show it.
    """
    failures = answer.response.failures
    if failures:
        _log.warning("dmp_documents_missing", codes=describe(failures))
    if not answer.documents and not {error.known_code for error in failures} <= _ABSENT:
        raise_failure(answer.response)
    asked = {entry.unique_id: entry for entry in entries}
    accepted: dict[str, bytes] = {}
    for document in answer.documents:
        unique_id = document.reference.document_unique_id
        fault = _fault(asked.get(unique_id), document)
        if fault is None and unique_id in accepted:
            fault = "given twice"
        if fault is not None:
            _log.error("dmp_document_refused", reason=fault)
            continue
        accepted[unique_id] = document.content
    return accepted


def _fault(entry: DocumentEntry | None, document: RetrievedDocument) -> str | None:
    """Say in what a document differs from its entry; None when it does not."""
    if entry is None:
        return "not asked for"
    if document.mime_type.partition(";")[0].strip().lower() != entry.mime_type.lower():
        return "other media type"
    if entry.size == 0 and entry.hash_hex == _HASH_OF_NOTHING:
        return None
    if entry.size is not None and entry.size != len(document.content):
        return "other size"
    if entry.hash_hex is not None and entry.hash_hex != content_hash(document.content):
        return "other hash"
    return None
