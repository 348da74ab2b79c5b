"""Ports for what tests start: apart for each process that runs tests, of whichever checkout."""

import itertools
import os
import re
import socket
from functools import cache

from drimbox.errors import SettingsError
from drimbox.sandbox.network.addresses import Addresses, choose_addresses

# Below the ports that the system gives to clients (32768 and up).
_FIRST, _OF_ONE_PROCESS, _STEP = 20_000, 600, 40
_FIRST_SINGLE, _SINGLES = 14_000, 250
_PROCESSES = 20
_counter = itertools.count()


def free_addresses() -> Addresses:
    """Return a range that is free now, of those that belong to this process."""
    first = _FIRST + _place() * _OF_ONE_PROCESS
    for base in range(first, first + _OF_ONE_PROCESS, _STEP):
        try:
            return choose_addresses(base)
        except SettingsError:
            continue
    raise RuntimeError("every range of this process is taken")


def free_port() -> int:
    """Return a port that is free now, and that neither a client nor another process is given."""
    first = _FIRST_SINGLE + _place() * _SINGLES
    for _ in range(_SINGLES):
        port = first + next(_counter) % _SINGLES
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("every port of this process is taken")


def _place() -> int:
    return _claim()[0]


@cache
def _claim() -> tuple[int, socket.socket]:
    """Take a place until this process ends; workers of one run begin at their own number.

    A name of a socket (unix(7), abstract) is a lock that nothing survives, and that other network
    namespaces, whose ports are others, do not see.
    """
    number = re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or "0"
    for n in range(_PROCESSES):
        place = (int(number) + n) % _PROCESSES
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0drimbox-test-ports-{place}")
        except OSError:
            claim.close()
            continue
        return place, claim
    raise RuntimeError(f"{_PROCESSES} processes run tests already")
