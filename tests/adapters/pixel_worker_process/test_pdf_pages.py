"""A PDF becomes pictures and text in the jailed child; a hostile one ends in an error."""

import io
from collections.abc import AsyncIterator

import pytest
from PIL import Image

from drimbox.adapters.pixel_worker_process.pool import PixelWorkerPool
from drimbox.errors import MalformedMessage, NotFound
from drimbox.sandbox.ris.pdf import PdfLine, encode_pdf

pytestmark = pytest.mark.anyio
TWO_PAGES = encode_pdf([PdfLine(f"Ligne {number}") for number in range(60)])


@pytest.fixture
async def pool() -> AsyncIterator[PixelWorkerPool]:
    pool = PixelWorkerPool(workers=1, deadline_seconds=20)
    yield pool
    await pool.stop()


async def test_a_page_is_drawn_at_the_width_asked_for(pool: PixelWorkerPool) -> None:
    drawn = Image.open(io.BytesIO(await pool.draw_page(TWO_PAGES, 2, 620)))
    assert abs(drawn.width - 620) <= 1
    assert drawn.height > drawn.width
    darkest, lightest = drawn.convert("L").getextrema()
    assert darkest < 80  # the text
    assert lightest == 255


async def test_the_text_of_each_page_is_read(pool: PixelWorkerPool) -> None:
    first, second = await pool.read_pages(TWO_PAGES)
    assert first.startswith("Ligne 0 Ligne 1")
    assert second.endswith("Ligne 59")


@pytest.mark.parametrize("page", [0, 3])
async def test_a_page_that_is_not_there_is_not_found(pool: PixelWorkerPool, page: int) -> None:
    with pytest.raises(NotFound):
        await pool.draw_page(TWO_PAGES, page, 620)


@pytest.mark.parametrize(
    "pdf", [b"", b"%PDF-1.4\n", b"%PDF-1.7\n" + b"\xff" * 4096, TWO_PAGES[:300]]
)
async def test_what_is_no_pdf_is_malformed_and_the_child_lives_on(
    pool: PixelWorkerPool, pdf: bytes
) -> None:
    with pytest.raises(MalformedMessage):
        await pool.read_pages(pdf)
    assert len(await pool.read_pages(TWO_PAGES)) == 2
