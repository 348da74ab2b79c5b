"""Two processes that run tests at once never start anything on the same port."""

import subprocess
import sys
from pathlib import Path

from tests.system.ports import free_addresses, free_port

_ROOT = Path(__file__).resolve().parents[2]
_PRINT = """
from tests.system.ports import free_addresses, free_port
print(free_addresses().base, *(free_port() for _ in range(300)))
"""


def test_another_process_has_ports_of_its_own() -> None:
    ours = {free_port() for _ in range(300)}
    base = free_addresses().base
    command = [sys.executable, "-c", _PRINT]
    printed = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
    other_base, *theirs = (int(port) for port in printed.stdout.split())
    assert ours.isdisjoint(theirs)
    assert base != other_base


def test_its_own_ports_come_round_again() -> None:
    assert len({free_port() for _ in range(600)}) <= 250
