"""ITI-57: one operation for a status, one for metadata."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.submissions import ENTRY, SUBMISSION_SET
from tests.fakes.xds_schemas import XdsSchemas

from drimbox.errors import InvalidValue
from drimbox.model.document_entry import AvailabilityStatus
from drimbox.standards.xds.iti57_update_document_set import (
    encode_metadata_update,
    encode_status_update,
)
from drimbox.standards.xds.names import AssociationType
from drimbox.standards.xds.submit_objects import parse_submit_objects

REGISTERED = replace(
    ENTRY,
    entry_uuid="urn:uuid:102439f8-5881-4b36-8b42-ef73ae500001",
    logical_id="urn:uuid:102439f8-5881-4b36-8b42-ef73ae500000",
    version_name="3",
    status=AvailabilityStatus.APPROVED,
    hash_hex="a" * 40,
    size=1,
    repository_unique_id="1.2.9",
)


@pytest.mark.parametrize("status", list(AvailabilityStatus))
def test_a_status_update_says_from_what_to_what(samples: Path, status: AvailabilityStatus) -> None:
    request = encode_status_update(SUBMISSION_SET, REGISTERED, status)
    assert XdsSchemas(samples).faults(request, "lcm") == []
    objects = parse_submit_objects(request)
    (update,) = objects.associations_of(AssociationType.UPDATE_AVAILABILITY_STATUS)
    assert objects.submission_set == SUBMISSION_SET
    assert update.target == REGISTERED.entry_uuid
    assert update.value("OriginalStatus") == AvailabilityStatus.APPROVED.value
    assert update.value("NewStatus") == status.value


def test_a_metadata_update_is_the_next_version_of_the_same_document(samples: Path) -> None:
    visible = replace(REGISTERED, confidentiality_codes=REGISTERED.confidentiality_codes[:1])
    request = encode_metadata_update(SUBMISSION_SET, visible)
    assert XdsSchemas(samples).faults(request, "lcm") == []
    objects = parse_submit_objects(request)
    (member,) = objects.associations
    assert member.value("PreviousVersion") == "3"
    assert objects.entries[member.target] == replace(
        visible, entry_uuid=None, version_name=None, status=None
    )


@pytest.mark.parametrize("missing", ["entry_uuid", "status"])
def test_a_status_of_what_is_not_registered_cannot_change(missing: str) -> None:
    entry = replace(REGISTERED, **{missing: None})  # type: ignore[arg-type]
    with pytest.raises(InvalidValue):
        encode_status_update(SUBMISSION_SET, entry, AvailabilityStatus.DELETED)


@pytest.mark.parametrize("missing", ["logical_id", "version_name"])
def test_metadata_of_what_is_not_registered_cannot_change(missing: str) -> None:
    with pytest.raises(InvalidValue):
        encode_metadata_update(SUBMISSION_SET, replace(REGISTERED, **{missing: None}))  # type: ignore[arg-type]
