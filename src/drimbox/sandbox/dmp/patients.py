"""The patients this DMP knows, and whether theirs is open (TD0.2)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from drimbox.model.patient import Ins
from drimbox.sandbox.dmp.refusals import ContentRefused, RegistryError

AUTHORISED: Final = "VALIDE"
FORBIDDEN: Final = "INTERDIT"


@dataclass(frozen=True, slots=True)
class DmpPatient:
    """One DMP.

    is_authorised says whether professionals may consult it (AUTORISATION of TD0.2);
    treating_physician is the national id of the one who also sees masked documents.
    """

    ins: Ins
    is_open: bool = True
    is_authorised: bool = True
    treating_physician: str = ""


class Patients:
    """Who has a DMP, by patientId (CX)."""

    def __init__(self, patients: Iterable[DmpPatient]) -> None:
        self._by_id: Mapping[str, DmpPatient] = {}
        self.replace(patients)

    def replace(self, patients: Iterable[DmpPatient]) -> None:
        """Know these from now on, and nobody else."""
        self._by_id = {patient.ins.xds_patient_id: patient for patient in patients}

    def find(self, patient_id: str) -> DmpPatient | None:
        return self._by_id.get(patient_id)

    def ids_of(self, number: str) -> tuple[str, ...]:
        """Return the patientIds of an INS given without its authority, or as a whole CX."""
        return tuple(
            patient_id
            for patient_id, patient in self._by_id.items()
            if number in {patient_id, patient.ins.value}
        )

    def check_may_feed(self, patient_id: str) -> None:
        """Check that documents may enter.

        Raises:
            ContentRefused: XDSUnknownPatientId, or DMPClosed (the DMP's own code).
        """
        patient = self.find(patient_id)
        if patient is None:
            raise ContentRefused(RegistryError("XDSUnknownPatientId", "this patient has no DMP"))
        if not patient.is_open:
            raise ContentRefused(RegistryError("DMPClosed", "this DMP is closed"))

    def check_may_consult(self, patient_id: str) -> None:
        """Check that a professional may read; a patient without DMP simply has no documents.

        Raises:
            ContentRefused: DMPClosed, or LocalPolicyRestrictionError without authorisation.
        """
        patient = self.find(patient_id)
        if patient is None:
            return
        if not patient.is_open:
            raise ContentRefused(RegistryError("DMPClosed", "this DMP is closed"))
        if not patient.is_authorised:
            raise ContentRefused(
                RegistryError("LocalPolicyRestrictionError", "no authorisation on this DMP")
            )
