"""Information et opposition à la consultation: what the calling software collected (TRA.04)."""

import unicodedata
from enum import Enum

from drimbox.errors import ConsentMissing, InvalidValue


class InformationEtOppositionConsultation(Enum):
    """The three wire words; nothing but InforméEtNonOpposé opens anything. No break-glass."""

    INFORME_ET_OPPOSE = "InforméEtOpposé"
    INFORME_ET_NON_OPPOSE = "InforméEtNonOpposé"
    NOT_COLLECTED = "N/A"

    @classmethod
    def parse(cls, text: str) -> "InformationEtOppositionConsultation":
        """Read the wire word; old software sends the accents decomposed (NFD).

        Raises:
            InvalidValue: any other word.
        """
        try:
            return cls(unicodedata.normalize("NFC", text))
        except ValueError:
            rule = "InforméEtOpposé, InforméEtNonOpposé ou N/A"
            raise InvalidValue("InformationEtOppositionConsultation", rule) from None

    @property
    def allows_consultation(self) -> bool:
        return self is InformationEtOppositionConsultation.INFORME_ET_NON_OPPOSE


def check_may_consult(consent: InformationEtOppositionConsultation) -> None:
    """Let only an informed, unopposed patient's documents be looked at (CO.93, CO.94).

    Raises:
        ConsentMissing: opposed, or not collected.
    """
    if consent is InformationEtOppositionConsultation.INFORME_ET_OPPOSE:
        raise ConsentMissing("the patient is opposed to the consultation")
    if not consent.allows_consultation:
        raise ConsentMissing(
            "information and opposition were not collected by the calling software"
        )
