"""The version of what we derive from a record: it changes when the record does, and only then."""

import hashlib

from drimbox.model.imaging_record import ImagingRecord

# Raised when the way we write resources changes, so that a client's copy is not taken for current.
_WRITTEN_AS = "4"


def version_of(record: ImagingRecord) -> str:
    """Return meta.versionId, which is the ETag too: what the DMP says, and how we write it."""
    document = record.document
    said = "\n".join(
        (
            _WRITTEN_AS,
            str(record.is_derived),
            document.unique_id,
            document.version_name or "",
            document.hash_hex or "",
            document.status.value if document.status else "",
            record.subject.identifier,
            *record.replaces,
        )
    )
    return hashlib.sha256(said.encode()).hexdigest()[:16]
