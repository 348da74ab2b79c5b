"""Where a header has no window, grey is drawn through its table, as pydicom reads it."""

import io
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.pixels.processing import apply_modality_lut, apply_voi
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from tests.fakes.dicom_kinds import KINDS

from drimbox.adapters.pixel_worker_process.drawing import draw
from drimbox.adapters.pixel_worker_process.voi_luts import find_voi_lut
from drimbox.ports.pixel_worker import ImageFormat, Rendering

ALL = [round((n / 4095) ** 2 * 65535) for n in range(4096)]
SOME = [n * 4 for n in range(1000)]


def table(entries: object, first: int, bits: int, count: int, vr: str = "US") -> Dataset:
    item = Dataset()
    item.LUTDescriptor = [count, first, bits]
    item["LUTDescriptor"].VR = "SS" if first < 0 else "US"
    item.LUTData = entries
    item["LUTData"].VR = vr
    return item


def write(path: Path, item: Dataset, syntax: str = ExplicitVRLittleEndian, **more: object) -> Path:
    image = deepcopy(KINDS["big endian" if syntax == ExplicitVRBigEndian else "explicit"])
    image.file_meta.TransferSyntaxUID = syntax
    image.VOILUTSequence = Sequence([item])
    for keyword, value in more.items():
        setattr(image, keyword, value)
    image.save_as(path, enforce_file_format=True)
    return path


def drawn(path: Path, rendering: Rendering | None = None) -> NDArray[np.int64]:
    picture = draw(path, rendering or Rendering(format=ImageFormat.PNG))
    return np.asarray(Image.open(io.BytesIO(picture)), dtype=np.int64)


@pytest.mark.requirement("VI-CS.21")
@pytest.mark.parametrize(
    ("item", "more"),
    [
        pytest.param(table(ALL, 0, 16, 4096), {}, id="of 16 bits"),
        pytest.param(table(SOME, 500, 12, 1000), {}, id="of some values"),
        pytest.param(
            table(SOME, -900, 12, 1000),
            {"RescaleSlope": "1", "RescaleIntercept": "-1024", "RescaleType": "HU"},
            id="of rescaled values",
        ),
        pytest.param(
            table(np.array(ALL, "<u2").tobytes(), 0, 16, 4096, "OW"), {}, id="written as words"
        ),
        pytest.param(
            table(ALL, 0, 16, 4096), {"PhotometricInterpretation": "MONOCHROME1"}, id="inverse"
        ),
    ],
)
def test_the_grey_is_that_of_the_table(
    tmp_path: Path, item: Dataset, more: dict[str, object]
) -> None:
    path = write(tmp_path / "a.dcm", item, **more)
    image = dcmread(path)
    bits = image.VOILUTSequence[0].LUTDescriptor[2]
    rescaled = apply_modality_lut(image.pixel_array, image)
    expected = apply_voi(rescaled.astype(np.int64), image) * (255 / (2**bits - 1))
    if "PhotometricInterpretation" in more:
        expected = 255 - expected
    assert np.abs(drawn(path) - expected).max() <= 1


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_the_same_is_drawn_in_every_syntax(tmp_path: Path, syntax: str) -> None:
    item = table(ALL, 0, 16, 4096)
    one, other = (write(tmp_path / f"{s}.dcm", item, s) for s in (ExplicitVRLittleEndian, syntax))
    assert (drawn(one) == drawn(other)).all()


def test_octets_are_entries_too(tmp_path: Path) -> None:
    octets = bytes(n // 16 for n in range(4096))
    path = write(tmp_path / "a.dcm", table(octets, 0, 8, 4096, "OW"))
    assert (drawn(path) == dcmread(path).pixel_array // 16).all()


def test_a_window_comes_before_a_table(tmp_path: Path) -> None:
    window = {"WindowCenter": "2048", "WindowWidth": "4096"}
    item = table(ALL, 0, 16, 4096)
    with_both = write(tmp_path / "a.dcm", item, **window)
    with_table = write(tmp_path / "b.dcm", item)
    asked = Rendering(format=ImageFormat.PNG, window=(2048, 4096))
    assert (drawn(with_both) == drawn(with_table, asked)).all()
    assert not (drawn(with_both) == drawn(with_table)).all()


@pytest.mark.parametrize(
    "item",
    [
        Dataset(),
        table([], 0, 16, 4096),
        table(ALL, 0, 0, 4096),
        table(ALL, 0, 64, 4096),
        table(b"\0", 0, 16, 4096, "OW"),
    ],
)
def test_what_is_no_table_is_as_if_there_were_none(item: Dataset) -> None:
    image = Dataset()
    image.VOILUTSequence = Sequence([item])
    found = find_voi_lut(image)
    assert found is None or found.greys.size == 1
