"""`drimbox serve`: run one box, with one or several worker processes."""

import asyncio
import os
import signal
from collections.abc import Sequence
from typing import Annotated

import typer
import uvloop

from drimbox.command_line.failures import fail
from drimbox.command_line.logging_setup import set_up_logging
from drimbox.command_line.options import SettingsFile
from drimbox.command_line.other_workers import (
    OtherWorkers,
    call_when_first_worker_is_gone,
    worker_number,
)
from drimbox.errors import DrimboxError
from drimbox.gateway.box import Box
from drimbox.gateway.garbage_collection import settle_memory
from drimbox.settings.load import Role, Settings, load_settings


def serve(
    settings: SettingsFile,
    role: Annotated[Role | None, typer.Option(help="Overrides the file's role.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Worker processes.")] = 1,
) -> None:
    """Run a box until SIGTERM or Ctrl-C, then drain and stop."""
    set_up_logging()
    # Files that the box writes hold identities: nobody else's to read (F1).
    os.umask(0o077)
    try:
        loaded = load_settings(settings, role=role)
    except DrimboxError as error:
        fail(str(error))
    arguments = ["--settings", str(settings), *(["--role", role.value] if role else [])]
    try:
        is_well = uvloop.run(_run(loaded, arguments, workers))
    except (DrimboxError, OSError) as error:
        fail(str(error))
    if not is_well:
        fail("a part of the box has stopped, see the log")


async def _run(settings: Settings, arguments: Sequence[str], workers: int) -> bool:
    """Run one worker, and the others if it is the first; return whether it ended as it was told."""
    number = worker_number()
    stopped = asyncio.Event()
    box = Box(
        settings,
        is_first_worker=number == 0,
        is_shared=workers > 1 or number > 0,
        on_failure=stopped.set,
    )
    others = OtherWorkers(arguments, workers - 1 if number == 0 else 0)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    if number > 0:
        call_when_first_worker_is_gone(stopped.set)
    try:
        await box.start()
        settle_memory()
        others.start()
        await stopped.wait()
    finally:
        others.begin_to_end()
        await box.stop()
        await others.wait()
    return not box.has_failed
