"""The other worker processes of `drimbox serve`: replaced when they end, gone with the first one.

first worker ──starts──▶ worker n     standard input: a pipe that the first one holds
worker n ends by itself               another is started, after a pause
SIGTERM to the first                  SIGTERM to each; waited for
the first is killed                   the pipe closes: each drains and ends
"""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence

import structlog

_VARIABLE = "DRIMBOX_WORKER_NUMBER"
_PAUSE_SECONDS = 2.0
_log = structlog.get_logger("workers")


def worker_number() -> int:
    """Return which worker this process is; 0 is the first, which starts the others."""
    return int(os.environ.get(_VARIABLE, "0"))


def call_when_first_worker_is_gone(callback: Callable[[], None]) -> None:
    """Call it once the first worker has ended, however that ended; in another worker only."""
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), callback)


class OtherWorkers:
    """So many more processes of `drimbox serve`, with these arguments."""

    def __init__(self, arguments: Sequence[str], count: int) -> None:
        self._command = (sys.executable, "-m", "drimbox", "serve", *arguments)
        self._numbers = range(1, count + 1)
        self._keepers: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._keepers = [asyncio.create_task(self._keep(number)) for number in self._numbers]

    def begin_to_end(self) -> None:
        """Tell each to end; they drain while this process does."""
        for keeper in self._keepers:
            keeper.cancel()

    async def wait(self) -> None:
        """Wait until all have ended."""
        await asyncio.gather(*self._keepers, return_exceptions=True)

    async def _keep(self, number: int) -> None:
        while True:
            try:
                code = await self._run_one(number)
            except OSError as error:
                _log.error("worker_not_started", number=number, reason=str(error))
            else:
                _log.error("worker_ended", number=number, exit_code=code)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _run_one(self, number: int) -> int:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            env={**os.environ, _VARIABLE: str(number)},
        )
        try:
            return await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
