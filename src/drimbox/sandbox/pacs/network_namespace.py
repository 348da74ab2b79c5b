"""A network namespace of one's own, joined to this machine by a pair of virtual cables.

    this machine  198.18.n.1  <== veth ==>  198.18.n.2  namespace

What listens on every address inside is reached from here at 198.18.n.2 and from nowhere else: the
namespace has no other way out. 198.18.0.0/15 is set aside for tests (RFC 2544). Names carry the
process that made them, so that one which died without cleaning up is recognised.
"""

import asyncio
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from drimbox.errors import Unavailable

_NAME = re.compile(r"drimbox-(?P<pid>[0-9]+)-(?P<started>[0-9]+)-(?P<number>[0-9]+)\Z")
_NUMBERS = range(1, 250)


@dataclass(frozen=True, slots=True)
class NetworkNamespace:
    """One namespace; its number makes names and addresses."""

    name: str
    number: int

    @property
    def outer_address(self) -> str:
        """This machine, as the namespace sees it."""
        return f"198.18.{self.number}.1"

    @property
    def inner_address(self) -> str:
        """The namespace, as this machine sees it."""
        return f"198.18.{self.number}.2"

    @property
    def outer_link(self) -> str:
        return f"drimbox{self.number}"

    def command(self, *arguments: str) -> tuple[str, ...]:
        """Return the command line that runs these arguments inside."""
        return ("ip", "netns", "exec", self.name, *arguments)


def can_make_namespaces() -> bool:
    """Tell whether this process may try: root, with iproute2 installed."""
    return os.geteuid() == 0 and shutil.which("ip") is not None


async def make_namespace() -> NetworkNamespace:
    """Make a namespace, its cable and its addresses.

    Raises:
        Unavailable: the kernel does not let us, or no number is free.
    """
    await remove_stale_namespaces()
    for number in _NUMBERS:
        owner = f"{os.getpid()}-{_started(os.getpid())}"
        namespace = NetworkNamespace(f"drimbox-{owner}-{number}", number)
        inner = f"{namespace.outer_link}n"
        cable = ("link", "add", namespace.outer_link, "type", "veth", "peer", "name", inner)
        # The name of the cable is the lock: of two that want a number, one fails here.
        if not await _try_ip(*cable):
            continue
        try:
            await _join(namespace, inner)
        except Unavailable:
            await remove_namespace(namespace)
            raise
        return namespace
    raise Unavailable("network namespace", "cannot be made")


async def remove_namespace(namespace: NetworkNamespace) -> None:
    """Remove the cable and the namespace; what is gone already is no fault."""
    await _try_ip("link", "del", namespace.outer_link)
    await _try_ip("netns", "del", namespace.name)


async def remove_stale_namespaces() -> None:
    """Remove what a process that no longer lives left behind, and end what still runs in it."""
    for name in await _namespace_names():
        match = _NAME.match(name)
        if match is None or _started(int(match["pid"])) == match["started"]:
            continue
        for pid in (await _ip("netns", "pids", name)).split():
            os.kill(int(pid), 9)
        await remove_namespace(NetworkNamespace(name, int(match["number"])))


async def _join(namespace: NetworkNamespace, inner: str) -> None:
    outer = namespace.outer_link
    await _ip("netns", "add", namespace.name)
    await _ip("link", "set", inner, "netns", namespace.name)
    await _ip("addr", "add", f"{namespace.outer_address}/30", "dev", outer)
    await _ip("link", "set", outer, "up")
    within = ("-n", namespace.name)
    await _ip(*within, "addr", "add", f"{namespace.inner_address}/30", "dev", inner)
    await _ip(*within, "link", "set", inner, "up")
    await _ip(*within, "link", "set", "lo", "up")


async def _namespace_names() -> list[str]:
    listed = await _ip("netns", "list")
    return [line.split()[0] for line in listed.splitlines() if line.strip()]


def _started(pid: int) -> str:
    """Return when a process started, in ticks since boot; empty when there is none."""
    try:
        # Field 22 of /proc/pid/stat; the name in field 2 may hold spaces and parentheses.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


async def _ip(*arguments: str) -> str:
    """Run ip(8).

    Raises:
        Unavailable: it failed.
    """
    process = await asyncio.create_subprocess_exec(
        "ip", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    if process.returncode:
        raise Unavailable("ip", f"{' '.join(arguments)}: {errors.decode().strip()}")
    return output.decode()


async def _try_ip(*arguments: str) -> bool:
    try:
        await _ip(*arguments)
    except Unavailable:
        return False
    return True
