"""The independent clients of the bench: curl for one transfer, wrk for many requests."""

import asyncio
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from drimbox.errors import RejectedByPartner, SettingsError

Headers = Mapping[str, str]
_CYCLE = """
local paths = {}
for line in io.lines("PATHS") do paths[#paths + 1] = line end
local turn = 0
request = function()
  turn = turn % #paths + 1
  return wrk.format("GET", paths[turn])
end
done = function(summary)
  io.write(string.format('{"requests":%d,"microseconds":%d,"bytes":%d,"refused":%d,"broken":%d}\\n',
    summary.requests, summary.duration, summary.bytes, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Transfer:
    """One answer of curl; times in seconds from the start of the request."""

    octets: int
    first_byte: float
    total: float

    @property
    def megabytes_per_second(self) -> float:
        return self.octets / self.total / 1e6


async def transfer(
    url: str, headers: Headers, *, options: Sequence[str] = (), keep: Path | None = None
) -> Transfer:
    """Retrieve once with curl, into keep or into nothing.

    Raises:
        RejectedByPartner: another status than 200, or an answer that was cut.
    """
    form = '{"status":%{http_code},"octets":%{size_download},"first":%{time_starttransfer},'
    form += '"total":%{time_total}}'
    command = ["curl", "--silent", "--show-error", "--output", str(keep or "/dev/null")]
    command += ["--noproxy", "*", "--write-out", form, *options]
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    told = orjson.loads(await run([*command, url]))
    if told["status"] != 200:
        raise RejectedByPartner("bench", str(told["status"]), urlsplit(url).path)
    return Transfer(int(told["octets"]), float(told["first"]), float(told["total"]))


async def requests_per_second(
    urls: Sequence[str], headers: Headers, *, connections: int = 1, seconds: int = 2
) -> float:
    """Ask for these one after the other, again and again, with wrk on one thread.

    Raises:
        RejectedByPartner: an answer was an error, or broken off.
    """
    parts = urlsplit(urls[0])
    with tempfile.TemporaryDirectory(prefix="drimbox-bench-") as name:
        paths, script = Path(name) / "paths", Path(name) / "cycle.lua"
        paths.write_text("\n".join(_target(url) for url in urls))
        script.write_text(_CYCLE.replace("PATHS", str(paths)))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script)]
        for header, value in headers.items():
            command += ["-H", f"{header}: {value}"]
        printed = await run([*command, f"{parts.scheme}://{parts.netloc}"])
    told = orjson.loads(printed[printed.rindex(b"{") :])
    if told["refused"] or told["broken"] or not told["requests"]:
        raise RejectedByPartner("bench", f"{told}", parts.path)
    return float(told["requests"] / (told["microseconds"] / 1e6))


def _target(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


async def run(command: Sequence[str]) -> bytes:
    """Run a program and return what it prints.

    Raises:
        SettingsError: it is not installed.
        RejectedByPartner: it failed.
    """
    if shutil.which(command[0]) is None:
        raise SettingsError(command[0], f"not installed: apt-get install {command[0]}")
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    printed, errors = await process.communicate()
    if process.returncode:
        raise RejectedByPartner(command[0], str(process.returncode), errors.decode().strip()[-500:])
    return printed
