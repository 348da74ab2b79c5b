"""A chest radiograph, face: the shadow of rounded organs, with bones and vessels drawn on it.

The shadow of an ellipsoid is the length of the ray inside it, so no volume has to be summed.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from drimbox.sandbox.patients.images.canvas import Canvas, Ellipse, Picture, Pixels, stored

ROWS, COLUMNS = 2140, 1760
PIXEL = 0.2
_COARSE = 4  # soft shadows are computed on a grid this much coarser, then enlarged
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class ChestRadiograph:
    """What distinguishes one radiograph: the build (1 = adult), a nodule, the noise."""

    seed: int
    build: float = 1.0
    nodule: Ellipse | None = None


def chest_radiograph(what: ChestRadiograph) -> Pixels:
    """Return the picture for presentation, 12 bits, bones bright; patient's left on the right."""
    rng = np.random.default_rng(what.seed)
    shadow = _soft_shadow(what) + _strokes(_bones(what.build), 1.6)
    shadow += _vessel_shadow(rng, what)
    picture = 4095 / (1 + np.exp((1.45 - shadow) * np.float32(1.5)))
    picture += rng.standard_normal(picture.shape, dtype=np.float32) * 16
    _write_marker(picture)
    return stored(picture, 4095)


def _soft_shadow(what: ChestRadiograph) -> Picture:
    canvas = Canvas(ROWS // _COARSE, COLUMNS // _COARSE, pixel=PIXEL * _COARSE)
    for ellipse, depth in _SHADOWS:
        _cast(canvas, _scaled(ellipse, what.build), depth)
    if what.nodule:
        _cast(canvas, _scaled(what.nodule, what.build), 0.42)
    np.maximum(canvas.picture, 0, out=canvas.picture)
    return _enlarged(canvas.picture)


_SHADOWS = (
    # Trunk, neck, shoulders.
    (Ellipse(0, 90, 182, 400), 1.55),
    (Ellipse(0, -230, 60, 150), 0.8),
    (Ellipse(-140, -120, 150, 150, 0.4), 0.55),
    (Ellipse(140, -120, 150, 150, -0.4), 0.55),
    # Lungs: air takes shadow away.
    (Ellipse(-78, -14, 68, 142, 0.05), -1.3),
    (Ellipse(82, -10, 64, 142, -0.05), -1.3),
    (Ellipse(-84, 20, 58, 104), -0.5),
    (Ellipse(90, 22, 52, 106), -0.5),
    # Diaphragm and what lies below it, on the right a little higher.
    (Ellipse(-84, 184, 88, 84), 1.9),
    (Ellipse(90, 194, 84, 82), 1.75),
    (Ellipse(0, 250, 200, 130), 1.1),
    # Heart, great vessels, aortic knuckle, hila.
    (Ellipse(30, 68, 72, 54, 0.5), 0.85),
    (Ellipse(-16, 56, 44, 52), 0.6),
    (Ellipse(0, -50, 34, 125), 0.5),
    (Ellipse(28, -56, 19, 21), 0.36),
    (Ellipse(32, -20, 17, 24), 0.25),
    (Ellipse(-38, 2, 18, 30, 0.3), 0.28),
    (Ellipse(40, -4, 18, 28, -0.3), 0.28),
    # Trachea and stomach bubble.
    (Ellipse(-1, -120, 9, 66), -0.42),
    (Ellipse(78, 134, 36, 22), -0.75),
    # Spine behind it all.
    (Ellipse(0, 20, 19, 420), 0.45),
)


def _cast(canvas: Canvas, ellipse: Ellipse, depth: float) -> None:
    """Add the shadow of an ellipsoid: rays are longest through its middle."""
    whole = (slice(None), slice(None))
    chord = np.sqrt(np.maximum(1 - canvas.squared_radius(ellipse, whole), 0))
    canvas.picture += np.float32(depth) * chord.astype(np.float32) ** np.float32(0.9)


def _scaled(ellipse: Ellipse, build: float) -> Ellipse:
    return Ellipse(ellipse.x * build, ellipse.y * build, ellipse.half_width * build,
                   ellipse.half_height * build, ellipse.angle)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Stroke:
    points: tuple[Point, ...]
    width: float
    depth: float


def _bones(build: float) -> list[_Stroke]:
    """Ribs, clavicles, shoulder blades, vertebrae, as bands with dense borders."""
    strokes: list[_Stroke] = []
    for side in (-1, 1):
        for rib in range(11):
            strokes += _rib(side, rib)
        clavicle = tuple((side * (16 + 132 * t), -112 - 26 * t + 16 * np.sin(3.1 * t))
                         for t in np.linspace(0, 1, 30))  # fmt: skip
        strokes.append(_Stroke(clavicle, 12, 0.3))
        blade = ((side * 156, -120), (side * 126, -70), (side * 132, 24))
        strokes.append(_Stroke(blade, 7, 0.12))
    for level in range(17):
        y = -196 + level * 24.5
        strokes.append(_Stroke(((-17, y), (17, y)), 3.2, 0.12))
        strokes.append(_Stroke(((-29, y + 9), (29, y + 9)), 6, 0.07))
    return [
        _Stroke(tuple((x * build, y * build) for x, y in s.points), s.width * build, s.depth)
        for s in strokes
    ]


def _rib(side: int, number: int) -> list[_Stroke]:
    """The back part runs out and down from the spine, the front part back in and down."""
    y = -136 + number * 26.5
    wide = 82 + 62 * np.sin(min(number + 1.2, 9) / 9 * np.pi / 2)
    back = tuple((side * (20 + (wide - 20) * np.sin(t * np.pi / 2)),
                  y - 16 * np.sin(t * np.pi * 0.8) + 34 * t * t)
                 for t in np.linspace(0, 1, 40))  # fmt: skip
    strokes = [_Stroke(back, 9.5, 0.2)]
    if number < 8:
        front = tuple((side * (wide - (wide - 52) * t),
                       y + 34 + 62 * np.sin(t * np.pi / 2) - 6 * t)
                      for t in np.linspace(0, 0.86, 40))  # fmt: skip
        strokes.append(_Stroke(front, 10.5, 0.11))
    return strokes


def _strokes(strokes: list[_Stroke], blur: float) -> Picture:
    """Draw bands; each has a dense border, as cortical bone does."""
    rows, columns = ROWS // 2, COLUMNS // 2
    total = np.zeros((rows, columns), np.float32)
    for stroke in strokes:
        mask = Image.new("L", (columns, rows))
        draw = ImageDraw.Draw(mask)
        path = [(x / PIXEL / 2 + columns / 2, y / PIXEL / 2 + rows / 2) for x, y in stroke.points]
        width = stroke.width / PIXEL / 2
        draw.line(path, fill=255, width=round(width), joint="curve")
        for end in (path[0], path[-1]) if stroke.width > 8 else ():
            draw.circle(end, width / 2, fill=255)
        if stroke.width > 8:
            draw.line(path, fill=150, width=round(width * 0.72), joint="curve")
        total += np.asarray(mask, np.float32) * np.float32(stroke.depth / 255)
    image = Image.fromarray(total).resize((COLUMNS, ROWS), Image.Resampling.BILINEAR)
    return np.asarray(_blurred(image, blur))


def _blurred(image: Image.Image, radius: float) -> Image.Image:
    """Gaussian blur of a float picture (Pillow blurs octets only): two box passes by resizing."""
    small = image.resize((round(COLUMNS / radius), round(ROWS / radius)), Image.Resampling.BOX)
    return small.resize((COLUMNS, ROWS), Image.Resampling.BICUBIC)


def _vessel_shadow(rng: np.random.Generator, what: ChestRadiograph) -> Picture:
    strokes: list[_Stroke] = []
    for side in (-1, 1):
        for _ in range(17):
            angle = rng.uniform(-1.25, 1.3)
            hilum = (side * rng.uniform(26, 44), rng.uniform(-24, 22))
            _grow(rng, strokes, hilum, (side * np.cos(angle), np.sin(angle)), 4.4)
    scaled = [
        _Stroke(tuple((x * what.build, y * what.build) for x, y in s.points), s.width, s.depth)
        for s in strokes
    ]
    return _strokes(scaled, 1.6)


def _grow(
    rng: np.random.Generator,
    strokes: list[_Stroke],
    start: Point,
    towards: Point,
    width: float,
) -> None:
    if width < 0.9:
        return
    length = rng.uniform(16, 30)
    end = (start[0] + towards[0] * length, start[1] + towards[1] * length)
    strokes.append(_Stroke((start, end), width, 0.085))
    for bend in (rng.uniform(0.1, 0.5), -rng.uniform(0.1, 0.5)):
        cos, sin = np.cos(bend), np.sin(bend)
        turned = (towards[0] * cos - towards[1] * sin, towards[0] * sin + towards[1] * cos)
        _grow(rng, strokes, end, turned, width * 0.66)


def _write_marker(picture: Picture) -> None:
    """The lead letter of the patient's left (G, gauche), as French rooms use."""
    letter = Image.new("L", (30, 32))
    ImageDraw.Draw(letter).text((2, 0), "G", fill=255, font_size=28)
    large = letter.resize((90, 96)).filter(ImageFilter.GaussianBlur(1))
    part = picture[120:216, COLUMNS - 180 : COLUMNS - 90]
    np.maximum(part, np.asarray(large, np.float32) * 16, out=part)


def _enlarged(picture: Picture) -> Picture:
    image = Image.fromarray(picture).resize((COLUMNS, ROWS), Image.Resampling.BICUBIC)
    return np.array(image, np.float32)
