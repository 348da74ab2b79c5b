"""What the figures depend on: the machine, and the versions of what was measured."""

import asyncio
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from drimbox.sandbox.bench.images_in_memory import images_place

_PROGRAMS = ("orthanc", "orthanc-dicomweb", "nginx-light", "chromium", "curl", "wrk")
_LIBRARIES = ("drimbox", "uvicorn", "uvloop", "httptools", "aiohttp", "numpy", "imagecodecs")


async def machine_facts() -> Mapping[str, str]:
    """Return what to print beside the figures."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    installed = [f"{name} {found}" for name in _PROGRAMS if (found := await _package(name))]
    async with images_place() as place:
        images = place.told
    return {
        "Processor": f"{_processor()}, {os.cpu_count()} cores",
        "Memory": f"{memory:.0f} GiB",
        "System": f"{_system()}, Linux {platform.release()}",
        "Python": platform.python_version(),
        "Libraries": ", ".join(f"{name} {version(name)}" for name in _LIBRARIES),
        "Programs": ", ".join(installed),
        "Images of the boxes": images,
    }


def _processor() -> str:
    for line in _lines(Path("/proc/cpuinfo")):
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _system() -> str:
    for line in _lines(Path("/etc/os-release")):
        name, _, value = line.partition("=")
        if name == "PRETTY_NAME":
            return value.strip('"')
    return platform.system()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


async def _package(name: str) -> str:
    """Return the version of a Debian package, empty where it is not installed."""
    try:
        process = await asyncio.create_subprocess_exec(
            "dpkg-query",
            "--show",
            "--showformat=${Version}",
            name,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except FileNotFoundError:
        return ""
    printed, _ = await process.communicate()
    return printed.decode().strip() if process.returncode == 0 else ""
