"""What is written as TOML is read again as it was."""

import tomllib
from pathlib import Path

from drimbox.sandbox.network.toml_text import to_toml


def test_every_kind_of_value_is_read_as_it_was() -> None:
    values = {
        "text": 'Clinique « des Essais »\n"x" \\ y',
        "number": 8440,
        "yes": True,
        "words": ["a", "b"],
        "none": [],
        "table": {"a b": 1, "inner": {"x": 2}},
        "after": 3,
        "rows": [{"name": "one", "inner": {"y": 1}}, {"name": "two", "rows": [{"z": 1}, {}]}],
    }
    assert tomllib.loads(to_toml(values)) == values


def test_a_path_is_a_text() -> None:
    assert tomllib.loads(to_toml({"key_file": Path("/etc/drimbox/key")})) == {
        "key_file": "/etc/drimbox/key"
    }
