"""Data sets as they leave this box: Explicit VR Little Endian, identifiers changed, pixels as is.

    chunks as stored ─> inflate ─> elements ─> identifiers changed ─> Explicit VR ─> chunks

SO.39 inserts the qualified INS into Other Patient IDs; SO.41 forbids Implicit VR between boxes;
CO.77 replaces Patient ID by the local IPP at export. What is not touched keeps its octets.
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass

from drimbox.model.patient import Ins, LocalPatientId
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import TransferSyntaxUid
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.character_sets import character_set_term
from drimbox.standards.dicom.data_set import (
    DataSet,
    DataSetReader,
    Encoding,
    Incomplete,
    RawElement,
)
from drimbox.standards.dicom.data_set_encoding import encode_element, encode_header
from drimbox.standards.dicom.element_stream import (
    ElementEvent,
    ElementStream,
    LargeElement,
    Remainder,
    ValuePiece,
    WholeElement,
)
from drimbox.standards.dicom.inflation import BoundedInflater
from drimbox.standards.dicom.patient_identifiers import (
    FIRST_IDENTIFIER_TAG,
    LAST_IDENTIFIER_TAG,
    with_ins,
    with_local_patient_id,
)
from drimbox.standards.dicom.skimming import skim
from drimbox.standards.dicom.transfer_syntaxes import (
    CONVERTED_TO_EXPLICIT,
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    encoding_of,
)
from drimbox.standards.dicom.value_representations import swap_words, word_size

_GROUP_10_LENGTH = 0x00100000
_BEFORE_IDENTIFIERS = frozenset({_GROUP_10_LENGTH, tags.SPECIFIC_CHARACTER_SET})


@dataclass(frozen=True, slots=True)
class OutgoingIdentity:
    """What to change: an INS to have in Other Patient IDs, a local id to put in Patient ID."""

    ins: Ins | None = None
    local_patient_id: LocalPatientId | None = None

    def __repr__(self) -> str:
        return "OutgoingIdentity()"


def outgoing_syntax(transfer_syntax_uid: TransferSyntaxUid) -> TransferSyntaxUid:
    """Return the transfer syntax in which such a data set leaves."""
    if transfer_syntax_uid in CONVERTED_TO_EXPLICIT:
        return EXPLICIT_VR_LITTLE_ENDIAN
    return transfer_syntax_uid


def outgoing_instance(instance: InstanceStream, identity: OutgoingIdentity) -> InstanceStream:
    """Return the instance as it leaves; its chunks are rewritten while they are read."""
    return IdentifierWriter(identity).rewrite(instance)


class IdentifierWriter:
    """Changes instance after instance; identifiers said in the same octets are written once."""

    def __init__(self, identity: OutgoingIdentity) -> None:
        self._identity = identity
        self._read: tuple[DataSet, str] | None = None
        self._written = b""
        self._octets: tuple[bytes, bytes] | None = None

    def rewrite(self, instance: InstanceStream) -> InstanceStream:
        """Do as outgoing_instance does."""
        syntax = outgoing_syntax(instance.transfer_syntax_uid)
        return instance.with_chunks(_rewritten(instance, self), syntax)

    def write(self, held: DataSet, character_set: str) -> bytes:
        """Return the identifiers of one data set, changed.

        Raises:
            InvalidValue: the character set lacks a character of the new Patient ID.
        """
        if self._read != (held, character_set):
            changed = held
            if self._identity.local_patient_id is not None:
                changed = with_local_patient_id(
                    changed, self._identity.local_patient_id, character_set
                )
            if self._identity.ins is not None:
                changed = with_ins(changed, self._identity.ins)
            self._written = b"".join(encode_element(tag, changed[tag]) for tag in sorted(changed))
            self._read, self._octets = (held, character_set), None
        return self._written

    def note_octets(self, octets: bytes, character_set: bytes) -> None:
        """Note in which octets that was said which was written last."""
        self._octets = octets, character_set

    def write_again(self, octets: bytes, character_set: bytes) -> bytes | None:
        """Return what was written last if it was said in these octets, None otherwise."""
        return self._written if self._octets == (octets, character_set) else None


async def _rewritten(
    instance: InstanceStream, identifiers: IdentifierWriter
) -> AsyncIterator[bytes]:
    outgoing = OutgoingDataSet(instance.transfer_syntax_uid, identifiers)
    async for chunk in instance.chunks:
        if outgoing.is_past:
            yield chunk
            continue
        # The elements of a header leave together: each chunk costs whoever sends it on.
        if rewritten := _joined(outgoing.feed(chunk)):
            yield rewritten
    if rewritten := _joined(outgoing.finish()):
        yield rewritten


def _joined(pieces: Iterable[bytes]) -> bytes:
    """Return the pieces as one; a single one is not copied."""
    found = list(pieces)
    return found[0] if len(found) == 1 else b"".join(found)


def _identifiers_in(first: bytes) -> tuple[int, int, bytes] | None:
    """Tell from where to where the identifiers lie, and what Specific Character Set says."""
    before = skim(first, FIRST_IDENTIFIER_TAG - 1, _BEFORE_IDENTIFIERS)
    if before is None or _GROUP_10_LENGTH in before.values:
        return None
    identifiers = skim(first, LAST_IDENTIFIER_TAG, start=before.end)
    if identifiers is None:
        return None
    character_set = before.values.get(tags.SPECIFIC_CHARACTER_SET, b"")
    return before.end, identifiers.end, character_set


class OutgoingDataSet:
    """Rewrites one data set while it passes; at most MAX_HELD octets stay here.

    Args:
        transfer_syntax_uid: how the chunks fed are encoded; they leave in outgoing_syntax of it.
        identifiers: what changes them.
    """

    def __init__(
        self, transfer_syntax_uid: TransferSyntaxUid, identifiers: IdentifierWriter
    ) -> None:
        encoding = encoding_of(transfer_syntax_uid)
        self._is_explicit = encoding is Encoding.EXPLICIT_LITTLE
        self._is_big_endian = encoding.is_big_endian
        # Once the identifiers have passed, what is explicit already leaves unread.
        last_tag = LAST_IDENTIFIER_TAG if self._is_explicit else None
        self._elements = ElementStream(encoding, last_tag=last_tag)
        self._identifiers = identifiers
        self._held: DataSet | None = {}
        self._character_set = ""
        is_deflated = transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
        self._inflater = BoundedInflater() if is_deflated else None
        self._is_begun = False
        self.is_past = False
        """Whether what comes from now on leaves as it is."""
        self._word_size = 1
        self._split_word = b""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take a chunk and yield what can leave; read the iterator to its end.

        Raises:
            MalformedMessage: not a data set in that syntax, or one that expands without bound.
            InvalidValue: the character set lacks a character of the new Patient ID.
        """
        if not self._is_begun and self._is_explicit and self._inflater is None:
            chunk = self._pass_whole_head(chunk)
        self._is_begun = True
        if self.is_past:
            yield chunk
            return
        pieces = [chunk] if self._inflater is None else self._inflater.feed(chunk)
        for piece in pieces:
            for event in self._elements.feed(piece):
                if octets := self._pass(event):
                    yield octets

    def finish(self) -> Iterator[bytes]:
        """Yield what is left at the end of the data set.

        Raises:
            MalformedMessage: the data set is cut short.
        """
        if self._inflater is not None:
            self._inflater.finish()
        for event in self._elements.finish():
            if octets := self._pass(event):
                yield octets
        if octets := self._release_held() + self._split_word:
            yield octets

    def _pass_whole_head(self, first: bytes) -> bytes:
        """Change the identifiers at once where the first chunk holds all of them, as most do."""
        found = _identifiers_in(first)
        if found is not None:
            start, stop, character_set = found
            again = self._identifiers.write_again(first[start:stop], character_set)
            if again is not None:
                self._held, self.is_past = None, True
                return b"".join((first[:start], again, first[stop:]))
        reader, end = DataSetReader(first, Encoding.EXPLICIT_LITTLE), len(first)
        try:
            before, start = reader.read_through(FIRST_IDENTIFIER_TAG - 1, end)
            held, stop = reader.read_through(LAST_IDENTIFIER_TAG, end, start)
        except Incomplete:
            return first
        if stop == end or _GROUP_10_LENGTH in before:
            return first
        self._note_character_set(before.get(tags.SPECIFIC_CHARACTER_SET))
        self._held, self.is_past = held, True
        written = self._release_held()
        if found is not None:
            self._identifiers.note_octets(first[start:stop], found[2])
        return b"".join((first[:start], written, first[stop:]))

    def _note_character_set(self, element: RawElement | None) -> None:
        if element is not None and isinstance(element[1], bytes):
            self._character_set = character_set_term(element[1])

    def _pass(self, event: ElementEvent) -> bytes:
        match event:
            case WholeElement():
                return self._pass_whole(event)
            case LargeElement():
                bits = self._elements.bits_allocated
                size = word_size(event.tag, event.vr, bits)
                self._word_size = size if self._is_big_endian else 1
                header = encode_header(event.tag, event.vr, event.length)
                held = self._release_held() if event.tag > LAST_IDENTIFIER_TAG else b""
                return held + (event.octets if self._is_explicit else header)
            case ValuePiece():
                return self._in_little_endian(event.octets)
            case Remainder():
                return self._release_held() + event.octets

    def _pass_whole(self, event: WholeElement) -> bytes:
        tag, element = event.tag, event.element
        if tag == tags.SPECIFIC_CHARACTER_SET:
            self._note_character_set(element)
        if FIRST_IDENTIFIER_TAG <= tag <= LAST_IDENTIFIER_TAG and self._held is not None:
            self._held[tag] = element
            return b""
        # PS3.5 7.2: group lengths are retired, and no longer true of what is rewritten.
        if tag & 0xFFFF == 0 and (tag == _GROUP_10_LENGTH or not self._is_explicit):
            return b""
        octets = event.octets if self._is_explicit else encode_element(tag, element)
        return self._release_held() + octets if tag > LAST_IDENTIFIER_TAG else octets

    def _release_held(self) -> bytes:
        """Write the identifiers, changed; once."""
        if self._held is None:
            return b""
        held, self._held = self._held, None
        return self._identifiers.write(held, self._character_set)

    def _in_little_endian(self, octets: bytes) -> bytes:
        if self._word_size == 1:
            return octets
        octets = self._split_word + octets
        whole = len(octets) // self._word_size * self._word_size
        self._split_word = octets[whole:]
        return swap_words(octets[:whole], self._word_size)
