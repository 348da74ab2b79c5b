"""`drimbox demo`: the whole network on loopback, and the journey through it."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from drimbox.command_line.failures import fail
from drimbox.errors import DrimboxError


class PacsKind(Enum):
    """Which PACS the demo starts on both sites."""

    BUILTIN = "builtin"
    ORTHANC = "orthanc"


def demo(
    descriptor: Annotated[
        Path | None, typer.Option(help="Write the addresses and identities to this JSON file.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Walk the whole journey, then end with 0 or 1.")
    ] = False,
    pacs: Annotated[PacsKind, typer.Option(help="PACS of both sites.")] = PacsKind.BUILTIN,
    port_base: Annotated[
        int | None, typer.Option(min=1024, max=65000, help="First port (default: a free range).")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Keep the demo's state here (default: forgotten).")
    ] = None,
) -> None:
    """Start the national services, PACS, a Source, a Consommatrice, a RIS and a DPI."""
    # Imported here: the sandbox weighs 16 MiB in memory, and `drimbox serve` has no use for it.
    from drimbox.command_line.running_demo import DemoRequest, run_demo

    request = DemoRequest(
        descriptor=descriptor,
        is_checked=check,
        has_orthanc=pacs is PacsKind.ORTHANC,
        port_base=port_base,
        data=data,
    )
    try:
        is_well = run_demo(request)
    except (DrimboxError, OSError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        return
    if not is_well:
        raise typer.Exit(1)
