"""ITI-57: a document gets another status."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.submissions import ENTRY, SUBMISSION_SET
from tests.fakes.xds_schemas import XdsSchemas

from drimbox.errors import InvalidValue
from drimbox.model.document_entry import AvailabilityStatus
from drimbox.standards.xds.iti57_update_document_set import (
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


@pytest.mark.parametrize("missing", ["entry_uuid", "status"])
def test_a_status_of_what_is_not_registered_cannot_change(missing: str) -> None:
    entry = replace(REGISTERED, **{missing: None})  # type: ignore[arg-type]
    with pytest.raises(InvalidValue):
        encode_status_update(SUBMISSION_SET, entry, AvailabilityStatus.DELETED)
