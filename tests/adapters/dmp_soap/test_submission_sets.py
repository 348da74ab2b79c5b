"""Submission sets in the strict stand-in of the DMP: found by criteria, with their members."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes.dmp_bench import NOW, SYSTEM, USER, Bench
from tests.fakes.submissions import INS, SUBMISSION_SET

from drimbox.model.document_entry import (
    AvailabilityStatus,
    SetQuery,
)
from drimbox.model.practice import Code


@pytest.mark.requirement("FA.1")
@pytest.mark.anyio
async def test_submission_sets_are_found_by_their_criteria_with_their_members(
    bench: Bench,
) -> None:
    """FindSubmissionSets and GetAssociations, as the DMP judges them by tables of its own."""
    uids = [f"1.2.250.1.999.7.{number}" for number in range(1, 23)]
    for uid in uids:
        await bench.feeding.provide(bench.lot(uid))
    query = SetQuery(
        INS.xds_patient_id,
        source_ids=(SUBMISSION_SET.source_id, "1.2.3"),
        content_types=(SUBMISSION_SET.content_type,),
        submitted_from=NOW,
        submitted_to=NOW + timedelta(seconds=1),
        statuses=(AvailabilityStatus.APPROVED, AvailabilityStatus.DEPRECATED),
    )
    found = {
        one.submission_set.unique_id: one
        for one in await bench.consultation.find_submission_sets(query, USER)
    }
    assert sorted(found) == sorted(f"{uid}.8" for uid in uids)
    entry = await bench.feeding.find_registered(uids[0], SYSTEM)
    assert entry is not None
    one = found[f"{uids[0]}.8"]
    # The KOS, and the signature of the lot.
    assert len(one.members) == 2
    assert entry.entry_uuid in one.members
    assert one.status is AvailabilityStatus.APPROVED
    assert one.submission_set.submission_time == NOW
    for changes in (
        {"source_ids": ("1.2.3",)},
        {"content_types": (Code("99", "1.2.250.1.213.2.2"),)},
        {"submitted_to": NOW},
        {"submitted_from": NOW + timedelta(seconds=1)},
        {"statuses": (AvailabilityStatus.DEPRECATED,)},
    ):
        other = replace(query, **changes)  # type: ignore[arg-type]
        assert await bench.consultation.find_submission_sets(other, USER) == ()
