"""Where slices lie, of objects with one frame and with many."""

import pytest

from drimbox.model.slice_place import SlicePlace
from drimbox.standards.dicom.data_set import DataSet, RawElement
from drimbox.standards.dicom.slice_places import parse_slice_places

_FRAME_OF_REFERENCE, _POSITION, _ORIENTATION = 0x00200052, 0x00200032, 0x00200037
_SHARED, _PER_FRAME = 0x52009229, 0x52009230
_PLANE_POSITION, _PLANE_ORIENTATION = 0x00209113, 0x00209116


def _position(text: str) -> DataSet:
    return {_POSITION: ("DS", text.encode())}


def _orientation(text: str) -> DataSet:
    return {_ORIENTATION: ("DS", text.encode())}


def _sequence(*items: DataSet) -> RawElement:
    return "SQ", list(items)


@pytest.mark.parametrize(
    ("cosines", "normal"),
    [
        pytest.param("1\\0\\0\\0\\1\\0", (0, 0, 1), id="axial"),
        pytest.param("0\\1\\0\\0\\0\\-1", (-1, 0, 0), id="sagittal"),
        pytest.param("1\\0\\0\\0\\0\\-1", (0, 1, 0), id="coronal"),
        pytest.param("0.999\\0\\0\\0\\0.999\\0", (0, 0, 1), id="few digits"),
    ],
)
def test_a_slice_is_where_its_first_pixel_is(
    cosines: str, normal: tuple[float, float, float]
) -> None:
    data_set = {
        _FRAME_OF_REFERENCE: ("UI", b"1.2.3\0"),
        **_position("-125\\-130.5\\42 "),
        **_orientation(cosines),
    }
    assert parse_slice_places(data_set) == (SlicePlace(1, "1.2.3", (-125, -130.5, 42), normal),)


@pytest.mark.parametrize(
    "data_set",
    [
        pytest.param({}, id="a projection"),
        pytest.param(_position("0\\0\\1"), id="no orientation"),
        pytest.param(_orientation("1\\0\\0\\0\\1\\0"), id="no position"),
        pytest.param(_position("0\\0") | _orientation("1\\0\\0\\0\\1\\0"), id="two coordinates"),
        pytest.param(_position("0\\0\\x") | _orientation("1\\0\\0\\0\\1\\0"), id="no number"),
        pytest.param(_position("0\\0\\nan") | _orientation("1\\0\\0\\0\\1\\0"), id="not a number"),
        pytest.param(_position("0\\0\\1e999") | _orientation("1\\0\\0\\0\\1\\0"), id="infinite"),
        pytest.param(_position("0\\0\\1") | _orientation("1\\0\\0\\1\\0\\0"), id="no plane"),
        pytest.param(_position("0\\0\\1") | _orientation("9\\0\\0\\0\\9\\0"), id="no cosines"),
    ],
)
def test_what_has_no_plane_has_no_place(data_set: DataSet) -> None:
    assert parse_slice_places(data_set) == ()


def test_frames_have_their_own_position_and_share_an_orientation() -> None:
    data_set: DataSet = {
        _FRAME_OF_REFERENCE: ("UI", b"1.2.3\0"),
        _SHARED: _sequence({_PLANE_ORIENTATION: _sequence(_orientation("1\\0\\0\\0\\1\\0"))}),
        _PER_FRAME: _sequence(
            {_PLANE_POSITION: _sequence(_position("0\\0\\10"))},
            {},
            {
                _PLANE_POSITION: _sequence(_position("0\\0\\30")),
                _PLANE_ORIENTATION: _sequence(_orientation("0\\1\\0\\0\\0\\-1")),
            },
        ),
    }
    places = parse_slice_places(data_set)
    assert [(one.frame, one.position_mm[2], one.normal) for one in places] == [
        (1, 10, (0, 0, 1)),
        (3, 30, (-1, 0, 0)),
    ]
