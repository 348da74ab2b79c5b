"""The FHIR id of a context's patient: opaque, and good for that context only."""

import hashlib

from drimbox.model.access import ConsultationContext

_LENGTH = 40


def patient_id(context: ConsultationContext) -> str:
    """Return an id of FHIR's alphabet that says nothing of the patient.

    Derived from the context, not from the INS: an INS must not travel in an address, nor a digest
    that anybody could compute for every possible INS.
    """
    return hashlib.sha256(b"patient " + context.identifier.encode()).hexdigest()[:_LENGTH]


async def patient_reference(context: ConsultationContext) -> str:
    """Return `Patient/<id>`."""
    return f"Patient/{patient_id(context)}"
