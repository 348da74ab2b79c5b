"""The registry's times, in UTC or as local time (spec: fhir 5.7, xds-dmp 8)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from tests.adapters.dmp_soap.test_consultation import QUERY, USER
from tests.adapters.dmp_soap.test_consultation import _found as found_objects
from tests.adapters.dmp_soap.test_consultation import _object as object_of
from tests.adapters.dmp_soap.test_consultation import _requests as requests_of
from tests.fakes.loopback_dmp import LoopbackDmp
from tests.fakes.submissions import ENTRY

from drimbox.adapters.dmp_soap.dmp import SoapDmpConsultation
from drimbox.standards.xds.iti18_registry_stored_query import parse_query_request


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("registry_time", "written", "offset_hours"),
    [
        ("utc", "20260701093000", 0),
        ("europe-paris", "20260701113000", 0),
        ("europe-paris", "20260701113000+0300", -1),
        ("europe-paris", "20260115103000", 0),
    ],
)
async def test_times_are_read_and_asked_for_as_the_registry_writes_them(
    dmp: LoopbackDmp,
    consultation: SoapDmpConsultation,
    registry_time: Literal["utc", "europe-paris"],
    written: str,
    offset_hours: int,
) -> None:
    settings = consultation.settings.model_copy(update={"registry_time": registry_time})
    created = datetime(2026, int(written[4:6]), int(written[6:8]), 9, 30, tzinfo=UTC)
    made = object_of(replace(ENTRY, creation_time=created))
    dmp.body = found_objects(made.replace(created.strftime("%Y%m%d%H%M%S"), written))
    query = replace(QUERY, creation_from=created)
    (found,) = await replace(consultation, settings=settings).find_documents(query, USER)
    assert found.creation_time == created + timedelta(hours=offset_hours)
    parameters = parse_query_request(requests_of(dmp)[0]).parameters
    (asked,) = [s.values for s in parameters if s.name.endswith("CreationTimeFrom")]
    assert asked == (written[:14],)
