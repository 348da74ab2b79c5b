"""What kind of object each SOP class is, and which classes a modality is made of."""

import pytest

from drimbox.model.uids import SopClassUid
from drimbox.standards.dicom.sop_classes import (
    STORAGE_SOP_CLASSES,
    likely_sop_classes,
    modality_of,
    value_type_of,
)

ROOT = "1.2.840.10008.5.1.4.1.1."


@pytest.mark.parametrize(
    ("suffix", "modality", "value_type"),
    [
        ("2", "CT", "IMAGE"),
        ("4.1", "MR", "IMAGE"),
        ("88.11", "SR", "COMPOSITE"),
        ("88.59", "KO", "COMPOSITE"),
        ("11.1", "PR", "COMPOSITE"),
        ("104.1", "DOC", "COMPOSITE"),
        ("9.1.1", "", "WAVEFORM"),
    ],
)
def test_each_class_has_its_kind(suffix: str, modality: str, value_type: str) -> None:
    uid = SopClassUid(ROOT + suffix)
    assert (modality_of(uid), value_type_of(uid)) == (modality, value_type)


def test_a_modality_has_few_classes_and_captures() -> None:
    found = likely_sop_classes(["CT", "SR"])
    assert {f"{ROOT}2", f"{ROOT}2.1", f"{ROOT}88.11", f"{ROOT}7"} <= set(found)
    assert f"{ROOT}4" not in found
    assert len(found) == len(set(found))


def test_an_unknown_modality_may_be_anything() -> None:
    assert set(likely_sop_classes(["RTDOSE"])) == set(STORAGE_SOP_CLASSES)
