"""XDS metadata of an exam that its KOS and its report share (annexe G of the DPI/PFI extract)."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from drimbox.model.document_entry import ReferenceId, ReferenceIdKind
from drimbox.model.imaging_codes import ANATOMIC_REGIONS, MODALITIES, modality_label
from drimbox.model.manifest import ImagingOrder
from drimbox.model.patient import AssigningAuthority
from drimbox.model.practice import Code
from drimbox.model.report import ImagingAct
from drimbox.model.uids import Oid, StudyInstanceUid


def event_codes(
    acts: Sequence[ImagingAct],
    stored_modalities: Sequence[str],
    *,
    modality_system: str,
    region_system: str,
) -> tuple[Code, ...]:
    """Return acts, modalities and regions; modalities that no act names are the stored ones."""
    ccam = (displayed(act.ccam) for act in acts if act.ccam is not None)
    declared = [m.value for act in acts for m in act.modalities if m.value in MODALITIES]
    stored = [m for m in stored_modalities if m in MODALITIES]
    modalities = (Code(m, modality_system, modality_label(m)) for m in declared or stored)
    regions = (
        Code(r.value, region_system, ANATOMIC_REGIONS[r.value])
        for act in acts
        for r in act.anatomic_regions
        if r.value in ANATOMIC_REGIONS
    )
    return tuple(dict.fromkeys((*ccam, *modalities, *regions)))


def displayed(code: Code) -> Code:
    """Return a code that has a display, which XDS requires (TF-3 4.2.3.1.2) and reports omit."""
    return code if code.display else replace(code, display=code.value)


def reference_ids(
    orders: Iterable[ImagingOrder], studies: Iterable[StudyInstanceUid]
) -> tuple[ReferenceId, ...]:
    """Return accessions, studies and orders, each once; PDSm gives a study no authority."""
    accessions, placers = [], []
    for order in orders:
        number = order.accession_number
        if number is not None and number.issuer is not None:
            kind = ReferenceIdKind.ACCESSION.value
            accessions.append(ReferenceId(number.value, kind, _authority(number.issuer)))
        if order.placer_order_number and order.placer_issuer is not None:
            issuer = _authority(order.placer_issuer)
            kind = ReferenceIdKind.ORDER.value
            placers.append(ReferenceId(order.placer_order_number, kind, issuer))
    kind = ReferenceIdKind.STUDY_INSTANCE_UID.value
    named = [ReferenceId(study, kind) for study in studies]
    return tuple(dict.fromkeys((*accessions, *named, *placers)))


def _authority(oid: Oid) -> AssigningAuthority:
    return AssigningAuthority(universal_id=oid)
