"""TOML 1.0 as text, of what settings files hold."""

import json
from collections.abc import Mapping, Sequence

Toml = Mapping[str, object]


def to_toml(values: Toml) -> str:
    """Write settings as TOML 1.0: strings, numbers, booleans, lists, tables, lists of tables."""
    return "\n".join(_lines(values, ())) + "\n"


def _lines(values: Toml, path: tuple[str, ...]) -> Sequence[str]:
    lines: list[str] = [f"[{'.'.join(path)}]"] if path else []
    tables: list[str] = []
    for name, value in values.items():
        key = name if name.replace("_", "").isalnum() else json.dumps(name)
        if isinstance(value, Mapping):
            tables += ["", *_lines(value, (*path, key))]
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for item in value:
                first, *rest = _lines(item, (*path, key))
                tables += ["", f"[{first}]", *rest]
        else:
            lines.append(f"{key} = {json.dumps(value, ensure_ascii=False, default=str)}")
    return lines + tables
