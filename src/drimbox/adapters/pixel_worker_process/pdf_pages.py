"""Pages of a PDF, drawn with pdfium in the jailed child: no script, form or link of it acts.

ISO 32000; pdfium does the reading, this file bounds it.
"""

import io

import pypdfium2

from drimbox.adapters.pixel_worker_process.pixels import NoSuchFrame

MAX_PAGES = 300
_MAX_HEIGHT_PIXELS = 6000
_MAX_TEXT_OF_A_PAGE = 20_000


def read_pages(pdf: bytes) -> list[str]:
    """Return the text of each page, at most MAX_PAGES."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [_text(document[number]) for number in range(min(len(document), MAX_PAGES))]
    finally:
        document.close()


def draw_page(pdf: bytes, page: int, width_pixels: int) -> bytes:
    """Return a page as PNG.

    Raises:
        NoSuchFrame: there is no such page.
    """
    document = pypdfium2.PdfDocument(pdf)
    try:
        if not 1 <= page <= min(len(document), MAX_PAGES):
            raise NoSuchFrame
        drawn = document[page - 1]
        width, height = drawn.get_size()
        scale = min(width_pixels / max(width, 1), _MAX_HEIGHT_PIXELS / max(height, 1))
        picture = drawn.render(scale=scale, may_draw_forms=False).to_pil()
        octets = io.BytesIO()
        picture.save(octets, "PNG", compress_level=1)
        return octets.getvalue()
    finally:
        document.close()


def _text(page: pypdfium2.PdfPage) -> str:
    text = page.get_textpage().get_text_range()
    return " ".join(text[:_MAX_TEXT_OF_A_PAGE].split())
