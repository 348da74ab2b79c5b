"""What a study holds beside images: a text SR and an encapsulated PDF (PS3.3 A.35.1, A.45.1)."""

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import BasicTextSRStorage, EncapsulatedPDFStorage, ExplicitVRLittleEndian

from drimbox.sandbox.patients.images.header import (
    SeriesFacts,
    StudyFacts,
    code_item,
    new_object,
    put_series,
)
from drimbox.sandbox.patients.images.plan import SeriesPlan

_DOSE_SHEET = (
    "Fiche de dose (donnees synthetiques)",
    "CTDIvol : 7,8 mGy",
    "PDL : 412 mGy.cm",
)


def structured_report_series(series: SeriesFacts) -> SeriesPlan:
    """Plan one Basic Text SR: the technologist's note."""
    return SeriesPlan(series, 1, _structured_report)


def dose_sheet_series(series: SeriesFacts) -> SeriesPlan:
    """Plan one encapsulated PDF: the dose sheet."""
    return SeriesPlan(series, 1, _dose_sheet)


def _structured_report(facts: StudyFacts, series: SeriesFacts, index: int) -> Dataset:
    item = new_object(facts, BasicTextSRStorage, ExplicitVRLittleEndian)
    put_series(item, facts, series, index)
    item.ReferencedPerformedProcedureStepSequence = Sequence()
    item.PerformedProcedureCodeSequence = Sequence()
    item.CompletionFlag, item.VerificationFlag = "COMPLETE", "UNVERIFIED"
    item.ValueType, item.ContinuityOfContent = "CONTAINER", "SEPARATE"
    item.ConceptNameCodeSequence = Sequence(
        [code_item("18748-4", "LN", "Diagnostic imaging report")]
    )
    text = Dataset()
    text.RelationshipType, text.ValueType = "CONTAINS", "TEXT"
    text.ConceptNameCodeSequence = Sequence([code_item("121106", "DCM", "Comment")])
    text.TextValue = "Injection bien tolérée. Données synthétiques."
    item.ContentSequence = Sequence([text])
    return item


def _dose_sheet(facts: StudyFacts, series: SeriesFacts, index: int) -> Dataset:
    item = new_object(facts, EncapsulatedPDFStorage, ExplicitVRLittleEndian)
    put_series(item, facts, series, index)
    item.ConversionType = "SYN"
    item.AcquisitionDateTime = ""
    item.BurnedInAnnotation = "NO"
    item.DocumentTitle = "Fiche de dose"
    item.ConceptNameCodeSequence = Sequence()
    item.MIMETypeOfEncapsulatedDocument = "application/pdf"
    content = one_page_pdf(_DOSE_SHEET)
    item.EncapsulatedDocumentLength = len(content)
    item.EncapsulatedDocument = content + b"\0" * (len(content) % 2)
    return item


def one_page_pdf(lines: tuple[str, ...]) -> bytes:
    """Return a PDF of one A4 page with these lines (ASCII, no parentheses needed inside)."""
    shown = b" T* ".join(b"(" + _escaped(line) + b") Tj" for line in lines)
    stream = b"BT /F1 14 Tf 22 TL 60 760 Td " + shown + b" ET"
    bodies = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        (
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
            b"/Resources<</Font<</F1 5 0 R>>>>>>"
        ),
        b"<</Length %d>>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    content, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(bodies, start=1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(content)
    content += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    content += b"".join(b"%010d 00000 n \n" % place for place in places)
    content += b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        len(bodies) + 1,
        start,
    )
    return bytes(content)


def _escaped(line: str) -> bytes:
    for character in "\\()":
        line = line.replace(character, "\\" + character)
    return line.encode("ascii")
