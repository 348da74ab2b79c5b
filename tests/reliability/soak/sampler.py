"""What each process of two boxes holds, read from /proc, and how their event loops fare."""

import asyncio
import time
from collections.abc import Iterable, Mapping

import aiohttp
import psutil
from prometheus_client.parser import text_string_to_metric_families
from tests.reliability.soak.figures import LoopFigures, Sample


class Sampler:
    """Samples by the name of the process; the children of a box are one more, all together."""

    def __init__(self, boxes: Mapping[str, int]) -> None:
        self._boxes = {name: psutil.Process(pid) for name, pid in boxes.items()}
        self.samples: dict[str, list[Sample]] = {}

    async def run(self, started: float, every_seconds: float) -> None:
        """Look until cancelled; started is on the monotonic clock."""
        while True:
            at = time.monotonic() - started
            for name, process in self._boxes.items():
                self._note(name, at, [process])
                self._note(f"{name}, its children", at, process.children(recursive=True))
            await asyncio.sleep(every_seconds)

    def now(self) -> dict[str, Sample]:
        """Look at each box once, its children left aside."""
        held = {name: _held_by(process) for name, process in self._boxes.items()}
        return {name: Sample(0, *one) for name, one in held.items() if one is not None}

    def _note(self, name: str, at: float, processes: Iterable[psutil.Process]) -> None:
        held = [one for one in map(_held_by, processes) if one is not None]
        self.samples.setdefault(name, []).append(
            Sample(
                at,
                sum(one[0] for one in held),
                sum(one[1] for one in held),
                sum(one[2] for one in held),
                sum(one[3] for one in held),
            )
        )


def _held_by(process: psutil.Process) -> tuple[int, int, int, float] | None:
    """Return memory, descriptors, threads and processor time; None once it has ended."""
    try:
        with process.oneshot():
            times = process.cpu_times()
            return (
                process.memory_info().rss,
                process.num_fds(),
                process.num_threads(),
                times.user + times.system,
            )
    except psutil.NoSuchProcess:
        return None


async def loop_figures(http: aiohttp.ClientSession, operator_port: int) -> LoopFigures:
    """Ask the operators' listener of a box."""
    async with http.get(f"http://127.0.0.1:{operator_port}/metrics") as answer:
        text = await answer.text()
    told = {
        (sample.name, sample.labels.get("le")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    rounds = told["drimbox_event_loop_held_seconds_count", None]
    in_time = told["drimbox_event_loop_held_seconds_bucket", "0.05"]
    waited = told["drimbox_processor_wait_seconds_total", None]
    return LoopFigures(rounds, rounds - in_time, waited)
