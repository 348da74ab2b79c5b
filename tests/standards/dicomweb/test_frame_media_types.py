"""Which forms of a frame are acceptable, best first (PS3.18 8.7.3.3)."""

import pytest

from drimbox.errors import NotAcceptable
from drimbox.model.uids import TransferSyntaxUid
from drimbox.standards.dicomweb.frame_media_types import frame_forms
from drimbox.standards.dicomweb.media_types import parse_accept

ROOT = "1.2.840.10008.1.2"
EXPLICIT, RLE = f"{ROOT}.1", f"{ROOT}.5"
JPEG, LOSSLESS, JPEG_LS = f"{ROOT}.4.50", f"{ROOT}.4.70", f"{ROOT}.4.80"
J2K_LOSSLESS, J2K, HTJ2K = f"{ROOT}.4.90", f"{ROOT}.4.91", f"{ROOT}.4.201"
OCTETS = 'multipart/related; type="application/octet-stream"'


@pytest.mark.parametrize(
    ("stored", "accept", "expected"),
    [
        pytest.param(EXPLICIT, "*/*", [(EXPLICIT, True)], id="anything"),
        pytest.param(JPEG_LS, "*/*", [(JPEG_LS, True)], id="anything, compressed"),
        pytest.param(JPEG_LS, OCTETS, [(EXPLICIT, False)], id="decoded"),
        pytest.param(JPEG_LS, f"{OCTETS}; transfer-syntax=*", [(JPEG_LS, True)], id="as stored"),
        pytest.param(
            RLE,
            f'{OCTETS}; q=0.2, multipart/related; type="image/*"; q=0.9',
            [(RLE, True), (EXPLICIT, False)],
            id="by q",
        ),
        pytest.param(
            EXPLICIT,
            f'multipart/related; type="image/jpeg"; transfer-syntax={JPEG}, {OCTETS}; q=0.5',
            [(JPEG, False), (EXPLICIT, True)],
            id="lossy by name, else octets",
        ),
        pytest.param(
            EXPLICIT, 'multipart/related; type="image/jpeg"', [(LOSSLESS, False)], id="its default"
        ),
        pytest.param(
            J2K_LOSSLESS,
            f'multipart/related; type="image/jp2"; transfer-syntax={J2K}',
            [(J2K, True)],
            id="the wider syntax is not coded anew",
        ),
        pytest.param(
            RLE,
            'multipart/related; type="image/jphc", multipart/related; type="image/jls"; q=0.9',
            [(HTJ2K, False), (JPEG_LS, False)],
            id="two that are coded",
        ),
        pytest.param(
            JPEG_LS, f"{OCTETS}; q=0, image/jls", [(JPEG_LS, True)], id="q=0 is not acceptable"
        ),
    ],
)
def test_forms_are_ranked(stored: str, accept: str, expected: list[tuple[str, bool]]) -> None:
    forms = frame_forms(TransferSyntaxUid(stored), parse_accept([accept]), is_one=True)
    known = [(form.transfer_syntax, form.is_as_stored) for form in forms]
    # Coding what the stored form gives already is a last resort, never the first choice.
    assert known[: len(expected)] == expected


@pytest.mark.parametrize(
    ("accept", "is_one"),
    [
        pytest.param("text/html", True, id="a page"),
        pytest.param("image/jls", False, id="one part for several frames"),
        pytest.param('multipart/related; type="image/dicom-rle"', True, id="RLE is not coded"),
        pytest.param(f'multipart/related; type="image/jls"; transfer-syntax={J2K}', True, id="two"),
        pytest.param("*/*; q=0", True, id="nothing"),
    ],
)
def test_what_cannot_be_given_is_not_acceptable(accept: str, *, is_one: bool) -> None:
    with pytest.raises(NotAcceptable):
        frame_forms(TransferSyntaxUid(EXPLICIT), parse_accept([accept]), is_one=is_one)
