"""Ranges of ports for the networks that tests start: apart for each worker of a parallel run."""

import os
import re

from drimbox.errors import SettingsError
from drimbox.sandbox.network.addresses import Addresses, choose_addresses

# Below the ports that the system gives to clients (32768 and up).
_FIRST, _OF_ONE_WORKER, _STEP = 20_000, 1_200, 40


def free_addresses() -> Addresses:
    """Return a range that is free now, of those that belong to this worker."""
    worker = re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or "0"
    first = _FIRST + int(worker) % 10 * _OF_ONE_WORKER
    for base in range(first, first + _OF_ONE_WORKER, _STEP):
        try:
            return choose_addresses(base)
        except SettingsError:
            continue
    raise RuntimeError("every range of this worker is taken")
