"""The codes that the demo's exams carry, each from the value set the French profile names.

Acts: JDV_CodesDocumentImagerie (LOINC); modalities: JDV_ModaliteAcquisition (DCM); regions:
JDV_RegionAnatomique (SNOMED CT); CCAM where the act has one that covers it exactly.
"""

from drimbox.model.practice import Code
from drimbox.model.uids import Oid

LOINC = Oid("2.16.840.1.113883.6.1")
CCAM = Oid("1.2.250.1.213.2.5")
DCM = Oid("1.2.840.10008.2.16.4")
SNOMED_CT = Oid("2.16.840.1.113883.6.96")

CT = Code("CT", DCM, "Tomodensitométrie")
MR = Code("MR", DCM, "Résonance magnétique")
MG = Code("MG", DCM, "Mammographie")
US = Code("US", DCM, "Échographie")
CR = Code("CR", DCM, "Radiographie assistée par ordinateur")
NM = Code("NM", DCM, "Médecine nucléaire")
PT = Code("PT", DCM, "TEP : Tomographie par émission de positons")

CHEST = Code("67734004", SNOMED_CT, "segment thoracique du tronc")
ABDOMEN_AND_PELVIS = Code("63337009", SNOMED_CT, "segment abdominopelvien du tronc")
HEAD_AND_NECK = Code("774007", SNOMED_CT, "tête et cou")
BREAST = Code("76752008", SNOMED_CT, "sein")
HEART = Code("80891009", SNOMED_CT, "cœur")
WHOLE_BODY = Code("38266002", SNOMED_CT, "corps entier")

CT_CHEST_ABDOMEN_WITH_CONTRAST = Code("42275-8", LOINC, "CT thorax et abdomen avec contraste IV")
CT_CHEST_WITHOUT_CONTRAST = Code("29252-4", LOINC, "CT thorax sans contraste")
MR_BRAIN_WITHOUT_CONTRAST = Code("30657-1", LOINC, "RM cerveau sans contraste")
BILATERAL_SCREENING_MAMMOGRAPHY = Code(
    "42174-3", LOINC, "mammographie numérique sein bilatéral ; incidences pour dépistage"
)
TRANSTHORACIC_ECHOCARDIOGRAPHY = Code("59281-6", LOINC, "échographie cardiaque transthoracique")
WHOLE_BODY_BONE_SCAN = Code(
    "39818-0", LOINC, "MN os du corps entier ; incidences avec radionucléide IV"
)
PET_SKULL_BASE_TO_THIGH = Code(
    "58741-0", LOINC, "TEP de la base du crâne à micuisse avec radionucléide IV"
)
CHEST_RADIOGRAPH_PA = Code("24648-8", LOINC, "RX thorax ; incidence postéroantérieure verticale")

CCAM_CT_THREE_REGIONS = Code(
    "ZZQH033",
    CCAM,
    "Scanographie de 3 territoires anatomiques ou plus, avec injection intraveineuse de "
    "produit de contraste",
)
CCAM_CT_CHEST = Code(
    "ZBQK001",
    CCAM,
    "Scanographie du thorax, sans injection intraveineuse de produit de contraste",
)
CCAM_MR_HEAD = Code(
    "ACQN001",
    CCAM,
    "Remnographie [IRM] du crâne et de son contenu, sans injection intraveineuse de produit "
    "de contraste",
)
CCAM_MAMMOGRAPHY = Code("QEQK004", CCAM, "Mammographie de dépistage")
CCAM_ECHOCARDIOGRAPHY = Code(
    "DZQM006",
    CCAM,
    "Échographie-doppler transthoracique du cœur et des vaisseaux intrathoraciques",
)
CCAM_PET = Code(
    "ZZQL016",
    CCAM,
    "Tomoscintigraphie du corps entier par émission de positons, avec tomodensitométrie [TEP-TDM]",
)
CCAM_CHEST_RADIOGRAPH = Code("ZBQK002", CCAM, "Radiographie du thorax")
