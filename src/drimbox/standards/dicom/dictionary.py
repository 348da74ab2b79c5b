"""The dictionaries of PS3.6 and of private creators: pydicom's tables, without the rest of it.

Whoever imports anything of pydicom imports numpy, Pillow and requests with it, 45 MiB that a box
needs for nothing else: it reads data sets itself, and decodes pixels in children. The tables are
modules of pydicom that hold nothing but data, loaded here from their files; a test asks pydicom
the same questions.
"""

from functools import lru_cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

_Masks = tuple[tuple[int, int, str], ...]


def find_vr(tag: int) -> str | None:
    """Return the VR of a standard attribute, "US or SS" where there are several; None: unknown."""
    entry = _ENTRIES.get(tag)
    return entry[0] if entry is not None else _of_repeating_group(tag)[0]


def find_keyword(tag: int) -> str | None:
    """Return the keyword of a standard attribute, None where it has none."""
    entry = _ENTRIES.get(tag)
    return (entry[1] if entry is not None else _of_repeating_group(tag)[1]) or None


def find_tag(keyword: str) -> int | None:
    """Return the tag of a keyword; repeating groups have none of one keyword."""
    return _TAGS.get(keyword)


def find_private_vr(tag: int, creator: str) -> str | None:
    """Return the VR that this creator gives an attribute, in whichever block it reserved."""
    known = _private_entries().get(creator, {})
    digits = f"{tag:08X}"
    block = digits[:4] + "xx" + digits[6:]
    anywhere = digits[:2] + "xxxx" + digits[6:]
    return next((known[name] for name in (digits, block, anywhere) if name in known), None)


def _of_repeating_group(tag: int) -> tuple[str | None, str]:
    """Find overlays, curves and their like, whose tags are many (PS3.5 7.6)."""
    if not tag >> 16 & 1:
        for value, mask, name in _MASKS:
            if tag & mask == value:
                return _REPEATERS[name]
    return None, ""


def _table_of_pydicom(name: str) -> Any:  # noqa: ANN401  # a module of data
    package = find_spec("pydicom")
    assert package is not None  # noqa: S101  # a dependency
    assert package.submodule_search_locations is not None  # noqa: S101  # a package
    path = Path(package.submodule_search_locations[0]) / f"{name}.py"
    spec = spec_from_file_location(f"{__name__}.{name}", path)
    assert spec is not None  # noqa: S101  # a Python file
    assert spec.loader is not None  # noqa: S101  # its loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _standard_entries() -> tuple[dict[int, tuple[str, str]], dict[str, tuple[str, str]]]:
    """Return VR and keyword by tag, and those of repeating groups by their pattern (60xx3000)."""
    table = _table_of_pydicom("_dicom_dict")
    entries = {tag: (entry[0], entry[4]) for tag, entry in table.DicomDictionary.items()}
    repeaters = {name: (entry[0], entry[4]) for name, entry in table.RepeatersDictionary.items()}
    return entries, repeaters


@lru_cache(maxsize=1)
def _private_entries() -> dict[str, dict[str, str]]:
    """Return VRs by creator and pattern; only data sets in Implicit VR ask for them."""
    table = _table_of_pydicom("_private_dict").private_dictionaries
    return {
        creator: {name: entry[0] for name, entry in entries.items()}
        for creator, entries in table.items()
    }


_ENTRIES, _REPEATERS = _standard_entries()
_TAGS = {keyword: tag for tag, (_, keyword) in _ENTRIES.items() if keyword}
_MASKS: _Masks = tuple(
    (
        int(name.replace("x", "0"), 16),
        int("".join("0" if digit == "x" else "F" for digit in name), 16),
        name,
    )
    for name in _REPEATERS
)
