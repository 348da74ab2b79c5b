"""The data set of a KOS as far as a manifest is read from it.

Half of its octets are the content tree (0040,A730), which names each instance of the evidence once
more. Nothing is read of it but its text, which stands first: fifty KOS are read while a person
waits for the list of a patient's exams.
"""

from drimbox.errors import MalformedMessage
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.attributes import Attributes
from drimbox.standards.dicom.data_set import (
    ITEM,
    UNDEFINED_LENGTH,
    DataSet,
    DataSetReader,
    Encoding,
    Incomplete,
)

_KEY_OBJECT_DESCRIPTION = "113012"
_ITEM_HEADER = 8


def read_kos_data_set(octets: bytes, encoding: Encoding) -> DataSet:
    """Read all of it but the content items behind the Key Object Description.

    Raises:
        MalformedMessage: not a data set, as far as it is read.
    """
    reader = DataSetReader(octets, encoding)
    data_set, offset = reader.read_before(frozenset({tags.CONTENT_SEQUENCE}), len(octets))
    if offset == len(octets):
        return data_set
    header = reader.read_header(offset, len(octets))
    stop = header.value_offset + header.length
    if header.length == UNDEFINED_LENGTH:
        # Where it ends, only its items tell.
        element, stop = reader.read_element(header, len(octets), data_set)
    elif stop > len(octets):
        raise Incomplete
    else:
        element = "SQ", _items_up_to_the_text(octets, encoding, header.value_offset, stop)
    rest = DataSetReader(octets, encoding).read(stop, len(octets))
    return {**data_set, header.tag: element, **rest}


def _items_up_to_the_text(
    octets: bytes, encoding: Encoding, offset: int, end: int
) -> list[DataSet]:
    """Read items until the text is there; in writers of the field it is the first."""
    reader = DataSetReader(octets, encoding)
    items: list[DataSet] = []
    while end - offset >= _ITEM_HEADER:
        group, element, length = encoding.tag_and_length.unpack_from(octets, offset)
        if group << 16 | element != ITEM:
            raise MalformedMessage("a sequence holds something else than items (PS3.5 7.5)")
        stop = offset + _ITEM_HEADER + length
        if length == UNDEFINED_LENGTH:
            return [*items, *reader.read_items(offset, end)]
        if stop > end:
            raise Incomplete
        items += reader.read_items(offset, stop)
        if _is_description(Attributes(items[-1])):
            break
        offset = stop
    return items


def description_text(attributes: Attributes) -> str:
    """Return the Key Object Description; "" where there is none."""
    for item in attributes.items(tags.CONTENT_SEQUENCE):
        if _is_description(item):
            return item.text(tags.TEXT_VALUE)
    return ""


def _is_description(item: Attributes) -> bool:
    concept = item.first_item(tags.CONCEPT_NAME_CODE_SEQUENCE)
    return concept.text(tags.CODE_VALUE) == _KEY_OBJECT_DESCRIPTION
