"""A small PDF 1.4 of our own making: lines of text, and a link one can click.

ISO 32000-1: catalogue, pages, one font of the standard fourteen (WinAnsiEncoding), URI actions.
"""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_PAGE_WIDTH, _PAGE_HEIGHT = 595, 842  # A4, in points
_MARGIN, _LEADING = 56, 15
_LINES_A_PAGE = (_PAGE_HEIGHT - 2 * _MARGIN) // _LEADING
_CHARACTERS_A_LINE = 90


@dataclass(frozen=True, slots=True)
class PdfLine:
    """One line; link is where a click on it leads."""

    text: str
    size: int = 10
    is_bold: bool = False
    link: str | None = None


def wrap(text: str, *, size: int = 10, is_bold: bool = False) -> Iterator[PdfLine]:
    """Cut a paragraph into lines that fit the page."""
    for line in textwrap.wrap(text, _CHARACTERS_A_LINE * 10 // size) or [""]:
        yield PdfLine(line, size, is_bold)


def encode_pdf(lines: Sequence[PdfLine]) -> bytes:
    """Write the file."""
    pages = [lines[i : i + _LINES_A_PAGE] for i in range(0, len(lines), _LINES_A_PAGE)] or [()]
    objects = _Objects(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"",
            _font(b"Helvetica"),
            _font(b"Helvetica-Bold"),
        ]
    )
    numbers = [objects.add_page(page) for page in pages]
    kids = " ".join(f"{number} 0 R" for number in numbers)
    objects.bodies[1] = f"<< /Type /Pages /Kids [{kids}] /Count {len(numbers)} >>".encode()
    return objects.encode()


@dataclass(slots=True)
class _Objects:
    """The numbered objects of the file, from 1."""

    bodies: list[bytes]

    def add(self, body: bytes) -> int:
        self.bodies.append(body)
        return len(self.bodies)

    def add_page(self, lines: Sequence[PdfLine]) -> int:
        """Add a page with its text and its links; return its number."""
        stream = _text_stream(lines)
        content = self.add(b"<< /Length %d >>\nstream\n" % len(stream) + stream + b"\nendstream")
        links = [self.add(_link(index, line)) for index, line in enumerate(lines) if line.link]
        annotations = " ".join(f"{number} 0 R" for number in links)
        return self.add(
            (
                f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {_PAGE_WIDTH} {_PAGE_HEIGHT}]"
                f" /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >>"
                f" /Contents {content} 0 R /Annots [{annotations}] >>"
            ).encode()
        )

    def encode(self) -> bytes:
        octets = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
        offsets = []
        for number, body in enumerate(self.bodies, 1):
            offsets.append(len(octets))
            octets += b"%d 0 obj\n" % number + body + b"\nendobj\n"
        start = len(octets)
        count = len(self.bodies) + 1
        octets += b"xref\n0 %d\n0000000000 65535 f \n" % count
        for offset in offsets:
            octets += b"%010d 00000 n \n" % offset
        octets += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, start)
        return bytes(octets)


def _font(name: bytes) -> bytes:
    return b"<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding >>" % name


def _text_stream(lines: Sequence[PdfLine]) -> bytes:
    parts = [b"BT"]
    for index, line in enumerate(lines):
        font = b"F2" if line.is_bold else b"F1"
        colour = b"0 0 0.8 rg" if line.link else b"0 g"
        parts.append(
            b"%s /%s %d Tf 1 0 0 1 %d %d Tm (%s) Tj"
            % (colour, font, line.size, _MARGIN, _baseline(index), _escape(line.text))
        )
    parts.append(b"ET")
    return b"\n".join(parts)


def _link(index: int, line: PdfLine) -> bytes:
    bottom = _baseline(index) - 3
    right = _PAGE_WIDTH - _MARGIN
    rectangle = f"[{_MARGIN} {bottom} {right} {bottom + _LEADING}]"
    return (
        (
            f"<< /Type /Annot /Subtype /Link /Rect {rectangle} /Border [0 0 0] /A << /S /URI /URI ("
        ).encode()
        + _escape(line.link or "")
        + b") >> >>"
    )


def _baseline(index: int) -> int:
    return _PAGE_HEIGHT - _MARGIN - (index + 1) * _LEADING


def _escape(text: str) -> bytes:
    octets = text.encode("cp1252", "replace")
    for special in (b"\\", b"(", b")"):
        octets = octets.replace(special, b"\\" + special)
    return octets
