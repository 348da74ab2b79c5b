"""ITI-57 Update Document Set (XDS Metadata Update): a status changes (TD3.3c delete, d archive).

Its other operation, a new version of the metadata (TD3.3a and b, visibility), wants a professional
whom the DMP authenticates itself; whoever comes indirectly, as a box does, replaces the document.
"""

from lxml import etree

from drimbox.errors import InvalidValue
from drimbox.model.document_entry import AvailabilityStatus, DocumentEntry, SubmissionSet
from drimbox.standards.xds.ebrim import Association, Slot
from drimbox.standards.xds.names import AssociationType
from drimbox.standards.xds.submit_objects import (
    SUBMISSION_SET_ID,
    add_associations,
    start_submission,
)


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
