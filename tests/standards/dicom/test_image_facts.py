"""What a viewer says around an image, read from its header."""

import pytest

from drimbox.model.image_facts import Edges
from drimbox.standards.dicom.data_set import DataSet
from drimbox.standards.dicom.image_facts import parse_image_facts

_SHAPE: DataSet = {0x00280010: ("US", b"\x00\x02"), 0x00280011: ("US", b"\x00\x01")}


def _facts(**elements: tuple[str, bytes]):  # noqa: ANN202
    data_set = _SHAPE | {int(tag[1:], 16): element for tag, element in elements.items()}
    facts = parse_image_facts(data_set)
    assert facts is not None
    return facts


def test_an_object_without_rows_is_no_image() -> None:
    assert parse_image_facts({0x00080060: ("CS", b"SR")}) is None


def test_what_is_absent_is_none() -> None:
    facts = _facts()
    assert (facts.rows, facts.columns, facts.number_of_frames) == (512, 256, 1)
    assert facts.window is None
    assert facts.pixel_spacing_mm is None
    assert facts.edges == Edges()


@pytest.mark.parametrize(
    ("cosines", "edges"),
    [
        pytest.param("1\\0\\0\\0\\1\\0", Edges("R", "L", "A", "P"), id="axial"),
        pytest.param("1\\0\\0\\0\\0\\-1", Edges("R", "L", "H", "F"), id="coronal"),
        pytest.param("0\\1\\0\\0\\0\\-1", Edges("A", "P", "H", "F"), id="sagittal"),
        pytest.param("-1\\0\\0\\0\\-1\\0", Edges("L", "R", "P", "A"), id="prone"),
        pytest.param("0.8\\0.6\\0\\0\\0\\-1", Edges("RA", "LP", "H", "F"), id="oblique"),
        pytest.param("0.99\\0.1\\0\\0\\1\\0.1", Edges("R", "L", "A", "P"), id="a small tilt"),
        pytest.param("1\\0\\0", Edges(), id="half of them"),
        pytest.param("a\\b\\c\\d\\e\\f", Edges(), id="no numbers"),
    ],
)
def test_edges_come_from_the_direction_cosines(cosines: str, edges: Edges) -> None:
    assert _facts(_00200037=("DS", cosines.encode())).edges == edges


def test_edges_of_a_projection_come_from_patient_orientation() -> None:
    assert _facts(_00200020=("CS", b"A\\FR")).edges == Edges("P", "A", "HL", "FR")


def test_the_first_window_of_several_is_taken() -> None:
    facts = _facts(_00281050=("DS", b"40\\-600"), _00281051=("DS", b"400\\1500"))
    assert facts.window == (40, 400)


@pytest.mark.parametrize("text", [b"nan", b"inf", b"1e999"])
def test_what_json_has_no_number_for_is_none(text: bytes) -> None:
    facts = _facts(_00201041=("DS", text), _00280030=("DS", text + b"\\1"))
    assert (facts.slice_location_mm, facts.pixel_spacing_mm) == (None, None)


def test_a_window_without_width_is_none() -> None:
    assert _facts(_00281050=("DS", b"40"), _00281051=("DS", b"0")).window is None


@pytest.mark.parametrize(
    ("elements", "spacing"),
    [
        pytest.param({"_00280030": ("DS", b"0.7\\0.8")}, (0.7, 0.8), id="Pixel Spacing"),
        pytest.param({"_00181164": ("DS", b"0.1\\0.1")}, (0.1, 0.1), id="Imager Pixel Spacing"),
        pytest.param({"_00280030": ("DS", b"0\\0.8")}, None, id="a spacing of zero"),
        pytest.param({"_00280030": ("DS", b"0.7")}, None, id="one number"),
    ],
)
def test_the_spacing_of_pixels(
    elements: dict[str, tuple[str, bytes]], spacing: tuple[float, float] | None
) -> None:
    assert _facts(**elements).pixel_spacing_mm == spacing


def test_frames_and_colour() -> None:
    facts = _facts(_00280008=("IS", b"40"), _00280004=("CS", b"YBR_FULL_422"))
    assert (facts.number_of_frames, facts.is_monochrome) == (40, False)


@pytest.mark.requirement("VI-CS.25")
def test_an_enhanced_object_says_it_in_its_functional_groups() -> None:
    """Shared ones first, then those of the first frame; what stands at the top counts more."""
    shared: DataSet = {
        0x00289110: ("SQ", [{0x00280030: ("DS", b"0.5\\0.6 "), 0x00180050: ("DS", b"4 ")}]),
        0x00209116: ("SQ", [{0x00200037: ("DS", b"1\\0\\0\\0\\1\\0 ")}]),
        0x00289132: ("SQ", [{0x00281050: ("DS", b"1 "), 0x00281051: ("DS", b"2 ")}]),
        0x00209071: ("SQ", []),
    }
    first: DataSet = {
        0x00289132: ("SQ", [{0x00281050: ("DS", b"40"), 0x00281051: ("DS", b"400 ")}]),
    }
    facts = parse_image_facts(
        _SHAPE | {0x52009229: ("SQ", [shared]), 0x52009230: ("SQ", [first, {}])}
    )
    assert facts is not None
    assert facts.pixel_spacing_mm == (0.5, 0.6)
    assert facts.slice_thickness_mm == 4
    assert facts.edges == Edges("R", "L", "A", "P")
    assert facts.window == (40, 400)


@pytest.mark.parametrize("groups", [("SQ", []), ("UN", b"\0"), ("SQ", [{0x00289110: ("UN", b"")}])])
def test_functional_groups_that_are_none_say_nothing(groups: tuple[str, bytes]) -> None:
    facts = parse_image_facts(_SHAPE | {0x52009229: groups})
    assert facts is not None
    assert facts.window is None
