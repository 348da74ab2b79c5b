"""A mammogram: breast, fibroglandular tissue, muscle, skin, nipple, calcifications."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from PIL import Image

from drimbox.sandbox.patients.images.canvas import Picture, Pixels, stored

ROWS, COLUMNS = 3328, 2560
PIXEL = 0.07
_COARSE = 4  # the soft shapes are computed on a grid this much coarser, then enlarged


class Laterality(Enum):
    """Which breast; the value is Image Laterality (0020,0062)."""

    LEFT = "L"
    RIGHT = "R"


class View(Enum):
    """Which projection; the value is View Position (0018,5101)."""

    CRANIO_CAUDAL = "CC"
    MEDIO_LATERAL_OBLIQUE = "MLO"


@dataclass(frozen=True, slots=True)
class Mammogram:
    """One view of one breast."""

    laterality: Laterality
    view: View
    has_calcifications: bool = False


def mammogram(what: Mammogram) -> Pixels:
    """Return the picture for presentation, 12 bits; the chest wall is at the border."""
    seed = list(Laterality).index(what.laterality) * 2 + list(View).index(what.view)
    rng = np.random.default_rng(100 + seed)
    soft = _soft_tissue(what, rng)
    large = np.asarray(Image.fromarray(soft).resize((COLUMNS, ROWS), Image.Resampling.BILINEAR))
    picture = large + rng.standard_normal(large.shape, dtype=np.float32) * 22 * (large > 60)
    if what.has_calcifications:
        _sprinkle(picture, rng)
    values = stored(picture, 4095)
    return values if what.laterality is Laterality.LEFT else np.ascontiguousarray(values[:, ::-1])


def _soft_tissue(what: Mammogram, rng: np.random.Generator) -> Picture:
    """Draw the left breast: chest wall at the left border, nipple to the right."""
    rows, columns = ROWS // _COARSE, COLUMNS // _COARSE
    x = np.linspace(0, 1, columns, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    oblique = what.view is View.MEDIO_LATERAL_OBLIQUE
    middle = 0.16 if oblique else 0.0
    reach, half = (0.78, 0.86) if oblique else (0.74, 0.74)
    sag = np.where(y > middle, 1.0, 0.86 if oblique else 1.0)
    radius = np.sqrt((x / reach) ** 2 + ((y - middle) / half * sag) ** 2)
    nipple = np.hypot((x - reach) / 0.03, (y - middle) / 0.03)
    breast = np.maximum(np.clip((1 - radius) * 90, 0, 1), np.clip((1.25 - nipple) * 3, 0, 1))
    # Compressed to an even thickness, thinner only near the skin.
    picture = 1250 * np.clip((1.02 - radius) * 9, 0.25, 1)
    picture = picture + 1500 * _gland(x, y - middle, reach, rng) * np.clip(
        (0.93 - radius) * 6, 0, 1
    )
    picture = picture + 260 * np.clip(1 - np.abs(radius - 0.985) * 110, 0, 1)
    picture = picture + 900 * np.clip(1.2 - nipple, 0, 1)
    if oblique:
        edge = 0.40 - 0.36 * (y + 1) / 1.25
        muscle = np.clip((edge - x) * 42, 0, 1)
        picture = picture + (2500 + 120 * _clouds(rng, rows, columns, 9) - picture) * muscle * 0.86
        breast = np.maximum(breast, muscle)
    whole: Picture = (picture * breast + 18).astype(np.float32)
    return whole


def _gland(x: Picture, y: Picture, reach: float, rng: np.random.Generator) -> Picture:
    """Clouds of gland, drawn out along ducts that run to the nipple."""
    rows, columns = y.shape[0], x.shape[1]
    angle = np.arctan2(y, np.float32(reach + 0.05) - x)
    distance = np.hypot(y, np.float32(reach + 0.05) - x)
    warp = 0.5 * _clouds(rng, rows, columns, 7)
    ducts = 0.5 + 0.5 * np.sin(angle * 26 + 5 * warp)
    ducts *= 0.5 + 0.5 * np.sin(angle * 61 + 9 * warp + 2)
    clouds = _clouds(rng, rows, columns, 5) + 0.6 * _clouds(rng, rows, columns, 13)
    clouds += 0.45 * _clouds(rng, rows, columns, 34) + 0.3 * _clouds(rng, rows, columns, 90)
    bulk = np.exp(-(((distance - 0.36) / 0.30) ** 2)) * np.exp(-((angle / 0.85) ** 2))
    texture = np.clip(0.42 + 0.36 * clouds + 0.35 * ducts, 0, 1.4)
    cooper = np.abs(_clouds(rng, rows, columns, 22)) < 0.06
    gland: Picture = bulk * texture + np.float32(0.10) * cooper
    return gland


def _clouds(rng: np.random.Generator, rows: int, columns: int, grain: int) -> Picture:
    """Smooth noise of about unit deviation with `grain` grains along the short side."""
    coarse = rng.standard_normal((grain * 4 // 3 + 3, grain + 3), dtype=np.float32)
    image = Image.fromarray(coarse).resize((columns, rows), Image.Resampling.BICUBIC)
    return np.asarray(image, np.float32)


def _sprinkle(picture: Picture, rng: np.random.Generator) -> None:
    """A cluster of fine calcifications, some pleomorphic, in the upper outer quadrant."""
    centre_row, centre_column = int(ROWS * 0.36), int(COLUMNS * 0.40)
    for _ in range(26):
        row = centre_row + int(rng.normal(0, 52))
        column = centre_column + int(rng.normal(0, 46))
        tall, wide = int(rng.integers(2, 6)), int(rng.integers(2, 7))
        picture[row : row + tall, column : column + wide] += float(rng.uniform(500, 1100))
