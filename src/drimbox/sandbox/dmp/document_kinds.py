"""What each kind of DMP document must say of itself: the French DocumentEntry, as a table.

ANS-CI-SIS XDS profile, DRIM-M samples. Three kinds reach this DMP: the KOS, the imaging report, the
signature of the lot.
"""

from dataclasses import dataclass
from typing import Final

from drimbox.sandbox.dmp.codes import (
    DICOM_SOP_CLASSES,
    DMP_VISIBILITY,
    HL7_CONFIDENTIALITY,
    KOS_SOP_CLASS,
    KOS_TYPE,
    LOINC,
)
from drimbox.sandbox.dmp.names import REFERENCE_ID_LIST

Coded = tuple[str, str]
"""(code, code system)."""

_DMP_CLASSES: Final = "1.2.250.1.213.1.1.4.1"
_ALWAYS: Final = frozenset(
    {
        "creationTime",
        "languageCode",
        "legalAuthenticator",
        "serviceStartTime",
        "sourcePatientId",
        "hash",
        "size",
    }
)


@dataclass(frozen=True, slots=True)
class DocumentKind:
    """One row. formats lists what formatCode may be; slots those that must stand.

    confidentialities are those that must be present, whatever else is.
    """

    name: str
    mime_type: str
    class_code: Coded
    type_code: Coded
    formats: tuple[Coded, ...]
    languages: tuple[str, ...]
    slots: frozenset[str]
    confidentialities: frozenset[Coded] = frozenset()


KOS: Final = DocumentKind(
    name="KOS",
    mime_type="application/dicom",
    class_code=("31", _DMP_CLASSES),
    type_code=(KOS_TYPE, "1.2.250.1.213.1.1.4.12"),
    formats=((KOS_SOP_CLASS, DICOM_SOP_CLASSES),),
    languages=("fr-FR",),
    slots=_ALWAYS | {"sourcePatientInfo", REFERENCE_ID_LIST},
    confidentialities=frozenset({("N", HL7_CONFIDENTIALITY)}),
)
REPORT: Final = DocumentKind(
    name="imaging report",
    mime_type="text/xml",
    class_code=("10", _DMP_CLASSES),
    type_code=("18748-4", LOINC),
    formats=(
        ("urn:ihe:iti:xds-sd:pdf:2008", "1.3.6.1.4.1.19376.1.2.3"),
        ("urn:ihe:rad:CDA:ImagingReportStructuredHeadings:2013", "1.3.6.1.4.1.19376.1.2.3"),
    ),
    languages=("fr-FR",),
    slots=_ALWAYS | {"sourcePatientInfo"},
)
SIGNATURE: Final = DocumentKind(
    name="signature",
    mime_type="text/xml",
    class_code=("urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1", "URN"),
    type_code=("E1762", "ASTM"),
    formats=(("http://www.w3.org/2000/09/xmldsig#", "URN"),),
    languages=("art",),
    slots=_ALWAYS,
    confidentialities=frozenset(
        {
            ("N", HL7_CONFIDENTIALITY),
            ("MASQUE_PS", DMP_VISIBILITY),
            ("INVISIBLE_PATIENT", DMP_VISIBILITY),
        }
    ),
)
KINDS: Final = (KOS, REPORT, SIGNATURE)

SIGNATURE_EVENT: Final[Coded] = ("1.2.840.10065.1.12.1.14", "1.2.840.10065.1.12")

SINGLE_SLOTS: Final = frozenset(
    {
        "creationTime",
        "languageCode",
        "legalAuthenticator",
        "serviceStartTime",
        "serviceStopTime",
        "sourcePatientId",
        "hash",
        "size",
        "URI",
        "repositoryUniqueId",
        "documentAvailability",
        "submissionTime",
    }
)
"""submissionTime is no IHE slot of a DocumentEntry, but every official DMP sample has it."""
OTHER_SLOTS: Final = frozenset({"sourcePatientInfo", REFERENCE_ID_LIST})


def kind_of(type_code: Coded) -> DocumentKind | None:
    """Return the kind whose typeCode this is."""
    return next((kind for kind in KINDS if kind.type_code == type_code), None)
