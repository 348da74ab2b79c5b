"""Consultation contexts made up for tests."""

from datetime import timedelta

from tests.fakes.consultation_site import DOCTOR
from tests.fakes.fake_clock import START
from tests.fakes.manifests import made_up_patient

from drimbox.model.access import Caller, CallerKind, ConsultationContext
from drimbox.model.consent import InformationEtOppositionConsultation
from drimbox.model.patient import AssigningAuthority, LocalPatientId
from drimbox.model.uids import Oid


def made_up_context(**changes: object) -> ConsultationContext:
    """Return a context that a doctor has confirmed, of the patient of made_up_manifest."""
    values: dict[str, object] = {
        "identifier": "a-context",
        "patient": made_up_patient(),
        "local_patient_id": LocalPatientId(
            "C001-2026", AssigningAuthority("CLINIQUE-ESSAIS", Oid("1.2.250.1.999.20.1"))
        ),
        "consent": InformationEtOppositionConsultation.INFORME_ET_NON_OPPOSE,
        "created_at": START,
        "expires_at": START + timedelta(minutes=20),
        "professional": DOCTOR,
    }
    return ConsultationContext(**(values | changes))  # type: ignore[arg-type]


def made_up_caller(context: ConsultationContext) -> Caller:
    return Caller(
        kind=CallerKind.PROFESSIONAL,
        subject=DOCTOR.national_id,
        scopes=frozenset({"patient/*.rs"}),
        context=context,
        professional=DOCTOR,
        access_token="psc-token",
    )
