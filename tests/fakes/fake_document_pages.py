"""Draws pages without a PDF library: the text after the header, one page a form feed."""

from dataclasses import dataclass, field

from drimbox.errors import MalformedMessage, NotFound

PNG = b"\x89PNG\r\n\x1a\n"


@dataclass
class FakeDocumentPages:
    """drawn lists every page asked for."""

    drawn: list[tuple[int, int]] = field(default_factory=list)

    async def read_pages(self, pdf: bytes) -> tuple[str, ...]:
        return _pages(pdf)

    async def draw_page(self, pdf: bytes, page: int, width_pixels: int) -> bytes:
        if page > len(_pages(pdf)):
            raise NotFound("no such page")
        self.drawn.append((page, width_pixels))
        return PNG + str(page).encode()


def _pages(pdf: bytes) -> tuple[str, ...]:
    if b"broken" in pdf:
        raise MalformedMessage("the PDF cannot be drawn")
    return tuple(pdf.removeprefix(b"%PDF-1.4\n").decode().split("\f"))
