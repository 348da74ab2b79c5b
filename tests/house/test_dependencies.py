"""Libraries: none older than the oldest without a known hole (threat V1), none loaded in vain."""

import re
import subprocess
import sys
from importlib.metadata import version

import pytest

# Lower bounds by advisory: raise one when an advisory says so, never lower it.
OLDEST_SAFE = {
    "authlib": "1.6.9",  # CVE of March 2026: alg none, foreign jwk, at_hash
    "cryptography": "50",
    "lxml": "6",
    "pydicom": "3.0.2",  # CVE-2026-32711: DICOMDIR leads out of its folder
    "pynetdicom": "3.0.4",  # CVE-2026-56445: a UID used as a path
    "python-multipart": "0.0.27",  # CVE-2026-40347, CVE-2026-42561
    "starlette": "1.10",  # CVE-2026-54283: limits on forms ignored
}


@pytest.mark.parametrize("name", OLDEST_SAFE)
def test_the_installed_version_is_safe(name: str) -> None:
    assert _numbers(version(name)) >= _numbers(OLDEST_SAFE[name])


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def test_a_box_loads_neither_numpy_nor_rich() -> None:
    """They cost 45 and 7 MiB in each process, with what comes along (decision 25)."""
    program = (
        "import sys; import drimbox.__main__, drimbox.gateway.box;"
        "heavy = ('numpy', 'pydicom', 'PIL', 'requests', 'rich', 'pygments');"
        "print([m for m in heavy if m in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert ran.stdout.strip() == "[]"
