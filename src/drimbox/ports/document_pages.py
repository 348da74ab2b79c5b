"""Pages of a PDF, drawn away from the server process: no PDF of others runs anywhere (X7)."""

from typing import Protocol


class DocumentPages(Protocol):
    """Every method raises MalformedMessage for a PDF that cannot be drawn within the limits."""

    async def read_pages(self, pdf: bytes) -> tuple[str, ...]:
        """Return the text of each page, for those who do not see the picture."""

    async def draw_page(self, pdf: bytes, page: int, width_pixels: int) -> bytes:
        """Return one page, counted from 1, as PNG.

        Raises:
            NotFound: there is no such page.
        """
