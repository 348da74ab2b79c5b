"""What the DMP's metadata of a CDA need beside its header: uniqueId, language, kind of body."""

from dataclasses import dataclass

from drimbox.errors import MalformedMessage
from drimbox.standards.cda.header_elements import attribute, find
from drimbox.standards.cda.imaging_report import MAX_REPORT_BYTES
from drimbox.standards.safe_xml import parse_xml


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """unique_id is root, or root^extension (TF-3 4.2.3.2.26)."""

    unique_id: str
    language_code: str
    is_structured: bool


def read_report_facts(content: bytes) -> ReportFacts:
    """Read them from the octets of a report.

    Raises:
        TooLarge, MalformedMessage: not a CDA, or one without id.
    """
    root = parse_xml(content, max_bytes=MAX_REPORT_BYTES)
    identifier = find(root, "cda:id")
    oid, extension = attribute(identifier, "root"), attribute(identifier, "extension")
    if not oid:
        raise MalformedMessage("missing", where="CDA id")
    return ReportFacts(
        unique_id=f"{oid}^{extension}" if extension else oid,
        language_code=attribute(find(root, "cda:languageCode"), "code") or "fr-FR",
        is_structured=find(root, "cda:component/cda:structuredBody") is not None,
    )
