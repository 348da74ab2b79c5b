"""One transaction, once its message and its VIHF are accepted."""

from dataclasses import dataclass
from datetime import datetime

from drimbox.sandbox.dmp.judge_envelope import Message
from drimbox.sandbox.dmp.judge_vihf_attributes import Vihf
from drimbox.sandbox.dmp.refusals import Fault, security_fault


@dataclass(frozen=True, slots=True)
class Call:
    """A message, in whose name it is sent, and when."""

    message: Message
    vihf: Vihf
    now: datetime

    def check_mode(self, *modes: str) -> None:
        """Check the authentication mode.

        Raises:
            Fault: this transaction is not for it.
        """
        if self.vihf.mode not in modes:
            raise self.not_allowed(f"mode {self.vihf.mode} gives no right to this transaction")

    def check_patient(self, patient_id: str) -> None:
        """Check that the VIHF is about the patient of the transaction.

        Raises:
            Fault: it is about somebody else.
        """
        if patient_id != self.vihf.patient_id:
            raise self.not_allowed("resource-id is not the patient of the transaction")

    @staticmethod
    def not_allowed(reason: str) -> Fault:
        return security_fault("FailedAuthentication", f"VIHF: {reason}")
