"""How a picture is asked for: query parameters of PS3.18 8.3.5.1, and its media type.

window=center,width[,shape]             shape: linear, linear-exact, sigmoid
viewport=width,height[,sx,sy,sw,sh]     the source region, as large as fits into it; a negative sw
                                        or sh mirrors it
quality=1..100
annotation, iccprofile                  told not to be done, by a Warning
"""

import math
from collections.abc import Mapping, Sequence

from drimbox.errors import InvalidValue, NotAcceptable
from drimbox.ports.pixel_worker import ImageFormat, Rendering, SourceRegion, WindowShape
from drimbox.standards.dicomweb.media_types import MULTIPART, MediaRange, Offer, choose

DEFAULT_QUALITY = 85
THUMBNAIL_SIZE = (200, 200)
_MAX_SIZE = 8192
_MAX_VALUE = 1e9
_LARGEST_REGION = 2**31
_NOT_DONE = {"annotation": frozenset[str](), "iccprofile": frozenset({"no"})}


def parse_rendering(
    parameters: Mapping[str, str], image_format: ImageFormat, *, may_enlarge: bool = True
) -> Rendering:
    """Read how frame 1 shall be drawn; the caller puts the frame in.

    The picture is made as large as the viewport lets it be (PS3.18 8.3.5.1.3); without may_enlarge
    never larger than its source.

    Raises:
        InvalidValue: a parameter of another grammar; it names it.
    """
    window, shape = _window(parameters.get("window"))
    size, region = _viewport(parameters.get("viewport"))
    return Rendering(
        window=window,
        shape=shape,
        size=size,
        region=region,
        format=image_format,
        quality=_quality(parameters.get("quality")),
        may_enlarge=may_enlarge and size is not None,
    )


def parse_thumbnail(parameters: Mapping[str, str], image_format: ImageFormat) -> Rendering:
    """Read how large a thumbnail shall be (PS3.18 10.4.1.1.4); 200 pixels unless said.

    Raises:
        InvalidValue: the viewport is none.
    """
    size, region = _viewport(parameters.get("viewport"))
    return Rendering(size=size or THUMBNAIL_SIZE, region=region, format=image_format)


def choose_image_format(
    ranges: Sequence[MediaRange], *, is_single: bool, is_multipart: bool
) -> tuple[ImageFormat, bool]:
    """Choose JPEG or PNG, and whether as parts of a multipart/related; flags say what can be.

    Raises:
        NotAcceptable: nothing of it is accepted.
    """
    offers = [Offer(one.value) for one in ImageFormat] if is_single else []
    offers += [Offer(MULTIPART, one.value) for one in ImageFormat] if is_multipart else []
    offer = choose(ranges, offers)
    if offer is None:
        how = "" if is_single else ", several of them as multipart/related"
        raise NotAcceptable(f"pictures are sent as image/jpeg or image/png{how}")
    if offer.inner_type is not None:
        return ImageFormat(offer.inner_type), True
    return ImageFormat(offer.media_type), False


def warnings_about(parameters: Mapping[str, str]) -> Mapping[str, str]:
    """Return the Warning header about what is asked for and not done (PS3.18 8.3.5.1)."""
    texts = [
        f"The {name} parameter is not supported."
        for name, harmless in _NOT_DONE.items()
        if parameters.get(name, "").lower() not in {"", *harmless}
    ]
    return {"Warning": ", ".join(f'299 drimbox "{text}"' for text in texts)} if texts else {}


def _window(text: str | None) -> tuple[tuple[float, float] | None, WindowShape | None]:
    if not text:
        return None, None
    parts = text.split(",")
    if len(parts) not in {2, 3}:
        raise InvalidValue("window", "center,width or center,width,shape")
    center, width = (_decimal(part, "window") for part in parts[:2])
    if not (abs(center) < _MAX_VALUE and 0 < width < _MAX_VALUE):
        raise InvalidValue("window", "center,width with a width over 0")
    if len(parts) == 2:
        return (center, width), None
    try:
        return (center, width), WindowShape(parts[2].strip().lower())
    except ValueError:
        raise InvalidValue("window", "shape: linear, linear-exact or sigmoid") from None


def _viewport(text: str | None) -> tuple[tuple[int, int] | None, SourceRegion | None]:
    if not text:
        return None, None
    parts = text.split(",")
    if len(parts) not in {2, 6}:
        raise InvalidValue("viewport", "width,height or width,height,sx,sy,sw,sh")
    width, height = (_whole(part, "viewport") for part in parts[:2])
    if not (0 < width <= _MAX_SIZE and 0 < height <= _MAX_SIZE):
        raise InvalidValue("viewport", f"1 to {_MAX_SIZE} on each side")
    return (width, height), _region(parts[2:]) if parts[2:] else None


def _region(parts: Sequence[str]) -> SourceRegion:
    """Read sx,sy,sw,sh: decimals, of which the sign of sx and sy says nothing (8.3.5.1.3).

    An empty one is its default.
    """
    told = tuple(_decimal(part, "viewport") if part.strip() else None for part in parts)
    left, top, width, height = told
    if 0 in {width, height} or any(abs(n or 0) >= _LARGEST_REGION for n in told):
        raise InvalidValue("viewport", "a region of at least one pixel")
    return SourceRegion(
        left=int(abs(left or 0)),
        top=int(abs(top or 0)),
        width=None if width is None else max(int(abs(width)), 1),
        height=None if height is None else max(int(abs(height)), 1),
        is_flipped_horizontally=width is not None and width < 0,
        is_flipped_vertically=height is not None and height < 0,
    )


def _quality(text: str | None) -> int:
    if not text:
        return DEFAULT_QUALITY
    quality = _whole(text, "quality")
    if not 1 <= quality <= 100:
        raise InvalidValue("quality", "1 to 100")
    return quality


def _whole(text: str, what: str) -> int:
    stripped = text.strip()
    if not (stripped.isascii() and stripped.isdigit() and len(stripped) < 6):
        raise InvalidValue(what, "whole numbers of at most 5 digits")
    return int(stripped)


def _decimal(text: str, what: str) -> float:
    try:
        number = float(text) if len(text) < 32 else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidValue(what, "decimal numbers")
    return number
