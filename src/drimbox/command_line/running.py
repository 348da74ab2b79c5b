"""How a command runs its asynchronous work, and ends when that fails."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

from drimbox.command_line.failures import fail
from drimbox.command_line.logging_setup import keep_logs_apart
from drimbox.errors import DrimboxError
from drimbox.settings.load import Settings, load_settings

T = TypeVar("T")


def run(work: Coroutine[object, object, T]) -> T:
    """Run it to its end; what goes wrong is said on standard error, with exit code 1."""
    keep_logs_apart()
    try:
        return asyncio.run(work)
    except (DrimboxError, OSError) as error:
        fail(str(error))


def read_settings(path: Path) -> Settings:
    """Read the settings, or end with 1 and what is wrong with them."""
    try:
        return load_settings(path)
    except DrimboxError as error:
        fail(str(error))
