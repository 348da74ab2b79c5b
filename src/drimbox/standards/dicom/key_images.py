"""Key Image Notes: which images somebody marked, and what for (PS3.3 A.35.4, TID 2010, RAD KIN).

The same SOP class also holds manifests and the rejection notes of IOCM: those mark no key images.
"""

from collections.abc import Mapping

from drimbox.errors import InvalidValue
from drimbox.model.key_images import KeyImage, KeyImages
from drimbox.model.uids import SeriesInstanceUid, SopInstanceUid
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.attributes import Attributes
from drimbox.standards.dicom.data_set import DataSet

_REFERENCED_FRAME_NUMBER = 0x00081160
_KEY_OBJECT_DESCRIPTION = "113012"
# CID 7010, 7011: rejected for quality, for safety, wrong worklist entry, out of date; manifests.
_NO_KEY_IMAGES = frozenset({"113001", "113037", "113038", "113039", "113030", "113031"})


def parse_key_images(data_set: DataSet) -> KeyImages | None:
    """Return what was marked, in the order of the note; None for a manifest or a rejection note.

    An image whose series the evidence does not name cannot be found and is left out.
    """
    document = Attributes(data_set)
    title_code, title = _concept(document)
    if title_code in _NO_KEY_IMAGES:
        return None
    series_of = _evidence(document)
    description, images = "", []
    for item in document.items(tags.CONTENT_SEQUENCE):
        if item.text(tags.VALUE_TYPE) == "TEXT" and _concept(item)[0] == _KEY_OBJECT_DESCRIPTION:
            description = item.text(tags.TEXT_VALUE)
        elif item.text(tags.VALUE_TYPE) == "IMAGE":
            images += [
                _key_image(reference, series_of)
                for reference in item.items(tags.REFERENCED_SOP_SEQUENCE)
            ]
    found = tuple(image for image in images if image is not None)
    return KeyImages(title_code, title, description, found)


def _concept(item: Attributes) -> tuple[str, str]:
    """Return code and meaning of what an item is about."""
    for concept in item.items(tags.CONCEPT_NAME_CODE_SEQUENCE):
        return concept.text(tags.CODE_VALUE), concept.text(tags.CODE_MEANING)
    return "", ""


def _evidence(document: Attributes) -> Mapping[str, SeriesInstanceUid]:
    """Return the series of each instance that the note refers to (PS3.3 C.17.2)."""
    found: dict[str, SeriesInstanceUid] = {}
    for study in document.items(tags.CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE):
        for series in study.items(tags.REFERENCED_SERIES_SEQUENCE):
            try:
                uid = SeriesInstanceUid(series.text(tags.SERIES_INSTANCE_UID))
            except InvalidValue:
                continue
            for instance in series.items(tags.REFERENCED_SOP_SEQUENCE):
                found[instance.text(tags.REFERENCED_SOP_INSTANCE_UID)] = uid
    return found


def _key_image(
    reference: Attributes, series_of: Mapping[str, SeriesInstanceUid]
) -> KeyImage | None:
    uid = reference.text(tags.REFERENCED_SOP_INSTANCE_UID)
    series = series_of.get(uid)
    if series is None:
        return None
    try:
        instance = SopInstanceUid(uid)
    except InvalidValue:
        return None
    texts = reference.texts(_REFERENCED_FRAME_NUMBER)
    frames = tuple(
        int(text) for text in texts if text.isdecimal() and 0 < int(text[:9]) == int(text)
    )
    return KeyImage(series, instance, frames)
