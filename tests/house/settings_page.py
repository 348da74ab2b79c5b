"""What docs/settings.md must say of each setting: its section, name, type and default."""

import json
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from drimbox.settings.load import Settings
from drimbox.settings.partners import DicomwebServiceSettings, TlsFiles

ROOT = "The file itself"
# Sections that several others have: written once, under this heading.
SHARED: dict[type[BaseModel], str] = {
    TlsFiles: "TLS files",
    DicomwebServiceSettings: "DICOMweb service",
}


class Row(NamedTuple):
    """One row of a table, without its meaning."""

    section: str
    name: str
    type: str
    default: str


def expected_rows() -> Iterator[Row]:
    """Walk the settings as an operator writes them, sections in the order of their fields.

    A section of the same kind as one before it is not repeated.
    """
    seen: set[type[BaseModel]] = set(SHARED)
    yield from _rows_of(Settings, ROOT, (), seen)
    for model, heading in SHARED.items():
        yield from _rows_of(model, heading, (), seen)


def _rows_of(
    model: type[BaseModel], section: str, path: tuple[str, ...], seen: set[type[BaseModel]]
) -> Iterator[Row]:
    inner: list[tuple[type[BaseModel], str, tuple[str, ...]]] = []
    for name, field in model.model_fields.items():
        yield Row(section, name, _type_of(field.annotation), _default_of(field))
        below = _model_in(field.annotation)
        if below is not None and below not in seen:
            seen.add(below)
            where = (*path, name)
            dotted = ".".join(where)
            is_list = get_origin(_present(field.annotation)) is tuple
            inner.append((below, f"[[{dotted}]]" if is_list else f"[{dotted}]", where))
    for below, heading, where in inner:
        yield from _rows_of(below, heading, where, seen)


def _present(annotation: Any) -> Any:
    """Return the type of a setting that is there, less what else must hold of its value."""
    if get_origin(annotation) in {Union, UnionType}:
        (annotation,) = [one for one in get_args(annotation) if one is not NoneType]
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _model_in(annotation: Any) -> type[BaseModel] | None:
    present = _present(annotation)
    if get_origin(present) is tuple:
        present = get_args(present)[0]
    is_model = isinstance(present, type) and issubclass(present, BaseModel)
    return present if is_model else None


def _type_of(annotation: Any) -> str:
    present = _present(annotation)
    model = _model_in(annotation)
    if get_origin(present) is tuple:
        return "list of sections" if model else f"list of {_type_of(get_args(present)[0])}s"
    if model is not None:
        return SHARED.get(model, "section")
    if get_origin(present) is Literal:
        return " \\| ".join(f"`{value}`" for value in get_args(present))
    if isinstance(present, type) and issubclass(present, Enum):
        return " \\| ".join(f"`{member.value}`" for member in present)
    if get_origin(present) is dict:
        return "table of numbers" if get_args(present)[1] is float else "table of texts"
    names = {str: "text", SecretStr: "secret", Path: "path", bool: "boolean"}
    return {int: "integer", float: "number"}.get(present) or names[present]


def _default_of(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.default
    if default is None or isinstance(default, BaseModel):
        return "none" if default is None else "its defaults"
    if isinstance(default, Enum):
        default = default.value
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, Path):
        default = str(default)
    text = json.dumps(list(default) if isinstance(default, tuple) else default, ensure_ascii=False)
    return f"`{text}`"


def written_rows(page: str) -> dict[tuple[str, str], tuple[str, str, str]]:
    """Read the tables: (section, name) -> (type, default, meaning)."""
    found: dict[tuple[str, str], tuple[str, str, str]] = {}
    section = ""
    for line in page.splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ").strip("` ")
        elif line.startswith("| `"):
            cells = [c.strip().replace("\0", "\\|") for c in _cells(line)]
            name, kind, default, meaning = cells
            found[section, name.strip("`")] = kind, default, meaning
    return found


def _cells(line: str) -> list[str]:
    return line.replace("\\|", "\0").strip().strip("|").split("|")
