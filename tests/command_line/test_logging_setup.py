"""A line of the log is one JSON object, and nothing of what was received stands in it."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from tests.fakes.log_settings import logging_as_before

from drimbox.command_line.logging_setup import keep_logs_apart, set_up_logging
from drimbox.standards.dicom.character_sets import decoder_of

INS = "190017512345612"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    with logging_as_before():
        yield


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_an_event_of_ours_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging()
    structlog.get_logger("here").warning("publication_waits", job_id=7, reason="a\nb")
    structlog.get_logger("here").debug("not_told")
    (line,) = _lines(capsys.readouterr().out)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "publication_waits", "level": "warning", "job_id": 7, "reason": "a\nb"}


def test_what_might_name_somebody_is_never_told(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging()
    structlog.get_logger("here").error("defect", patient=INS, token="secret", reason="x" * 600)
    (line,) = _lines(capsys.readouterr().out)
    assert (line["patient"], line["token"]) == ("[redacted]", "[redacted]")
    assert line["reason"] == "x" * 512 + "…"


def test_a_library_s_exception_is_told_by_class_and_place(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logging()
    try:
        int(f"no number: {INS}")
    except ValueError:
        logging.getLogger("a.library").exception("it failed")
    out = capsys.readouterr().out
    assert INS not in out
    (line,) = _lines(out)
    assert (line["event"], line["level"], line["error"]) == ("it failed", "error", "ValueError")
    assert "test_logging_setup.py:" in line["where"]


def test_the_answer_of_a_command_is_alone_on_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    keep_logs_apart()
    structlog.get_logger("here").warning("white_list_not_refreshed", reason="away")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert [line["event"] for line in _lines(captured.err)] == ["white_list_not_refreshed"]


def test_a_library_s_warning_quotes_no_data_set(capsys: pytest.CaptureFixture[str]) -> None:
    """Found by fuzzing: the values of Specific Character Set stood in the log."""
    set_up_logging()
    assert decoder_of(f"\\ISO 2022 IR {INS}")(b"Dupont\x1b$B") == "Dupont"
    assert capsys.readouterr().out == ""
