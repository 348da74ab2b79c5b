"""Rules that linters lack: one XML parser, no loose end, nothing of one machine in the files."""

import re

import pytest
from tests.house.source_files import committed_texts, place, python_files

# Every way into a parser that safe_xml does not guard.
XML_PARSERS = re.compile(
    r"etree\.(?:fromstring|fromstringlist|parse|XML|HTML|XSLT|XMLParser|XMLPullParser|iterparse)\b"
    r"|\bminidom\b|\bElementTree\b|\bxml\.sax\b|\bexpat\b|\bdefusedxml\b|lxml\.html"
)
MAY_PARSE = ("src/drimbox/standards/safe_xml.py", "src/drimbox/sandbox/")
LOOSE_END = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))")
# Spelt in two halves, so that this file keeps its own rule.
OF_ONE_MACHINE = (
    "/wo" + "rk/",
    "/ro" + "ot/",
    "/home" + "/",
    "pypi" + ".org",
    "pythonhosted" + ".org",
)


def test_only_one_module_parses_xml() -> None:
    found = [
        place(path)
        for path in python_files("src")
        if XML_PARSERS.search(path.read_text(encoding="utf-8"))
    ]
    assert not [name for name in found if not name.startswith(MAY_PARSE)]


@pytest.mark.parametrize(
    "line",
    [
        "etree.fromstring(octets)",
        "tree = etree.parse(path)",
        "etree.XSLT(sheet)",
        "from xml.dom import minidom",
        "import xml.etree.ElementTree as ET",
    ],
)
def test_a_second_parser_would_be_seen(line: str) -> None:
    assert XML_PARSERS.search(line)


def test_a_loose_end_has_an_issue_number() -> None:
    found = [
        f"{name}:{number}"
        for name, text in committed_texts()
        if name.startswith(("src/", "scripts/", "openapi/")) or name == "pyproject.toml"
        for number, line in enumerate(text.splitlines(), 1)
        if LOOSE_END.search(line)
    ]
    assert not found


def test_nothing_committed_is_of_one_machine() -> None:
    found = [
        f"{name}: {word}"
        for name, text in committed_texts()
        if name != "uv.lock"
        for word in OF_ONE_MACHINE
        if word in text
    ]
    assert not found
