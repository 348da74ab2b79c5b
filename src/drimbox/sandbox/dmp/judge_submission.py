"""Whether a submission set and its associations hold together (ITI TF-3 4.2.1, 4.2.2).

Yields RegistryErrors; metadata_error is XDSRepositoryMetadataError or XDSRegistryMetadataError.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from lxml import etree

from drimbox.sandbox.dmp.codes import CONTENT_TYPE_SYSTEM
from drimbox.sandbox.dmp.document_kinds import SIGNATURE
from drimbox.sandbox.dmp.ebrim import (
    ASSOCIATION,
    CLASSIFICATION,
    EXTRINSIC_OBJECT,
    REGISTRY_PACKAGE,
    Classification,
    RegistryObject,
    read_classification,
    read_objects,
)
from drimbox.sandbox.dmp.hl7_types import read_dtm
from drimbox.sandbox.dmp.judge_entry import (
    entry_kind,
    judge_author,
    judge_code,
    judge_entry,
    judge_identifiers,
)
from drimbox.sandbox.dmp.names import (
    CONTENT_TYPE_CODE,
    ENTRY_PATIENT_ID,
    ENTRY_UNIQUE_ID,
    HAS_MEMBER,
    REPLACES,
    SET_AUTHOR,
    SET_PATIENT_ID,
    SET_SOURCE_ID,
    SET_UNIQUE_ID,
    SIGNS,
    SUBMISSION_SET_NODE,
)
from drimbox.sandbox.dmp.refusals import ContentRefused, RegistryError, reported

MAX_SUBMISSION_AGE: Final = timedelta(days=31)
MAX_SUBMISSION_AHEAD: Final = timedelta(seconds=60)
_CONTENT_TYPE: Final = re.compile(r"[0-9]{2}\Z", re.ASCII)
_SET_SLOTS: Final = frozenset({"submissionTime"})


@dataclass(frozen=True, slots=True)
class Submission:
    """What one lcm:SubmitObjectsRequest brings."""

    submission_set: RegistryObject
    entries: tuple[RegistryObject, ...]
    associations: tuple[RegistryObject, ...]
    loose_elements: tuple[etree._Element, ...]
    """Classifications of the set that stand beside it."""

    @property
    def loose(self) -> tuple[Classification, ...]:
        return tuple(read_classification(element) for element in self.loose_elements)

    @property
    def elements(self) -> tuple[etree._Element, ...]:
        objects = (self.submission_set, *self.entries, *self.associations)
        return (*(o.element for o in objects), *self.loose_elements)

    @property
    def unique_id(self) -> str:
        return self.submission_set.identifier(SET_UNIQUE_ID)

    @property
    def patient_id(self) -> str:
        return self.submission_set.identifier(SET_PATIENT_ID)

    def of_type(self, association_type: str) -> tuple[RegistryObject, ...]:
        return tuple(
            a for a in self.associations if a.attribute("associationType") == association_type
        )


def read_submission(objects: etree._Element, metadata_error: str) -> Submission:
    """Read the objects of a submission.

    Raises:
        ContentRefused: there is not exactly one submission set.
    """
    packages = read_objects(objects, REGISTRY_PACKAGE)
    if len(packages) != 1:
        raise ContentRefused(
            RegistryError(metadata_error, "there must be exactly one RegistryPackage")
        )
    return Submission(
        submission_set=packages[0],
        entries=read_objects(objects, EXTRINSIC_OBJECT),
        associations=read_objects(objects, ASSOCIATION),
        loose_elements=tuple(objects.iterchildren(CLASSIFICATION)),
    )


def judge_metadata(submission: Submission, now: datetime, code: str) -> Iterator[RegistryError]:
    """Judge the set, each entry, and that ids and patients agree."""
    yield from reported(code, _judge_ids(submission))
    yield from reported(code, _judge_set(submission, now), submission.unique_id)
    for entry in submission.entries:
        yield from reported(code, judge_entry(entry), entry.object_id)
        if entry.identifier(ENTRY_PATIENT_ID) != submission.patient_id:
            yield RegistryError(
                "XDSPatientIdDoesNotMatch",
                "patientId of an entry is not that of the submission set",
                entry.object_id,
            )


def judge_lot(submission: Submission, code: str) -> Iterator[RegistryError]:
    """Judge the associations of ITI-41: members, one signature that signs the set, replacement."""
    yield from reported(code, _judge_association_types(submission))
    yield from reported(code, judge_members(submission))
    yield from reported(code, _judge_signing(submission))
    yield from reported(code, _judge_replacement(submission))
    uniques = Counter(entry.identifier(ENTRY_UNIQUE_ID) for entry in submission.entries)
    uniques[submission.unique_id] += 1
    for unique_id, count in uniques.items():
        if count > 1:
            yield RegistryError(
                "XDSRepositoryDuplicateUniqueIdInMessage",
                "the same uniqueId stands twice in the message",
                unique_id,
            )


def judge_members(submission: Submission) -> Iterator[str]:
    """Judge that the set has each entry as an original member, once."""
    members = submission.of_type(HAS_MEMBER)
    targets = Counter(a.attribute("targetObject") for a in members)
    for entry in submission.entries:
        if targets[entry.object_id] != 1:
            yield "each entry needs exactly one HasMember association from the submission set"
    for association in members:
        if association.attribute("sourceObject") != submission.submission_set.object_id:
            yield "HasMember: sourceObject must be the submission set"
        if association.slot("SubmissionSetStatus") != "Original":
            yield "HasMember: SubmissionSetStatus must be Original for a submitted entry"
        if association.attribute("targetObject") not in {e.object_id for e in submission.entries}:
            yield "HasMember: targetObject is not an entry of this submission"


def _judge_ids(submission: Submission) -> Iterator[str]:
    parts = [p for e in submission.elements for p in e.iter(etree.Element) if "id" in p.attrib]
    if len({part.get("id") for part in parts}) != len(parts):
        yield "an id stands twice in the message"


def _judge_set(submission: Submission, now: datetime) -> Iterator[str]:
    found = submission.submission_set
    names = {SET_PATIENT_ID: "patientId", SET_SOURCE_ID: "sourceId", SET_UNIQUE_ID: "uniqueId"}
    yield from judge_identifiers(found, names)
    nodes = [c.node for c in (*found.classifications, *submission.loose) if c.node]
    if nodes != [SUBMISSION_SET_NODE]:
        yield "the RegistryPackage must be classified once, as a submission set"
    if any(
        c.classified_object != found.object_id for c in (*found.classifications, *submission.loose)
    ):
        yield "a Classification's classifiedObject is not the submission set it stands in"
    if any(c.scheme not in {"", SET_AUTHOR, CONTENT_TYPE_CODE} for c in found.classifications):
        yield "a Classification has a classificationScheme of no SubmissionSet attribute"
    yield from _judge_content_type(found)
    authors = found.codes(SET_AUTHOR)
    if not authors:
        yield "the submission set has no author"
    for author in authors:
        yield from judge_author(author)
    if set(found.slots) - _SET_SLOTS or found.repeated_slots:
        yield "the submission set has a slot that is repeated or not its own"
    yield from _judge_submission_time(found.slot("submissionTime"), now)


def _judge_content_type(found: RegistryObject) -> Iterator[str]:
    content_type = found.code(CONTENT_TYPE_CODE)
    if content_type is None:
        yield "contentTypeCode: exactly one is expected"
        return
    yield from judge_code(content_type, "contentTypeCode")
    if content_type.coding_scheme != CONTENT_TYPE_SYSTEM or not _CONTENT_TYPE.match(
        content_type.code
    ):
        yield "contentTypeCode is not in JDV_J59"


def _judge_submission_time(text: str, now: datetime) -> Iterator[str]:
    at = read_dtm(text)
    if at is None or len(text) != 14:
        yield "submissionTime must be a DTM in UTC of 14 digits"
    elif at - now > MAX_SUBMISSION_AHEAD:
        yield "submissionTime is in the future: it must be in UTC"
    elif now - at > MAX_SUBMISSION_AGE:
        yield "submissionTime is more than 31 days old"


def _judge_association_types(submission: Submission) -> Iterator[str]:
    for association in submission.associations:
        if association.attribute("associationType") not in {HAS_MEMBER, SIGNS, REPLACES}:
            yield "the DMP takes HasMember, signs and RPLC associations only"


def _judge_signing(submission: Submission) -> Iterator[str]:
    signatures = [e.object_id for e in submission.entries if entry_kind(e) is SIGNATURE]
    if len(signatures) != 1 or len(submission.entries) < 2:
        yield "a lot needs documents and exactly one signature"
        return
    signs = submission.of_type(SIGNS)
    if len(signs) != 1:
        yield "a lot needs exactly one signs association"
        return
    ends = (signs[0].attribute("sourceObject"), signs[0].attribute("targetObject"))
    if ends != (signatures[0], submission.submission_set.object_id):
        yield "signs must go from the signature to the submission set"


def _judge_replacement(submission: Submission) -> Iterator[str]:
    own = {entry.object_id: entry for entry in submission.entries}
    sources = [a.attribute("sourceObject") for a in submission.of_type(REPLACES)]
    if len(set(sources)) != len(sources):
        yield "RPLC: an entry may replace one document"
    for association in submission.of_type(REPLACES):
        source = own.get(association.attribute("sourceObject"))
        if source is None or entry_kind(source) is SIGNATURE:
            yield "RPLC: sourceObject must be a document of this submission"
        if not association.attribute("targetObject").startswith("urn:uuid:"):
            yield "RPLC: targetObject must be the entryUUID of a registered document"
