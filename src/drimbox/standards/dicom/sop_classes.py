"""Storage SOP classes: those shared between boxes, and what kind of object each is.

National list: "Volet Accès aux documents de santé en Imagerie", annex 1 (CS.86); the classes that
a study of the S-domains also holds (PET, reports, key objects, PDF) are added behind it.
"""

from collections.abc import Iterable

from drimbox.model.uids import SopClassUid

KEY_OBJECT_SELECTION = SopClassUid("1.2.840.10008.5.1.4.1.1.88.59")
_ROOT = "1.2.840.10008.5.1.4.1.1."

_NATIONAL = (
    "1", "1.1", "1.1.1", "1.2", "1.2.1", "1.3", "1.3.1",
    "2", "2.1", "2.2",
    "3.1",
    "4", "4.1", "4.2", "4.3", "4.4",
    "6.1", "6.2",
    "7", "7.1", "7.2", "7.3", "7.4",
    "11.1", "11.2", "11.3", "11.4", "11.5",
    "12.1", "12.1.1", "12.2", "12.2.1",
    "13.1.1", "13.1.2", "13.1.3", "13.1.4", "13.1.5",
    "20",
    "66", "66.1", "66.2", "66.3", "66.4", "66.5", "67", "68.1", "68.2",
)  # fmt: skip
_ADDED = (
    "128", "128.1", "130",
    "88.11", "88.22", "88.33", "88.50", "88.59", "88.65", "88.67", "88.68", "88.69", "88.75",
    "88.76",
    "104.1", "104.2",
    "77.1.1", "77.1.1.1", "77.1.4", "77.1.4.1", "77.1.5.1", "77.1.5.2",
    "9.1.1", "9.1.2",
    "481.1", "481.2", "481.3", "481.5",
    "11.6", "11.8",
)  # fmt: skip

NATIONAL_SOP_CLASSES = tuple(SopClassUid(_ROOT + suffix) for suffix in _NATIONAL)
STORAGE_SOP_CLASSES = NATIONAL_SOP_CLASSES + tuple(SopClassUid(_ROOT + s) for s in _ADDED)

# Without pixels: reports and key objects, documents, presentation states, spectroscopy, raw data,
# registrations and fiducials, value mappings, surfaces, plans and structures of radiotherapy.
_NOT_IMAGES = (
    "88.", "104.", "11.", "4.2", "66", "66.1", "66.2", "66.3", "66.5", "66.6", "67", "68.", "79.",
    "90.", "78.", "77.1.5.3", "77.1.5.7", "481.3", "481.4", "481.5", "481.6", "481.7", "481.8",
    "481.9", "481.10", "481.11", "481.12", "481.13", "200.", "201.",
)  # fmt: skip

_MODALITIES = {
    "1": "CR", "1.1": "DX", "1.1.1": "DX", "1.2": "MG", "1.2.1": "MG", "1.3": "IO", "1.3.1": "IO",
    "2": "CT", "2.1": "CT", "2.2": "CT", "3.1": "US", "4": "MR", "4.1": "MR", "4.2": "MR",
    "4.3": "MR", "4.4": "MR", "6.1": "US", "6.2": "US", "12.1": "XA", "12.1.1": "XA", "12.2": "RF",
    "12.2.1": "RF", "13.1.1": "XA", "13.1.3": "MG", "20": "NM", "128": "PT", "130": "PT",
    "88.59": "KO", "104.1": "DOC", **dict.fromkeys(
        ("11.1", "11.2", "11.3", "11.4", "11.5", "11.6", "11.8"), "PR"
    ),
}  # fmt: skip
_CAPTURES = tuple(SopClassUid(_ROOT + suffix) for suffix in ("7", "7.1", "7.2", "7.3", "7.4"))


def value_type_of(sop_class_uid: SopClassUid) -> str:
    """Return how a KOS refers to such an object: IMAGE, WAVEFORM or COMPOSITE (TID 2010)."""
    suffix = sop_class_uid.removeprefix(_ROOT)
    if suffix.startswith("9."):
        return "WAVEFORM"
    is_other = any(
        suffix.startswith(kind) if kind.endswith(".") else suffix == kind for kind in _NOT_IMAGES
    )
    return "COMPOSITE" if is_other else "IMAGE"


def modality_of(sop_class_uid: SopClassUid) -> str:
    """Return the modality that such objects nearly always have; "" where there is none."""
    suffix = sop_class_uid.removeprefix(_ROOT)
    return "SR" if suffix.startswith("88.") and suffix != "88.59" else _MODALITIES.get(suffix, "")


def likely_sop_classes(modalities: Iterable[str]) -> tuple[SopClassUid, ...]:
    """Return what a study of these modalities may hold, where nothing else tells it.

    The few classes of each modality, and captures; those of an unknown one are all we know of.
    """
    found: dict[SopClassUid, None] = {}
    for modality in dict.fromkeys(modalities):
        named = [one for one in STORAGE_SOP_CLASSES if modality_of(one) == modality]
        found |= dict.fromkeys(named or STORAGE_SOP_CLASSES)
    return tuple(found | dict.fromkeys(_CAPTURES))


def is_report(sop_class_uid: SopClassUid) -> bool:
    """Tell whether it is a structured report or a key object selection: a tree of content."""
    return sop_class_uid.startswith(_ROOT + "88.")


def is_document(sop_class_uid: SopClassUid) -> bool:
    """Tell whether it encapsulates a document: PDF, CDA, STL, OBJ, MTL."""
    return sop_class_uid.startswith(_ROOT + "104.")
