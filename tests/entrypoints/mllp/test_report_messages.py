"""The table from errors to acknowledgements."""

import pytest
from tests.fakes.fake_clock import FakeClock

from drimbox import errors
from drimbox.entrypoints.mllp.report_messages import (
    ANSWER_OF,
    ControlIds,
    acknowledgement_of,
)
from drimbox.errors import (
    DrimboxError,
    InvalidValue,
    MalformedMessage,
    Mismatch,
    Refused,
    TimedOut,
    TooLarge,
    Unavailable,
    UnsupportedMessage,
)
from drimbox.standards.hl7v2.ack import AckCode
from drimbox.standards.hl7v2.faults import (
    ApplicationError,
    ErrorCondition,
    Location,
    MessageFault,
    missing,
    unknown_value,
)

ROWS = [
    pytest.param(missing("PID"), "AE", "101", None, Location("PID"), id="a missing segment"),
    pytest.param(
        unknown_value("F, C or D", "OBX-11"), "AE", "103", None, Location("OBX", 11), id="a value"
    ),
    pytest.param(
        MessageFault(
            "no INS",
            where="PID-3",
            condition=ErrorCondition.APPLICATION,
            application_error=ApplicationError.NO_INS,
        ),
        "AE",
        "207",
        "903",
        Location("PID", 3),
        id="a fault with an application code",
    ),
    pytest.param(
        MalformedMessage("no study", where="CDA id"), "AE", "207", "906", None, id="no study"
    ),
    pytest.param(
        UnsupportedMessage("no CDA", where="OBX-5"),
        "AE",
        "207",
        "906",
        Location("OBX", 5),
        id="another document",
    ),
    pytest.param(InvalidValue("birth date", "AAAAMMJJ"), "AE", "102", None, None, id="a trait"),
    pytest.param(TooLarge("64 MiB"), "AE", "207", "906", None, id="too large"),
    pytest.param(Refused("not qualified"), "AE", "207", "905", None, id="not qualified"),
    pytest.param(Mismatch("two patients"), "AE", "207", "904", None, id="two patients"),
    pytest.param(Unavailable("storage"), "AR", "207", None, None, id="storage away"),
    pytest.param(TimedOut("storage", 5), "AR", "207", None, None, id="storage slow"),
    pytest.param(DrimboxError("internal error"), "AR", "207", None, None, id="a defect"),
]


@pytest.mark.parametrize(("error", "code", "condition", "application", "location"), ROWS)
def test_answers_each_error(
    error: DrimboxError,
    code: str,
    condition: str,
    application: str | None,
    location: Location | None,
) -> None:
    answer = acknowledgement_of(error)
    assert answer.error is not None
    assert answer.code.value == code
    assert answer.error.condition.value[0] == condition
    found = answer.error.application_error
    assert (found.value[0] if found else None) == application
    assert answer.error.location == location
    assert answer.error.reason == str(error)


def test_every_error_has_its_row() -> None:
    named = {
        v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, DrimboxError)
    }
    assert named <= set(ANSWER_OF)


def test_nothing_that_is_wrong_is_accepted() -> None:
    assert AckCode.ACCEPTED not in {code for code, _, _ in ANSWER_OF.values()}


def test_control_ids_never_come_twice_and_fit_hl7_2_5() -> None:
    clock = FakeClock()
    control_ids = ControlIds(clock)
    first = [control_ids.new() for _ in range(50)]
    clock.advance(-10)
    found = first + [control_ids.new() for _ in range(50)]
    assert len(set(found)) == 100
    assert found == sorted(found)
    assert {len(control_id) for control_id in found} == {20}
