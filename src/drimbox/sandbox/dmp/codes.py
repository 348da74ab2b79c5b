"""Value sets a DMP accepts, by code system (JDV of the ANS; DICOM CID 29 in its French subset)."""

from typing import Final

DICOM_TERMS: Final = "1.2.840.10008.2.16.4"
DICOM_SOP_CLASSES: Final = "1.2.840.10008.2.6.1"
SNOMED_CT: Final = "2.16.840.1.113883.6.96"
LOINC: Final = "2.16.840.1.113883.6.1"
FACILITY_SYSTEM: Final = "1.2.250.1.71.4.2.4"
PRACTICE_SYSTEM: Final = "1.2.250.1.213.1.1.4.9"
CONTENT_TYPE_SYSTEM: Final = "1.2.250.1.213.2.2"
HL7_CONFIDENTIALITY: Final = "2.16.840.1.113883.5.25"
DMP_VISIBILITY: Final = "1.2.250.1.213.1.1.4.13"
PROFESSIONS: Final = "1.2.250.1.71.1.2.7"
DOCTOR_SPECIALITIES: Final = "1.2.250.1.71.4.2.5"
PHARMACIST_SECTIONS: Final = "1.2.250.1.71.4.2.6"
ASIP_ROLES: Final = "1.2.250.1.213.1.1.4.6"
PURPOSES_OF_USE: Final = "1.2.250.1.213.1.1.4.248"

KOS_SOP_CLASS: Final = "1.2.840.10008.5.1.4.1.1.88.59"
KOS_TYPE: Final = "IMG-KOS"

VALUE_SETS_TAKEN_FOR_CODE_SYSTEMS: Final = frozenset(
    {"1.2.250.1.213.1.1.5.618", "1.2.250.1.213.1.1.5.695"}
)
"""OIDs of JDV_ModaliteAcquisition and JDV_RegionAnatomique: no code system, older samples slip."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _numbered(prefix: str, first: int, last: int, *, but: frozenset[int] = frozenset()) -> set[str]:
    return {f"{prefix}{n:02d}" for n in range(first, last + 1) if n not in but}


MODALITIES: Final = _words(
    "AR BDUS BI BMD CR CT DG DMS DX ECG EEG EMG EOG EPS ES GM HD IO IVOCT IVUS KER LEN LS MG MR NM"
    " OAM OCT OP OPM OPT OPTBSV OPTENF OPV OSS POS PT PX RESP RF RG RTIMAGE SM SRF TG US VA XA XC"
)
ANATOMIC_REGIONS: Final = _words(
    "63337009 38266002 53120007 61685007 67734004 774007 113257007 80891009 76752008 737561001"
)
FACILITIES: Final = frozenset(_numbered("SA", 1, 69, but=frozenset({11, 62})))
PRACTICE_SETTINGS: Final = _words(
    "AMBULATOIRE AMO DEPISTAGE ESSMS ETABLISSEMENT HAD MAD PALLIATIF SAD SAMU_SMUR"
)
CONFIDENTIALITIES: Final = _words("N R V")
VISIBILITIES: Final = _words("MASQUE_PS INVISIBLE_PATIENT INVISIBLE_REPRESENTANTS_LEGAUX")

MASKED: Final = "MASQUE_PS"
HIDDEN_FROM_GUARDIANS: Final = "INVISIBLE_REPRESENTANTS_LEGAUX"

DOCTOR: Final = "10"
PHARMACIST: Final = "21"
ROLES: Final[dict[str, frozenset[str]]] = {
    PROFESSIONS: _words(
        "10 21 26 28 31 32 35 36 37 38 39 40 50 60 69 70 80 81 82 83 84 85 86 91 92 94 95 96 98"
    ),
    ASIP_ROLES: _words("ALIM_AM DISPOSITIF EXP_PATIENT SECRETARIAT_MEDICAL AUTOMATE"),
    "1.2.250.1.213.1.6.1.109": _words("71 72 73 93 97"),
    "1.2.250.1.213.1.6.1.4": _words("41 42 43 44 45 46 47 48 49 51 52 53"),
    "1.2.250.1.213.1.6.1.140": _words("99"),
    "1.2.250.1.71.1.2.8": _words("10 21 40 50"),
}
"""First role of a VIHF (JDV_J65), by code system."""
SECOND_ROLES: Final[dict[str, frozenset[str]]] = {
    DOCTOR_SPECIALITIES: frozenset(
        _numbered("SM", 1, 72)
        | _numbered("SCH", 1, 60)
        | _numbered("SI", 1, 4)
        | _numbered("CAPA", 1, 16)
        | {f"DSM{n}" for n in range(200, 241)}
    )
    | _words(
        "SCD01 SCD02 SCD03 PAC00 CEX22 CEX24 CEX26 CEX64 C01 C03 C05 C07 C09 C10 C11 C12 C13 C15"
        " C20 C23 C25 C27 C29 C30 C31 C33 C34 C35 C36 C37 C38 C39 C40 C41 C43 C45 C47 C51 C52 C54"
        " C57 C58 C60 C62 C68 C69 C71 C72 C75 C76 C83"
    ),
    PHARMACIST_SECTIONS: _words("A B C D DA DM E EA EB EC ED EG EH G H M"),
}
"""What completes a doctor's or a pharmacist's first role (JDV_J65)."""
