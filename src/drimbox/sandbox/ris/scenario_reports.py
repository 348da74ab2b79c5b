"""The reports of the demo's studies: from the scenario to what the RIS writes."""

from datetime import timedelta

from drimbox.model.practice import Code
from drimbox.sandbox.patients.made_up_uid import made_up_uid
from drimbox.sandbox.patients.scenario import ReportText, ScenarioStudy
from drimbox.sandbox.ris.report import RisReport, RisStudy
from drimbox.sandbox.ris.report_document import encode_report_document
from drimbox.sandbox.ris.report_message import Sending, encode_report_message

_RADIOLOGIST = Code("G15_10/SM44", "1.2.250.1.213.1.1.4.5", "Médecin - Radio-diagnostic (SM)")
_HOSPITAL = Code("ETABLISSEMENT", "1.2.250.1.213.1.1.4.9", "Etablissement de santé")
_SECTOR_SYSTEM = "1.2.250.1.71.4.2.4"
_SECTOR_NAMES = {"SA01": "Etablissement public de santé", "SA04": "Etablissement privé"}
_TIME_TO_READ = timedelta(hours=1)


def report_of(study: ScenarioStudy, text: ReportText, *, viewer_host: str) -> RisReport:
    """Return the first version of a study's report."""
    establishment = study.holder.establishment
    procedure = study.procedure
    sector = establishment.sector_code
    return RisReport(
        document_id=made_up_uid("report", study.key, 1),
        set_id=made_up_uid("report", study.key),
        created_at=study.ended_at + _TIME_TO_READ,
        title=f"CR d'imagerie médicale - {procedure.description}",
        sections=(
            ("Indication", text.indication),
            ("Technique", text.technique),
            ("Résultats", text.findings),
            ("Conclusion", text.conclusion),
        ),
        patient=study.patient.traits,
        local_patient_id=study.local_patient_id,
        studies=(
            RisStudy(
                study_instance_uid=study.study_instance_uid,
                act=procedure.act,
                modalities=procedure.modalities,
                anatomic_regions=procedure.anatomic_regions,
                started_at=study.started_at,
                ended_at=study.ended_at,
                ccam=procedure.ccam,
            ),
        ),
        orders=(study.order,),
        author=study.read_by.practitioner,
        author_role=_RADIOLOGIST,
        structure=establishment.structure,
        facility_type=Code(sector, _SECTOR_SYSTEM, _SECTOR_NAMES.get(sector, sector)),
        practice_setting=_HOSPITAL,
        viewer_host=viewer_host,
        is_structured=text.is_structured,
    )


def message_of(report: RisReport, sending: Sending) -> bytes:
    """Return the whole message of a report."""
    return encode_report_message(report, encode_report_document(report), sending)
