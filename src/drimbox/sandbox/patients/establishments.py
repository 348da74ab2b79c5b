"""The two made-up establishments of the demo: the one that images, the one that consults.

Identifiers have valid control digits (Luhn) and stand under 1.2.250.1.999, which names nobody.
"""

from dataclasses import dataclass

from drimbox.model.patient import AssigningAuthority
from drimbox.model.practice import Situation, Structure
from drimbox.model.uids import Oid


def luhn_digit(digits: str) -> str:
    """Return the digit that completes `digits` (RPPS, SIREN, SIRET, FINESS)."""
    doubled = (
        int(digit) * 2 if position % 2 == 0 else int(digit)
        for position, digit in enumerate(reversed(digits))
    )
    return str(-sum(value - 9 if value > 9 else value for value in doubled) % 10)


@dataclass(frozen=True, slots=True)
class SandboxEstablishment:
    """One establishment with its identifiers and what its software stamps on data.

    finess is 9 characters, siret 14 digits. The three authorities are those of the IPP, of the
    accession numbers and of the placer order numbers.
    """

    name: str
    finess: str
    siret: str
    sector_code: str
    patient_id_authority: AssigningAuthority
    accession_number_issuer: Oid
    placer_order_issuer: Oid

    @property
    def situation(self) -> Situation:
        """The Struct_IdNat of the establishment: 1 + FINESS."""
        return Situation("1" + self.finess)

    @property
    def structure(self) -> Structure:
        return Structure(identifier=self.situation.value, name=self.name)


def _finess(number: str) -> str:
    return number + luhn_digit(number)


def _siret(siren: str, site: str) -> str:
    whole = siren + luhn_digit(siren) + site
    return whole + luhn_digit(whole)


SOURCE_ESTABLISHMENT = SandboxEstablishment(
    name="CENTRE HOSPITALIER DE DEMOVILLE",
    finess=_finess("99078101"),
    siret=_siret("99900010", "0001"),
    sector_code="SA01",
    patient_id_authority=AssigningAuthority("CH-DEMOVILLE", Oid("1.2.250.1.999.10.1")),
    accession_number_issuer=Oid("1.2.250.1.999.10.2"),
    placer_order_issuer=Oid("1.2.250.1.999.10.3"),
)

CONSUMER_ESTABLISHMENT = SandboxEstablishment(
    name="CLINIQUE DES ESSAIS",
    finess=_finess("99078202"),
    siret=_siret("99900020", "0001"),
    sector_code="SA04",
    patient_id_authority=AssigningAuthority("CLINIQUE-ESSAIS", Oid("1.2.250.1.999.20.1")),
    accession_number_issuer=Oid("1.2.250.1.999.20.2"),
    placer_order_issuer=Oid("1.2.250.1.999.20.3"),
)

ESTABLISHMENTS = (SOURCE_ESTABLISHMENT, CONSUMER_ESTABLISHMENT)
