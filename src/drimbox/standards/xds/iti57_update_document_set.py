"""ITI-57 Update Document Set (XDS Metadata Update): TD3.3 of the DMP.

Two operations inside one submission set: a status changes (TD3.3c delete, TD3.3d archive), or an
entry gets a new version of its metadata (TD3.3a and b, visibility).
"""

from dataclasses import replace

from lxml import etree

from drimbox.errors import InvalidValue
from drimbox.model.document_entry import AvailabilityStatus, DocumentEntry, SubmissionSet
from drimbox.standards.xds.document_entry import encode_document_entry
from drimbox.standards.xds.ebrim import Association, Slot
from drimbox.standards.xds.names import AssociationType
from drimbox.standards.xds.submit_objects import (
    ORIGINAL,
    SUBMISSION_SET_ID,
    add_associations,
    start_submission,
)

NEW_VERSION_ID = "Document01"


def encode_status_update(
    submission_set: SubmissionSet, entry: DocumentEntry, new_status: AvailabilityStatus
) -> etree._Element:
    """Build the request that gives a registered entry another availabilityStatus.

    Raises:
        InvalidValue: the entry is not registered, or does not tell its status.
    """
    if entry.entry_uuid is None or entry.status is None:
        raise InvalidValue("document entry", "entryUUID and availabilityStatus, as registered")
    request, objects = start_submission(submission_set)
    update = Association(
        AssociationType.UPDATE_AVAILABILITY_STATUS.value,
        SUBMISSION_SET_ID,
        entry.entry_uuid,
        (
            Slot("OriginalStatus", (entry.status.value,)),
            Slot("NewStatus", (new_status.value,)),
        ),
    )
    add_associations(objects, (update,))
    return request


def encode_metadata_update(submission_set: SubmissionSet, entry: DocumentEntry) -> etree._Element:
    """Build the request that registers entry as the next version of itself.

    entry is what the registry holds now, with what changes changed: its logical_id and version_name
    tell which version it follows.

    Raises:
        InvalidValue: the entry does not tell its logicalId and version.
    """
    if entry.logical_id is None or entry.version_name is None:
        raise InvalidValue("document entry", "logicalId and version, as registered")
    request, objects = start_submission(submission_set)
    encode_document_entry(objects, replace(entry, entry_uuid=None), NEW_VERSION_ID)
    member = Association(
        AssociationType.HAS_MEMBER.value,
        SUBMISSION_SET_ID,
        NEW_VERSION_ID,
        (ORIGINAL, Slot("PreviousVersion", (entry.version_name,))),
    )
    add_associations(objects, (member,))
    return request
