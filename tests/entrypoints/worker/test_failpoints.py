"""Failpoints kill where they are told to, and never in production."""

import os
import signal

import pytest

from drimbox.entrypoints.worker.failpoints import VARIABLE, Failpoint, Failpoints
from drimbox.errors import SettingsError
from drimbox.settings.partners import Environment


def end_of_child(environment: Environment, value: str, reached: list[Failpoint]) -> int:
    """Reach failpoints in a forked child; return the signal that ended it, 0 if none."""
    child = os.fork()
    if child == 0:
        points = Failpoints.from_environment(environment, {VARIABLE: value})
        for failpoint in reached:
            points.reach(failpoint)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


BEFORE, AFTER = Failpoint.BEFORE_SEND, Failpoint.AFTER_SEND_BEFORE_MARK


@pytest.mark.parametrize(
    ("value", "reached", "ended_by"),
    [
        pytest.param("before_send", [BEFORE], signal.SIGKILL, id="the named one kills"),
        pytest.param("before_send", [AFTER, AFTER], 0, id="another one does not"),
        pytest.param("before_send:3", [BEFORE, BEFORE], 0, id="not before its turn"),
        pytest.param("before_send:3", [BEFORE] * 3, signal.SIGKILL, id="at its turn"),
        pytest.param("", [BEFORE], 0, id="none is armed"),
    ],
)
def test_a_failpoint_kills_at_its_turn(value: str, reached: list[Failpoint], ended_by: int) -> None:
    assert end_of_child(Environment.TEST, value, reached) == ended_by


def test_production_has_no_failpoints() -> None:
    assert end_of_child(Environment.PRODUCTION, "before_send", [BEFORE]) == 0


@pytest.mark.parametrize("value", ["nowhere", "before_send:soon"])
def test_a_wrong_name_is_a_settings_error(value: str) -> None:
    with pytest.raises(SettingsError, match=VARIABLE):
        Failpoints.from_environment(Environment.TEST, {VARIABLE: value})
