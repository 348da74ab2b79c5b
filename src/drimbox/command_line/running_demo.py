"""A demo from its start to its end: started, told of or walked through, ended."""

import asyncio
import json
import shutil
import signal
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import typer

from drimbox.sandbox.journey.journey import walk
from drimbox.sandbox.network.addresses import choose_addresses
from drimbox.sandbox.network.descriptor import RunningDemo, descriptor_of
from drimbox.sandbox.network.network import DemoOptions, demo_network

_IMAGE_CACHE = Path("~/.cache/drimbox/images")


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """What the command line asks for; without data, the state is forgotten at the end."""

    descriptor: Path | None
    is_checked: bool
    has_orthanc: bool
    port_base: int | None
    data: Path | None


def run_demo(request: DemoRequest) -> bool:
    """Run until Ctrl-C, or through the journey; return whether all went well.

    Raises:
        DrimboxError, OSError: something did not start.
    """
    with ExitStack() as stack:
        if request.data is None:
            folder = Path(tempfile.mkdtemp(prefix="drimbox-demo-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        else:
            folder = request.data.absolute()
        options = DemoOptions(
            folder=folder,
            image_cache=_IMAGE_CACHE.expanduser(),
            addresses=choose_addresses(request.port_base),
            has_orthanc=request.has_orthanc,
        )
        return asyncio.run(_run(options, request.descriptor, is_checked=request.is_checked))


async def _run(options: DemoOptions, descriptor: Path | None, *, is_checked: bool) -> bool:
    """Return whether the journey went well; without a journey, run until Ctrl-C."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    typer.echo("drimbox demo")
    network = demo_network(options, _announce)
    starting = asyncio.create_task(network.__aenter__())
    stopping = asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            return True
        running = starting.result()
        if descriptor is not None:
            _write(descriptor, running)
        if is_checked:
            return await walk(running, _announce)
        _tell_addresses(running)
        await stopped.wait()
        return True
    finally:
        stopping.cancel()
        if starting.done() and not starting.cancelled() and starting.exception() is None:
            await network.__aexit__(None, None, None)


def _announce(what: str, seconds: float, *, is_well: bool = True) -> None:
    mark = typer.style("✓", fg="green") if is_well else typer.style("✗", fg="red")
    typer.echo(f"  {mark} {what:<72} {seconds:7.2f} s")


def _write(path: Path, running: RunningDemo) -> None:
    """Write beside, then rename: who waits for the file never reads half of it."""
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(json.dumps(descriptor_of(running), ensure_ascii=False, indent=1))
    beside.replace(path)


def _tell_addresses(running: RunningDemo) -> None:
    ports = running.addresses
    rows = (
        ("DPI (contextual call)", f"http://localhost:{ports.dpi}/"),
        ("Consommatrice", f"http://localhost:{ports.consumer_browser}/consultation"),
        ("Source, its interfaces", f"http://localhost:{ports.source_browser}/openapi/"),
        ("Source, metrics and alerts", f"http://localhost:{ports.source_operator}/admin/alerts"),
        ("DMP, what it holds", f"{running.services.documents_url}?patient=INS"),
        ("Pro Santé Connect", running.services.pro_sante_connect_issuer),
    )
    typer.echo("\nOpen:")
    for name, url in rows:
        typer.echo(f"  {name:<28} {url}")
    typer.echo("\nCtrl-C ends everything.")
