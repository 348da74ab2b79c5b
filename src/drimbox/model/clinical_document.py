"""What a person reads of a DMP document: kinds, title, author, and a body that is safe to show.

The body of a structured CDA is a small tree of its own (CDA R2 4.3.5, Narrative Block): only what
is listed here can reach a page, whatever the document holds.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from drimbox.model.patient import Ins
from drimbox.model.practice import Code
from drimbox.model.uids import StudyInstanceUid

_LOINC = "2.16.840.1.113883.6.1"


class DocumentKind(Enum):
    """typeCode of what professionals may read here (CO.58, CO.95), as JDV_J07 lists it."""

    IMAGING_REPORT = Code("18748-4", _LOINC, "Compte rendu d'imagerie")
    IMAGING_ORDER = Code("55115-0", _LOINC, "Demande d'acte d'imagerie")
    BIOLOGY_REPORT = Code("11502-2", _LOINC, "Compte rendu de biologie")
    MEDICAL_SUMMARY = Code("60591-5", _LOINC, "Synthèse médicale")
    VACCINATION_NOTE = Code("87273-9", _LOINC, "Note de vaccination")


KIND_OF_TYPE = {kind.value.value: kind for kind in DocumentKind}


class Mark(Enum):
    """What a narrative element becomes; the value is the HTML element it is shown as."""

    PARAGRAPH = "p"
    UNORDERED_LIST = "ul"
    ORDERED_LIST = "ol"
    ITEM = "li"
    TABLE = "table"
    CAPTION = "caption"
    HEAD = "thead"
    BODY = "tbody"
    FOOT = "tfoot"
    ROW = "tr"
    HEADER_CELL = "th"
    CELL = "td"
    SPAN = "span"
    BOLD = "strong"
    ITALICS = "em"
    UNDERLINE = "u"
    SUBSCRIPT = "sub"
    SUPERSCRIPT = "sup"
    LINE_BREAK = "br"


@dataclass(frozen=True, slots=True)
class Narrative:
    """One element, or a text where mark is None; spans are those of a table cell."""

    mark: Mark | None = None
    text: str = ""
    children: tuple["Narrative", ...] = ()
    column_span: int = 1
    row_span: int = 1


@dataclass(frozen=True, slots=True)
class Section:
    """One section; depth counts from 1."""

    title: str
    depth: int
    narrative: tuple[Narrative, ...]


@dataclass(frozen=True, slots=True)
class ClinicalDocument:
    """A document as it is shown: either sections, or a PDF; both empty where it has neither.

    studies are the exams it names; people and identifiers of the patient stay out of repr.
    """

    title: str
    created_at: datetime | None
    author: str
    structure: str
    patient_ins: Ins | None
    studies: tuple[StudyInstanceUid, ...] = ()
    sections: tuple[Section, ...] = ()
    pdf: bytes | None = None

    def __repr__(self) -> str:
        return f"ClinicalDocument({len(self.sections)} sections, pdf={self.pdf is not None})"
