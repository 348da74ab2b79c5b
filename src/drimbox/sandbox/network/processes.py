"""Child processes of the demo: started, waited for, ended by their own id; never left behind."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from drimbox.errors import TimedOut, Unavailable

_END_SECONDS = 15.0
_POLL_SECONDS = 0.05
# As docs/operations.md has it for a box in service: what threads free is used again.
_FEW_ARENAS = {"MALLOC_ARENA_MAX": "2"}


class Child:
    """One child; what it prints goes to a file of the demo's folder."""

    def __init__(self, name: str, arguments: Sequence[str], log_file: Path) -> None:
        self.name = name
        self.log_file = log_file
        self._arguments = list(arguments)
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise Unavailable(self.name, "is not started")
        return self._process.pid

    async def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Start it as `python -m ...` of this very interpreter."""
        with self.log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self._arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**_FEW_ARENAS, **os.environ, **(environment or {})},
                # A Ctrl-C in the terminal is the parent's to handle, in order.
                start_new_session=True,
            )

    async def wait_until(
        self, is_ready: Callable[[], Awaitable[bool]], *, timeout_seconds: float
    ) -> None:
        """Wait until it answers.

        Raises:
            Unavailable: it ended instead; the last lines it printed are told.
            TimedOut: it does not answer.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                while not await is_ready():
                    if self._process is None or self._process.returncode is not None:
                        raise Unavailable(self.name, f"ended at once:\n{self.last_lines()}")
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError as error:
            raise TimedOut(self.name, timeout_seconds) from error

    async def stop(self) -> None:
        """Ask it to end, and end it when it does not."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_END_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def kill(self) -> None:
        """End it as a crash does, and wait until the system is done with it."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def last_lines(self, count: int = 15) -> str:
        """Return the end of what it printed."""
        try:
            lines = self.log_file.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-count:])


async def accepts_connections(host: str, port: int) -> bool:
    """Tell whether something listens there."""
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True
