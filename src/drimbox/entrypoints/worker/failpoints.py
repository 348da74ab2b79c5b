"""Places where a test may kill the process, to prove that nothing is lost or done twice there."""

import os
import signal
from collections.abc import Mapping
from enum import Enum

from drimbox.errors import SettingsError
from drimbox.settings.partners import Environment

VARIABLE = "DRIMBOX_FAILPOINT"


class Failpoint(Enum):
    """The gaps between two durable steps."""

    AFTER_COMMIT = "after_commit"  # message concluded, nothing sent yet
    BEFORE_SEND = "before_send"  # job claimed
    AFTER_SEND_BEFORE_MARK = "after_send_before_mark"  # the DMP has it, we do not know


class Failpoints:
    """Kills this process, as kill -9 does, the nth time that one failpoint is reached."""

    def __init__(self, armed: Failpoint | None = None, countdown: int = 1) -> None:
        self._armed = armed
        self._countdown = countdown

    @classmethod
    def from_environment(
        cls, environment: Environment, variables: Mapping[str, str]
    ) -> "Failpoints":
        """Read `name` or `name:nth`; in production there are no failpoints, whatever it says.

        Raises:
            SettingsError: environment is test, and the variable names no failpoint.
        """
        text = variables.get(VARIABLE)
        if environment is not Environment.TEST or not text:
            return cls()
        name, _, nth = text.partition(":")
        try:
            return cls(Failpoint(name), int(nth or "1"))
        except ValueError:
            known = ", ".join(failpoint.value for failpoint in Failpoint)
            raise SettingsError(VARIABLE, f"one of {known}, then :n") from None

    def reach(self, failpoint: Failpoint) -> None:
        if failpoint is not self._armed:
            return
        self._countdown -= 1
        if self._countdown == 0:
            os.kill(os.getpid(), signal.SIGKILL)
