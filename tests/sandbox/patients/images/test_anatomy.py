"""Organs lie where they should, on the side they should."""

from collections.abc import Callable

import numpy as np
import pytest

from drimbox.sandbox.patients.images import ct_objects
from drimbox.sandbox.patients.images.canvas import Canvas, Ellipse, Pixels
from drimbox.sandbox.patients.images.computed_tomography import RESCALE_INTERCEPT, ct_slice
from drimbox.sandbox.patients.images.mammogram import Laterality, Mammogram, View, mammogram
from drimbox.sandbox.patients.images.positron_emission import (
    BECQUERELS_PER_SUV,
    PIXEL,
    RESCALE_SLOPE,
    SIZE,
    pet_slice,
)
from drimbox.sandbox.patients.images.radiograph import ChestRadiograph, chest_radiograph
from drimbox.sandbox.patients.images.trunk import PRIMARY_TUMOUR_ON_THE_LEFT


def _hounsfield(x: float, y: float, z: float) -> float:
    """Mean density of a small square of the chest-abdomen CT, x to the patient's left."""
    protocol = ct_objects.CHEST_ABDOMEN.protocol
    pixels = ct_slice(protocol, z, 0).astype(int) + RESCALE_INTERCEPT
    row, column = (round(v / protocol.pixel + protocol.size / 2) for v in (y, x))
    return float(pixels[row - 2 : row + 3, column - 2 : column + 3].mean())


@pytest.mark.parametrize(
    ("x", "y", "z", "low", "high"),
    [
        pytest.param(-90, 0, 90, -900, -780, id="the right lung holds air"),
        pytest.param(95, 0, 90, -900, -780, id="the left lung holds air"),
        pytest.param(-80, 0, 255, 85, 140, id="the liver is on the patient's right"),
        pytest.param(104, 46, 252, 95, 145, id="the spleen is on the patient's left"),
        pytest.param(46, -30, 178, 140, 190, id="the left ventricle is on the left, in front"),
        pytest.param(0, 50, 262, 100, 900, id="the spine is at the back"),
        pytest.param(-78, -22, 72, 20, 70, id="the nodule is in the right upper lobe"),
        pytest.param(190, 0, 200, -1030, -970, id="air surrounds the patient"),
    ],
)
def test_ct_density(x: float, y: float, z: float, low: float, high: float) -> None:
    assert low < _hounsfield(x, y, z) < high


def test_the_tumour_is_the_hottest_of_its_pet_slice() -> None:
    slice_ = pet_slice(96, 0, PRIMARY_TUMOUR_ON_THE_LEFT)
    row, column = np.unravel_index(int(slice_.argmax()), slice_.shape)
    x, y = ((v + 0.5 - SIZE / 2) * PIXEL for v in (column, row))
    assert abs(x - 84) < 10
    assert abs(y + 18) < 10
    assert 8 < slice_.max() * RESCALE_SLOPE / BECQUERELS_PER_SUV < 11


@pytest.mark.parametrize("view", View)
def test_the_chest_wall_of_each_breast_is_at_its_border(view: View) -> None:
    left = mammogram(Mammogram(Laterality.LEFT, view))
    right = mammogram(Mammogram(Laterality.RIGHT, view))
    middle = left.shape[0] // 2
    assert left[middle, 5] > 600 > left[middle, -5]
    assert right[middle, -5] > 600 > right[middle, 5]


def test_the_heart_shadow_is_larger_on_the_patients_left() -> None:
    picture = chest_radiograph(ChestRadiograph(19610412)).astype(int)
    row = picture.shape[0] // 2 + 330
    half = picture.shape[1] // 2
    assert (
        picture[row, half + 150 : half + 350].mean() > picture[row, half - 350 : half - 150].mean()
    )


@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(lambda: ct_slice(ct_objects.BESIDE_PET.protocol, 33, 7), id="CT"),
        pytest.param(lambda: pet_slice(33, 7, ()), id="PET"),
        pytest.param(lambda: chest_radiograph(ChestRadiograph(3)), id="radiograph"),
    ],
)
def test_drawing_twice_gives_the_same_pixels(draw: Callable[[], Pixels]) -> None:
    assert np.array_equal(draw(), draw())


def test_an_ellipse_covers_its_area() -> None:
    canvas = Canvas(200, 200, pixel=0.5)
    canvas.paint(Ellipse(10, -5, 20, 10, 0.7), 1.0)
    assert float(canvas.picture.sum()) * 0.25 == pytest.approx(np.pi * 200, rel=0.01)


def test_what_lies_outside_the_canvas_changes_nothing() -> None:
    canvas = Canvas(20, 20, pixel=1)
    canvas.paint(Ellipse(500, 0, 5, 5), 1.0)
    assert not canvas.picture.any()
