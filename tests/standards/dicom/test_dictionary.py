"""The dictionaries are pydicom's: it is asked the same of every attribute."""

import pytest
from pydicom import _private_dict, datadict

from drimbox.standards.dicom.dictionary import find_keyword, find_private_vr, find_tag, find_vr


def vr_of_pydicom(tag: int, creator: str | None = None) -> str | None:
    try:
        if creator is not None:
            return datadict.private_dictionary_VR(tag, creator)
        return datadict.dictionary_VR(tag)
    except KeyError:
        return None


def test_every_standard_attribute_is_known_alike() -> None:
    for tag, (vr, _, _, _, keyword) in datadict.DicomDictionary.items():
        assert (find_vr(tag), find_keyword(tag) or "") == (vr, keyword), f"{tag:08X}"
        if keyword:
            assert find_tag(keyword) == datadict.tag_for_keyword(keyword)


@pytest.mark.parametrize("group", [0x5000, 0x5FFE, 0x6000, 0x6001, 0x601E, 0x6020, 0x7F00])
def test_repeating_groups_are_known_alike(group: int) -> None:
    for element in range(0x4000):
        tag = group << 16 | element
        assert find_vr(tag) == vr_of_pydicom(tag), f"{tag:08X}"
        assert (find_keyword(tag) or "") == datadict.keyword_for_tag(tag)


@pytest.mark.parametrize("tag", [0x00203101, 0x002031FF, 0x50000005, 0x7F000010, 0x10101010])
def test_other_masks_are_known_alike(tag: int) -> None:
    assert (find_keyword(tag) or "") == datadict.keyword_for_tag(tag)


def test_every_private_attribute_is_known_alike() -> None:
    for creator, entries in _private_dict.private_dictionaries.items():
        for pattern in entries:
            tag = int(pattern.replace("x", "1"), 16)
            assert find_private_vr(tag, creator) == vr_of_pydicom(tag, creator)


@pytest.mark.parametrize("creator", ["SIEMENS CSA HEADER", "NOBODY", ""])
def test_what_nobody_knows_is_none(creator: str) -> None:
    assert find_private_vr(0x0029FFFF, creator) is None
    assert find_vr(0x00090010) is None
    assert find_keyword(0x00090010) is None
    assert find_tag("NoSuchKeyword") is None
    assert find_tag("") is None
