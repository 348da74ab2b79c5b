"""`drimbox submission-set`: what feeds a report itself to the DMP (SC.DB/PFI.01)."""

import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from lxml import etree

from drimbox.command_line.failures import fail
from drimbox.command_line.running import read_settings
from drimbox.errors import DrimboxError
from drimbox.gateway.report_lot import ReportLot, make_report_lot
from drimbox.standards.xds.iti41_provide_and_register import encode_inline_request
from drimbox.standards.xds.xdm import encode_xdm


def submission_set(
    report: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, metavar="REPORT", help="CDA imaging report (XML)."
        ),
    ],
    settings: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="Settings of a Source: whose source id it is, and its certificate signs the lot.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write the ITI-41 request to this file.")
    ] = None,
    xdm: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write an IHE XDM archive (ZIP) instead.")
    ] = None,
) -> None:
    """Make the submission set of a report, with the imaging metadata that find it beside its KOS.

    Printed as the body of an ITI-41 request, documents inline; what is printed names the patient.
    Without --settings the lot is not signed, which the DMP wants: the PFI that feeds it signs.
    """
    loaded = read_settings(settings) if settings is not None else None
    try:
        lot = make_report_lot(report.read_bytes(), loaded, datetime.now(UTC))
        if xdm is not None:
            _write_xdm(xdm, lot)
            return
        request = etree.tostring(
            encode_inline_request(lot.metadata, lot.documents),
            encoding="UTF-8",
            xml_declaration=True,
        )
        if output is None:
            typer.echo(request.decode())
        else:
            with output.open("xb") as file:
                file.write(request)
    except (DrimboxError, OSError) as error:
        fail(str(error))


def _write_xdm(path: Path, lot: ReportLot) -> None:
    about = f"Compte rendu d'imagerie : {lot.submission.documents[0].entry.title}"
    files = encode_xdm(lot.metadata, lot.documents, about=about)
    with path.open("xb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
