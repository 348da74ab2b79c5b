"""The second form of a KOS: the FHIR manifest of MADO, made on demand, as a document of its own.

Same uniqueId as the KOS (MADO), another format; no size nor hash, as of every on-demand document.
"""

from dataclasses import replace

from drimbox.model.imaging_record import ImagingRecord
from drimbox.model.practice import Code

MANIFEST_FORMAT = "urn:ihe:rad:MADO:fhir-manifest:2026"
MANIFEST_MIME_TYPE = "application/fhir+json"
_FORMAT = Code(MANIFEST_FORMAT, "1.3.6.1.4.1.19376.1.2.7.1", "MADO FHIR manifest")
_TYPE = Code("18748-4", "2.16.840.1.113883.6.1", "Diagnostic imaging study")


def derived(record: ImagingRecord) -> ImagingRecord:
    """Return the record of the FHIR manifest that is made of a KOS."""
    document = replace(
        record.document,
        mime_type=MANIFEST_MIME_TYPE,
        format_code=_FORMAT,
        type_code=_TYPE,
        size=None,
        hash_hex=None,
    )
    return replace(record, document=document, made_of=record)
