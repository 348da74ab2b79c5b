"""The made-up patients of the demo: traits, a valid test INS, an IPP in each establishment.

Birth names are in capitals without accents, as the INS service returns them. Every family name
begins with DEMO and every INS stands under the authority of test numbers, so nobody can take one
for a real person's. An INS says sex, year and month of birth, birth place (COG), a rank and a key.
"""

from dataclasses import dataclass

from drimbox.model.patient import (
    BirthDate,
    District,
    Gender,
    Ins,
    InsAuthority,
    LocalPatientId,
    PatientTraits,
    ins_control_key,
)
from drimbox.sandbox.patients.establishments import (
    CONSUMER_ESTABLISHMENT,
    SOURCE_ESTABLISHMENT,
)


@dataclass(frozen=True, slots=True, repr=False)
class SandboxPatient:
    """One patient, as the DMP and the two establishments know one.

    is_ins_known_to_pacs: a PACS keeps the INS only of those imaged since it learnt to.
    """

    traits: PatientTraits
    source_patient_id: LocalPatientId
    consumer_patient_id: LocalPatientId
    is_ins_known_to_pacs: bool = False

    def __repr__(self) -> str:
        return "SandboxPatient()"


def made_up_ins(gender: Gender, birth_date: BirthDate, birth_place: District, rank: int) -> Ins:
    """Return the test INS that says all this, with its key."""
    sex = "1" if gender is Gender.MALE else "2"
    number = f"{sex}{birth_date.value[2:6]}{birth_place.value}{rank:03d}"
    return Ins(number + ins_control_key(number), InsAuthority.NIR_TEST)


@dataclass(frozen=True, slots=True)
class _Birth:
    gender: Gender
    day: str
    place: str
    rank: int


def _patient(
    family: str,
    given: str,
    birth: _Birth,
    *,
    used_family: str | None = None,
    used_given: str | None = None,
    is_ins_known_to_pacs: bool = False,
) -> SandboxPatient:
    """Build one patient; given holds every given name of the birth record, space-separated."""
    names = tuple(given.split())
    day, place = BirthDate(birth.day), District(birth.place)
    rank = birth.rank
    return SandboxPatient(
        traits=PatientTraits(
            ins=made_up_ins(birth.gender, day, place, rank),
            family_name=family,
            given_name=names[0],
            gender=birth.gender,
            birth_date=day,
            birth_place=place,
            birth_given_names=names,
            used_family_name=used_family,
            used_given_name=used_given,
        ),
        source_patient_id=LocalPatientId(f"80000{rank}", SOURCE_ESTABLISHMENT.patient_id_authority),
        consumer_patient_id=LocalPatientId(
            f"C{rank:03d}-2026", CONSUMER_ESTABLISHMENT.patient_id_authority
        ),
        is_ins_known_to_pacs=is_ins_known_to_pacs,
    )


LUCIE = _patient(
    "DEMO-MARCHAND",
    "LUCIE SOLANGE",
    _Birth(Gender.FEMALE, "19610412", "75114", 901),
)
ANGE = _patient(
    "DEMO-SANTUCCI",
    "ANGE",
    _Birth(Gender.MALE, "19580903", "2A004", 902),
    is_ins_known_to_pacs=True,
)
ANNE_SOPHIE = _patient(
    "DEMO-BERTHELOT",
    "ANNE-SOPHIE MARGUERITE JEANNE",
    _Birth(Gender.FEMALE, "19730728", "29232", 903),
    used_family="DEMO-VASSEUR",
    used_given="ANNE-SOPHIE",
)
MAMADOU = _patient(
    "DEMO-DIALLO",
    "MAMADOU",
    _Birth(Gender.MALE, "19741119", "99341", 904),
    is_ins_known_to_pacs=True,
)
CAMILLE = _patient(
    "DEMO-ROCHETTE",
    "CAMILLE LOUISE",
    _Birth(Gender.FEMALE, "19890215", "69383", 905),
    used_given="LOUISE",
)
MARIA = _patient(
    "DEMO-PAOLI",
    "MARIA LETIZIA",
    _Birth(Gender.FEMALE, "19491230", "2B033", 906),
    used_family="DEMO-D'ORIANO",
)
NOE = _patient(
    "DEMO-GUERIN",
    "NOE",
    _Birth(Gender.MALE, "20120606", "44109", 907),
)
PAUL = _patient(
    "DEMO-LAMBERT",
    "PAUL EMMANUEL CESAIRE",
    _Birth(Gender.MALE, "19450517", "97209", 908),
)

PATIENTS = (LUCIE, ANGE, ANNE_SOPHIE, MAMADOU, CAMILLE, MARIA, NOE, PAUL)
