"""Which entries a caller may know of (DMP access rules, TRE_A07)."""

from drimbox.sandbox.dmp.codes import MASKED
from drimbox.sandbox.dmp.ebrim import RegistryObject
from drimbox.sandbox.dmp.judge_vihf_attributes import Vihf
from drimbox.sandbox.dmp.names import CONFIDENTIALITY_CODE
from drimbox.sandbox.dmp.patients import DmpPatient
from drimbox.sandbox.dmp.store import StoredEntry


def is_visible(
    stored: StoredEntry, entry: RegistryObject, vihf: Vihf, patient: DmpPatient | None
) -> bool:
    """Tell whether an entry exists for this caller.

    Another patient's never does; a masked one does for who provided it and for the treating
    physician. Visibility by the patient or legal representatives is no concern of professionals.
    """
    if stored.patient_id != vihf.patient_id:
        return False
    if not any(code.code == MASKED for code in entry.codes(CONFIDENTIALITY_CODE)):
        return True
    if stored.structure == vihf.structure:
        return True
    return patient is not None and bool(vihf.user) and patient.treating_physician == vihf.user
