"""Metadata of an instance that arrives in pieces: all its attributes but the large values.

A large value (pixels, an encapsulated PDF) is told of by its URI and never held.
"""

from collections.abc import Iterable

from drimbox.errors import MalformedMessage
from drimbox.model.retrieval import DicomJson
from drimbox.model.uids import TransferSyntaxUid
from drimbox.standards.dicom.data_set import (
    PIXEL_DATA_TAGS,
    DataSet,
    DataSetReader,
    Incomplete,
)
from drimbox.standards.dicom.dicom_json import BulkDataUri, encode_dicom_json
from drimbox.standards.dicom.element_stream import (
    ElementEvent,
    ElementStream,
    LargeElement,
    Remainder,
    WholeElement,
)
from drimbox.standards.dicom.inflation import BoundedInflater
from drimbox.standards.dicom.transfer_syntaxes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    encoding_of,
)

_LAST_TAG_BEFORE_PIXELS = min(PIXEL_DATA_TAGS) - 1
_LONGEST_HEADER = 12
MAX_METADATA_BYTES = 32 * 1024 * 1024
"""Octets of the elements that are held, large values apart."""


class MetadataReader:
    """Collects the metadata of one data set.

    Args:
        transfer_syntax_uid: how the chunks fed are encoded.
    """

    def __init__(self, transfer_syntax_uid: TransferSyntaxUid) -> None:
        self._encoding = encoding_of(transfer_syntax_uid)
        is_deflated = transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
        self._inflater = BoundedInflater() if is_deflated else None
        self._elements: ElementStream | None = None
        self._data_set: DataSet = {}
        self._large: dict[int, str] = {}
        self._pixels = b""
        self._held = 0
        self.is_complete = False
        """True once nothing but pixels, and what follows them, is to come."""

    def feed(self, chunk: bytes) -> None:
        """Take a chunk; those behind the header are not looked at.

        Raises:
            MalformedMessage: not a data set in that syntax, or one without end before its pixels.
        """
        if self.is_complete or not chunk:
            return
        pieces: Iterable[bytes] = [chunk] if self._inflater is None else self._inflater.feed(chunk)
        for piece in pieces:
            if self._feed(piece):
                return

    def _feed(self, piece: bytes) -> bool:
        """Take a piece; tell whether it was the last that matters."""
        if self._elements is not None:
            self._take(self._elements, piece)
        elif not self._is_whole_header(piece):
            self._elements = ElementStream(self._encoding, last_tag=_LAST_TAG_BEFORE_PIXELS)
            self._take(self._elements, piece)
        return self.is_complete

    def _is_whole_header(self, first: bytes) -> bool:
        """Read all of the header at once where the first chunk holds it, as most do."""
        try:
            data_set, offset = DataSetReader(first, self._encoding).read_before(
                PIXEL_DATA_TAGS, len(first)
            )
        except Incomplete:
            return False
        if offset + _LONGEST_HEADER > len(first):
            return False
        self._data_set = data_set
        self._pixels = first[offset : offset + _LONGEST_HEADER]
        self.is_complete = True
        return True

    def _take(self, elements: ElementStream, octets: bytes) -> None:
        self._note(elements.feed(octets))

    def _note(self, events: Iterable[ElementEvent]) -> None:
        for event in events:
            match event:
                case WholeElement():
                    self._hold(event)
                case LargeElement():
                    self._large[event.tag] = event.vr
                case Remainder():
                    self._pixels += event.octets[:_LONGEST_HEADER]
                    self.is_complete = len(self._pixels) >= _LONGEST_HEADER
                case _:
                    pass

    def _hold(self, event: WholeElement) -> None:
        self._held += len(event.octets)
        if self._held > MAX_METADATA_BYTES:
            raise MalformedMessage(f"more than {MAX_METADATA_BYTES} octets before the pixels")
        self._data_set[event.tag] = event.element

    def metadata(self, bulk_data_uri: BulkDataUri) -> DicomJson:
        """Return the attributes in the DICOM JSON model; call once is_complete or all was fed.

        Raises:
            MalformedMessage: the data set was cut short.
        """
        if not self.is_complete and self._elements is not None:
            self._note(self._elements.finish())
        converted = dict(encode_dicom_json(self._data_set, bulk_data_uri=bulk_data_uri))
        large = dict(self._large)
        if self._pixels:
            reader = DataSetReader(self._pixels, self._encoding)
            header = reader.read_header(0, len(self._pixels))
            large[header.tag] = reader.settled_vr(header, self._data_set)
        for tag, vr in large.items():
            name = f"{tag:08X}"
            converted[name] = {"vr": vr, "BulkDataURI": bulk_data_uri(name)}
        return dict(sorted(converted.items()))
