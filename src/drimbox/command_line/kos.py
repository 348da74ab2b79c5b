"""`drimbox kos`: read a KOS, or build the one that would be published."""

from pathlib import Path
from typing import Annotated

import typer

from drimbox.command_line.failures import fail
from drimbox.command_line.options import AsJson, SettingsFile
from drimbox.command_line.running import read_settings, run
from drimbox.command_line.tables import print_facts, print_rows
from drimbox.errors import DrimboxError, InvalidValue
from drimbox.gateway.kos import kos_builder
from drimbox.model.manifest import Manifest
from drimbox.model.uids import StudyInstanceUid
from drimbox.settings.load import Settings
from drimbox.standards.dicom.kos import encode_kos, parse_kos

app = typer.Typer(no_args_is_help=True, help="Key Object Selection documents.")
_SERIES = ("series_instance_uid", "modality", "series_number", "description", "instances", "url")
ShowsPatient = Annotated[
    bool, typer.Option("--patient", help="Show the patient too: think of who looks on.")
]


@app.command()
def show(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, metavar="FILE", help="KOS (DICOM file).")
    ],
    with_patient: ShowsPatient = False,
    as_json: AsJson = False,
) -> None:
    """Show what a KOS says, of whatever box: its study, order, series and addresses."""
    try:
        manifest = parse_kos(file.read_bytes())
    except (DrimboxError, OSError) as error:
        fail(str(error))
    _print(manifest, with_patient=with_patient, as_json=as_json)


@app.command()
def build(
    study_uid: Annotated[
        str, typer.Argument(metavar="STUDY_UID", help="Study Instance UID, published here before.")
    ],
    settings: SettingsFile,
    output: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write the KOS to this file.")
    ] = None,
    with_patient: ShowsPatient = False,
    as_json: AsJson = False,
) -> None:
    """Build the KOS of a study anew, from its report's publication and the PACS of today.

    Publishes nothing: its UIDs are new, and known to nobody.
    """
    try:
        study = StudyInstanceUid(study_uid)
    except InvalidValue as error:
        raise typer.BadParameter(str(error)) from None
    manifest = run(_build(read_settings(settings), study))
    if output is not None:
        try:
            with output.open("xb") as file:
                file.write(encode_kos(manifest))
        except OSError as error:
            fail(str(error))
    _print(manifest, with_patient=with_patient, as_json=as_json)


async def _build(settings: Settings, study: StudyInstanceUid) -> Manifest:
    async with kos_builder(settings) as build_kos:
        return await build_kos(study)


def _print(manifest: Manifest, *, with_patient: bool, as_json: bool) -> None:
    series = [
        {
            "series_instance_uid": one.series_instance_uid,
            "modality": one.modality,
            "series_number": one.series_number,
            "description": one.series_description,
            "instances": len(one.instances),
            "url": one.retrieve_url,
            "sop_instance_uids": [i.sop_instance_uid for i in one.instances],
        }
        for one in manifest.series
    ]
    facts = _facts(manifest) | (_patient(manifest) if with_patient else {})
    print_facts(facts | ({"series": series} if as_json else {}), as_json=as_json)
    if not as_json:
        typer.echo()
        print_rows(series, _SERIES, as_json=False)


def _facts(manifest: Manifest) -> dict[str, object]:
    order = manifest.order
    accession = order.accession_number if order else None
    return {
        "sop_instance_uid": manifest.sop_instance_uid,
        "study_instance_uid": manifest.study_instance_uid,
        "created_at": manifest.created_at.isoformat(timespec="seconds"),
        "study_date": manifest.study_date.isoformat() if manifest.study_date else None,
        "study_description": manifest.study_description,
        "act": manifest.act_display,
        "institution": manifest.institution_name,
        "accession_number": accession.value if accession else None,
        "accession_number_issuer": accession.issuer if accession else None,
        "placer_order_number": order.placer_order_number if order else None,
        "modalities": list(manifest.modalities),
        "instance_count": manifest.instance_count,
        "has_qualified_patient": manifest.patient is not None,
    }


def _patient(manifest: Manifest) -> dict[str, object]:
    traits, ins = manifest.patient, manifest.ins
    if traits is not None:
        ins = traits.ins
    return {
        "patient_ins": ins.xds_patient_id if ins else None,
        "patient_family_name": traits.family_name if traits else None,
        "patient_given_name": traits.given_name if traits else None,
        "patient_birth_date": traits.birth_date.value if traits else None,
        "patient_gender": traits.gender.value if traits else None,
    }
