"""Ranges of ports for the networks that tests start: apart for each worker of a parallel run."""

import itertools
import os
import re
import socket

from drimbox.errors import SettingsError
from drimbox.sandbox.network.addresses import Addresses, choose_addresses

# Below the ports that the system gives to clients (32768 and up).
_FIRST, _OF_ONE_WORKER, _STEP = 20_000, 1_200, 40
_FIRST_SINGLE, _SINGLES = 14_000, 500
_counter = itertools.count()


def free_addresses() -> Addresses:
    """Return a range that is free now, of those that belong to this worker."""
    first = _FIRST + _worker() * _OF_ONE_WORKER
    for base in range(first, first + _OF_ONE_WORKER, _STEP):
        try:
            return choose_addresses(base)
        except SettingsError:
            continue
    raise RuntimeError("every range of this worker is taken")


def free_port() -> int:
    """Return a port that is free now, and that neither a client nor another worker is given."""
    first = _FIRST_SINGLE + _worker() * _SINGLES
    for _ in range(_SINGLES):
        port = first + next(_counter) % _SINGLES
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("every port of this worker is taken")


def _worker() -> int:
    number = re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or "0"
    return int(number) % 10
