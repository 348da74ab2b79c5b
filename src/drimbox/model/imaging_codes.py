"""The two national value sets an exam is looked for by: acquisition modality, anatomic region.

JDV_ModaliteAcquisition_CISIS (1.2.250.1.213.1.1.5.618, codes of DICOM) and
JDV_RegionAnatomique_CISIS (1.2.250.1.213.1.1.5.695, codes of SNOMED CT), with a French label for
screens. Boxes of the first generation published a few regions that have left the value set: they
can be shown, not asked for.
"""

from collections.abc import Mapping
from types import MappingProxyType

from drimbox.model.uids import Oid

MODALITY_VALUE_SET = Oid("1.2.250.1.213.1.1.5.618")
MODALITY_CODE_SYSTEM = Oid("1.2.840.10008.2.16.4")
REGION_VALUE_SET = Oid("1.2.250.1.213.1.1.5.695")
REGION_CODE_SYSTEM = Oid("2.16.840.1.113883.6.96")

MODALITIES: Mapping[str, str] = MappingProxyType(
    {
        "AR": "Autoréfraction",
        "BDUS": "Échodensitométrie osseuse",
        "BI": "Imagerie biomagnétique",
        "BMD": "Ostéodensitométrie",
        "CR": "Radiographie",
        "CT": "Scanner",
        "DG": "Diaphanographie",
        "DMS": "Dermoscopie",
        "DX": "Radiographie numérique",
        "ECG": "Électrocardiographie",
        "EEG": "Électroencéphalographie",
        "EMG": "Électromyographie",
        "EOG": "Électrooculographie",
        "EPS": "Électrophysiologie cardiaque",
        "ES": "Endoscopie",
        "GM": "Microscopie générale",
        "HD": "Onde hémodynamique",
        "IO": "Radiographie intrabuccale",
        "IVOCT": "OCT intravasculaire",
        "IVUS": "Échographie intravasculaire",
        "KER": "Kératométrie",
        "LEN": "Frontofocométrie",
        "LS": "Balayage laser",
        "MG": "Mammographie",
        "MR": "IRM",
        "NM": "Médecine nucléaire",
        "OAM": "Biométrie oculaire",
        "OCT": "Tomographie à cohérence optique",
        "OP": "Photographie ophtalmique",
        "OPM": "Cartographie ophtalmique",
        "OPT": "Tomographie ophtalmique",
        "OPTBSV": "Tomographie ophtalmique, volume B-scan",
        "OPTENF": "Tomographie ophtalmique en face",
        "OPV": "Champ visuel",
        "OSS": "Scanner optique de surface",
        "POS": "Détecteur de position",
        "PT": "TEP",
        "PX": "Radiographie panoramique",
        "RESP": "Onde respiratoire",
        "RF": "Radioscopie",
        "RG": "Imagerie radiographique",
        "RTIMAGE": "Image de radiothérapie",
        "SM": "Microscopie de lames",
        "SRF": "Réfraction subjective",
        "TG": "Thermographie",
        "US": "Échographie",
        "VA": "Acuité visuelle",
        "XA": "Angiographie",
        "XC": "Photographie",
    }
)

ANATOMIC_REGIONS: Mapping[str, str] = MappingProxyType(
    {
        "774007": "Tête et cou",
        "67734004": "Thorax",
        "63337009": "Abdomen et pelvis",
        "53120007": "Membre supérieur",
        "61685007": "Membre inférieur",
        "737561001": "Colonne vertébrale, moelle épinière",
        "76752008": "Sein",
        "80891009": "Cœur",
        "113257007": "Système cardiovasculaire",
        "38266002": "Corps entier",
    }
)

_FORMER_REGIONS: Mapping[str, str] = MappingProxyType(
    {"69536005": "Tête", "45048000": "Cou", "786880003": "Bouche et dents"}
)

# What a study may hold beside its acquisitions (PS3.16 CID 33).
_OTHER_MODALITIES: Mapping[str, str] = MappingProxyType(
    {
        "DOC": "Document",
        "KO": "Images clés",
        "OT": "Autre",
        "PR": "Présentation",
        "REG": "Recalage",
        "SC": "Capture secondaire",
        "SEG": "Segmentation",
        "SR": "Rapport structuré",
    }
)


def modality_label(code: str) -> str:
    """Return the French label of a modality; the code itself when we know none."""
    return MODALITIES.get(code) or _OTHER_MODALITIES.get(code, code)


def region_label(code: str, display: str = "") -> str:
    """Return the French label of a region; what its publisher called it when we know none."""
    return ANATOMIC_REGIONS.get(code) or _FORMER_REGIONS.get(code) or display or code
