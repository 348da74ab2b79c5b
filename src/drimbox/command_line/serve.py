"""`drimbox serve`: run one box, with one or several worker processes."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from drimbox.command_line.failures import fail
from drimbox.command_line.logging_setup import set_up_logging
from drimbox.errors import DrimboxError
from drimbox.gateway.box import Box
from drimbox.gateway.garbage_collection import settle_memory
from drimbox.settings.load import Role, Settings, load_settings

_WORKER_VARIABLE = "DRIMBOX_WORKER_NUMBER"


def serve(
    settings: Annotated[Path, typer.Option(help="Settings file (TOML).")],
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
    number = int(os.environ.get(_WORKER_VARIABLE, "0"))
    others = _start_other_workers(settings, role, workers) if number == 0 else []
    try:
        uvloop.run(_run(loaded, number=number, is_shared=workers > 1 or number > 0))
    except (DrimboxError, OSError) as error:
        fail(str(error))
    finally:
        _stop(others)


async def _run(settings: Settings, *, number: int, is_shared: bool) -> None:
    box = Box(settings, is_first_worker=number == 0, is_shared=is_shared)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    try:
        await box.start()
        settle_memory()
        await stopped.wait()
    finally:
        await box.stop()


def _start_other_workers(
    settings: Path, role: Role | None, workers: int
) -> list[subprocess.Popen[bytes]]:
    arguments = [sys.executable, "-m", "drimbox", "serve", "--settings", str(settings)]
    if role is not None:
        arguments += ["--role", role.value]
    return [
        subprocess.Popen(arguments, env={**os.environ, _WORKER_VARIABLE: str(number)})
        for number in range(1, workers)
    ]


def _stop(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        child.terminate()
    for child in children:
        child.wait()
