"""lcm:SubmitObjectsRequest, the body of ITI-42 and ITI-57 and the metadata of ITI-41.

A SubmissionSet, its documents, and the associations that tie them (ITI TF-3 4.2.1, 4.2.3.3).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo

from lxml import etree

from drimbox.errors import InvalidValue, MalformedMessage, UnsupportedMessage
from drimbox.model.document_entry import DocumentEntry, SubmissionSet
from drimbox.model.practice import Code
from drimbox.standards.xds.data_types import encode_dtm, parse_dtm
from drimbox.standards.xds.document_entry import author_slots, parse_author, parse_document_entry
from drimbox.standards.xds.ebrim import (
    Association,
    ObjectWriter,
    Slot,
    add_association,
    add_localized,
    add_slot,
    read_associations,
    read_classifications,
    read_identifier,
    read_localized,
    read_slots,
    slot_values,
)
from drimbox.standards.xds.names import (
    LCM,
    NAMESPACES,
    RIM,
    SUBMISSION_SET_NODE,
    AssociationType,
    SubmissionSetScheme,
)

SUBMISSION_SET_ID = "SubmissionSet01"
ORIGINAL = Slot("SubmissionSetStatus", ("Original",))
_NS = dict(NAMESPACES)


@dataclass(frozen=True, slots=True)
class SubmittedObjects:
    """What a request submits: entries by the id that associations and documents use."""

    submission_set: SubmissionSet
    entries: dict[str, DocumentEntry]
    associations: tuple[Association, ...]

    def associations_of(self, kind: AssociationType) -> tuple[Association, ...]:
        return tuple(a for a in self.associations if a.type == kind.value)


def start_submission(submission_set: SubmissionSet) -> tuple[etree._Element, etree._Element]:
    """Begin a request; return it and its RegistryObjectList, which holds the SubmissionSet."""
    request = etree.Element(f"{{{LCM}}}SubmitObjectsRequest", nsmap={"lcm": LCM, "rim": RIM})
    objects = etree.SubElement(request, f"{{{RIM}}}RegistryObjectList")
    package = etree.SubElement(objects, f"{{{RIM}}}RegistryPackage", id=SUBMISSION_SET_ID)
    add_slot(package, "submissionTime", (encode_dtm(submission_set.submission_time),))
    add_localized(package, "Name", submission_set.title)
    writer = ObjectWriter(package, SUBMISSION_SET_ID)
    for author in submission_set.authors:
        writer.classify_author(SubmissionSetScheme.AUTHOR.value, author_slots(author))
    writer.classify(SubmissionSetScheme.CONTENT_TYPE_CODE.value, submission_set.content_type)
    writer.classify_node(SUBMISSION_SET_NODE)
    for scheme, name, value in (
        (SubmissionSetScheme.PATIENT_ID, "patientId", submission_set.patient_id),
        (SubmissionSetScheme.SOURCE_ID, "sourceId", submission_set.source_id),
        (SubmissionSetScheme.UNIQUE_ID, "uniqueId", submission_set.unique_id),
    ):
        writer.identify(scheme.value, f"XDSSubmissionSet.{name}", value)
    return request, objects


def add_associations(objects: etree._Element, associations: Sequence[Association]) -> None:
    """Add associations under ids that follow those already there."""
    taken = len(objects.findall("rim:Association", _NS))
    for number, association in enumerate(associations, taken + 1):
        add_association(objects, f"Association{number:02d}", association)


def parse_submit_objects(request: etree._Element) -> SubmittedObjects:
    """Read a request of ITI-42 or ITI-57, or the metadata of ITI-41.

    Raises:
        UnsupportedMessage: another element, or ebRIM of another version.
        MalformedMessage: not exactly one submission set, or metadata that cannot be read.
    """
    if request.tag != f"{{{LCM}}}SubmitObjectsRequest":
        raise UnsupportedMessage("lcm:SubmitObjectsRequest (ebRS 3.0)", where="Body")
    objects = request.find("rim:RegistryObjectList", _NS)
    if objects is None:
        raise MalformedMessage("missing", where="rim:RegistryObjectList")
    entries = {
        element.get("id", ""): parse_document_entry(element)
        for element in objects.iterfind("rim:ExtrinsicObject", _NS)
    }
    return SubmittedObjects(
        parse_submission_set(_find_submission_set(objects)), entries, read_associations(objects)
    )


def is_submission_set(package: etree._Element) -> bool:
    """Tell a submission set from a folder, by the classification inside it."""
    path = f"rim:Classification[@classificationNode='{SUBMISSION_SET_NODE}']"
    return package.find(path, _NS) is not None


def parse_submission_set(package: etree._Element, zone: tzinfo = UTC) -> SubmissionSet:
    """Read a RegistryPackage that is a submission set; zone as for parse_document_entry."""
    times = slot_values(read_slots(package), "submissionTime")
    content_types = read_classifications(package, SubmissionSetScheme.CONTENT_TYPE_CODE.value)
    if not times:
        raise MalformedMessage("missing", where="SubmissionSet submissionTime")
    try:
        submission_time = parse_dtm(times[0], zone)
    except InvalidValue as error:
        raise MalformedMessage(error.rule, where="SubmissionSet submissionTime") from None
    return SubmissionSet(
        unique_id=_identifier(package, SubmissionSetScheme.UNIQUE_ID),
        # Required by IHE as contentTypeCode is; left out by some who are read all the same.
        source_id=read_identifier(package, SubmissionSetScheme.SOURCE_ID.value) or "",
        patient_id=_identifier(package, SubmissionSetScheme.PATIENT_ID),
        content_type=content_types[0].code if content_types else Code("", ""),
        authors=tuple(
            map(parse_author, read_classifications(package, SubmissionSetScheme.AUTHOR.value))
        ),
        submission_time=submission_time,
        title=read_localized(package, "Name"),
    )


def _identifier(package: etree._Element, scheme: SubmissionSetScheme) -> str:
    value = read_identifier(package, scheme.value)
    if not value:
        raise MalformedMessage("missing", where=f"SubmissionSet {scheme.name.lower()}")
    return value


def _find_submission_set(objects: etree._Element) -> etree._Element:
    """Find the package classified as a submission set, inside it or beside it."""
    path = f"rim:Classification[@classificationNode='{SUBMISSION_SET_NODE}']"
    beside = {node.get("classifiedObject") for node in objects.findall(path, _NS)}
    found = [
        package
        for package in objects.iterfind("rim:RegistryPackage", _NS)
        if package.get("id") in beside or is_submission_set(package)
    ]
    if len(found) != 1:
        raise MalformedMessage("exactly one submission set", where="rim:RegistryObjectList")
    return found[0]
