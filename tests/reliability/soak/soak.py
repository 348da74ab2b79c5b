"""R9: a demo under a mixed load, and what its two boxes hold meanwhile.

DPI, viewers, programs, peers ── 50 requests/s ──> Consommatrice, Source
modality and RIS ── 1 study and 1 report/s ──> PACS, Source ──> DMP
viewers ── 1 whole study/10 s, of no cache ──> Consommatrice ──> Source ──> PACS
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from tests.reliability.soak.consultation import Consultation, peer_connector
from tests.reliability.soak.figures import Figures, LoopFigures, Sample
from tests.reliability.soak.modality import Modality
from tests.reliability.soak.sampler import Sampler, loop_figures
from tests.reliability.soak.schedule import Schedule, Work
from tests.reliability.soak.verdict import Form
from tests.system.demo_client import DemoClient
from tests.system.ports import free_addresses

from drimbox.sandbox.network.reports import held_documents
from drimbox.sandbox.patients.identities import LUCIE
from drimbox.settings.load import load_settings

_START_SECONDS = 120
_PUBLISH_SECONDS = 120
_REST_SECONDS = 20
# Less than the studies are together, more than the viewed one and any other: most come anew.
_CACHE_BYTES = 72 * 1024 * 1024
# Contexts and their tokens end well within the warming up of the longer forms: what they leave in
# memory has come to its level then.
_LIFETIME_SECONDS = 120
_BOXES = ("consumer", "source")
_SETTINGS = {
    "DRIMBOX_STORAGE__CACHE_MAX_BYTES": str(_CACHE_BYTES),
    "DRIMBOX_CONTEXTUAL_CALL__CONTEXT_LIFETIME_SECONDS": str(_LIFETIME_SECONDS),
    "DRIMBOX_OAUTH__CONTEXT_TOKEN_SECONDS": str(_LIFETIME_SECONDS),
}


async def soak(form: Form, folder: Path) -> Figures:
    """Run a demo of its own for the time of the form; return what was seen."""
    async with running_demo(folder) as (descriptor, pids):
        sampler = Sampler(pids)
        async with _consultation(descriptor) as consultation:
            await consultation.prepare()
        before = sampler.now()
        async with _consultation(descriptor) as consultation:
            await consultation.prepare()
            figures = await _load(form, folder / "demo", consultation, sampler)
        after = await _come_to_rest(sampler, before)
        figures.at_rest = {name: (before[name], after[name]) for name in _BOXES}
        return figures


@contextlib.asynccontextmanager
async def _consultation(descriptor: Mapping[str, Any]) -> AsyncIterator[Consultation]:
    """Open connections of its own, all closed at the end."""
    async with aiohttp.ClientSession(trust_env=False, cookie_jar=aiohttp.DummyCookieJar()) as http:
        demo = DemoClient(descriptor=descriptor, http=http)
        connector = peer_connector(demo.peer_context())
        async with aiohttp.ClientSession(connector=connector, trust_env=False) as peer_http:
            yield Consultation(demo, peer_http)


async def _come_to_rest(sampler: Sampler, before: Mapping[str, Sample]) -> Mapping[str, Sample]:
    """Wait until what the load opened is closed; what is not then is for the verdict."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_REST_SECONDS):
            while any(  # noqa: ASYNC110 - no event tells
                now.descriptors > before[name].descriptors or now.threads > before[name].threads
                for name, now in sampler.now().items()
            ):
                await asyncio.sleep(0.5)
    return sampler.now()


async def _load(form: Form, data: Path, consultation: Consultation, sampler: Sampler) -> Figures:
    http, modality = consultation.demo.http, Modality(consultation.demo.descriptor)
    schedule = Schedule(
        [
            *consultation.works(),
            Work("study into the PACS, report to the Source", 1, modality.examine),
            Work("whole study", 0.1, consultation.retrieve_next_study),
        ]
    )
    ports = {name: load_settings(data / f"{name}.toml").operator.port for name in _BOXES}
    sampling = asyncio.create_task(sampler.run(schedule.started, form.sample_every_seconds))
    warm = asyncio.create_task(_loops_at(schedule.started + form.warm_up_seconds, http, ports))
    try:
        await schedule.run(form.seconds)
    finally:
        sampling.cancel()
    before, after = await warm, await _loops(http, ports)
    await _wait_until_published(consultation.demo.descriptor, modality.acknowledged)
    return Figures(
        answers=schedule.answers,
        samples=sampler.samples,
        loops={name: after[name].since(before[name]) for name in _BOXES},
        reports_acknowledged=len(modality.acknowledged),
        reports_published=await _count_published(
            consultation.demo.descriptor, modality.acknowledged
        ),
    )


@contextlib.asynccontextmanager
async def running_demo(folder: Path) -> AsyncIterator[tuple[Mapping[str, Any], Mapping[str, int]]]:
    """Run `drimbox demo`; yield its descriptor, and the process of each box."""
    descriptor = folder / "descriptor.json"
    with (folder / "output.txt").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "drimbox", "demo", "--port-base", str(free_addresses().base),
            "--data", folder / "demo", "--descriptor", descriptor, stdout=output, stderr=output,
            env=os.environ | _SETTINGS,
        )  # fmt: skip
    try:
        async with asyncio.timeout(_START_SECONDS):
            while not descriptor.exists():
                if process.returncode is not None:
                    raise RuntimeError((folder / "output.txt").read_text())
                await asyncio.sleep(0.1)
        yield json.loads(descriptor.read_text()), _pids_of_boxes(process.pid)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 60)
        if process.returncode is None:
            process.kill()
            await process.wait()


def _pids_of_boxes(demo: int) -> Mapping[str, int]:
    found = {}
    for child in psutil.Process(demo).children():
        arguments = child.cmdline()
        if "serve" in arguments:
            found[Path(arguments[-1]).stem] = child.pid
    return {name: found[name] for name in _BOXES}


async def _loops_at(
    instant: float, http: aiohttp.ClientSession, ports: Mapping[str, int]
) -> Mapping[str, LoopFigures]:
    await asyncio.sleep(instant - time.monotonic())
    return await _loops(http, ports)


async def _loops(
    http: aiohttp.ClientSession, ports: Mapping[str, int]
) -> Mapping[str, LoopFigures]:
    return {name: await loop_figures(http, port) for name, port in ports.items()}


async def _wait_until_published(descriptor: Mapping[str, Any], studies: set[str]) -> None:
    """Wait for the last lots; what is not in the DMP then is for the verdict to tell."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PUBLISH_SECONDS):
            while await _count_published(descriptor, studies) < len(studies):  # noqa: ASYNC110
                await asyncio.sleep(0.5)


async def _count_published(descriptor: Mapping[str, Any], studies: set[str]) -> int:
    held = await held_documents(descriptor["dmp"]["documents_url"], LUCIE.traits.ins.value)
    return len({one.study_instance_uid for one in held if one.type_code == "IMG-KOS"} & studies)
