"""The judge of a soak: what grows, slows down or fails is told, by its own row and no other."""

from dataclasses import replace
from random import Random

import pytest
from tests.reliability.soak.figures import (
    MEBIBYTE,
    SECONDS_AN_HOUR,
    Answer,
    Figures,
    LoopFigures,
    Sample,
    parts_of,
    percentile,
    slope,
)
from tests.reliability.soak.page import table
from tests.reliability.soak.verdict import FORMS, SHORT, Form, judge

BOX = "source"
AT_REST = Sample(0, 150 * MEBIBYTE, 40, 10, 1)
EVERY_FORM = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def sound(form: Form) -> Figures:
    """Return a run that is well: what is measured wavers around what it was."""
    chance = Random(9)
    times = [
        n * form.sample_every_seconds for n in range(int(form.seconds / form.sample_every_seconds))
    ]
    samples = [
        Sample(
            at, int((150 + chance.uniform(-1, 1)) * MEBIBYTE), chance.randint(38, 42), 10, at / 5
        )
        for at in times
    ]
    # A hundred answers a sample would be ten million in eight hours: some of each part will do.
    answers = [
        Answer(form.seconds * n / 4000, "exams", chance.uniform(0.01, 0.1)) for n in range(4000)
    ]
    return Figures(
        answers,
        {BOX: samples},
        {BOX: LoopFigures(10_000, 50, 3)},
        {BOX: (AT_REST, AT_REST)},
        10,
        10,
    )


def faults(figures: Figures, form: Form) -> list[str]:
    return [row.what for row in judge(figures, form) if not row.is_well]


@EVERY_FORM
def test_a_run_in_which_nothing_changes_is_well(form: Form) -> None:
    assert faults(sound(form), form) == []


@EVERY_FORM
def test_memory_that_grows_is_told(form: Form) -> None:
    """Twice what the form cannot tell from noise, or 3 MiB an hour where it can tell all."""
    figures = sound(form)
    rate = 2 * form.growth_mib / form.hours + 3
    figures.samples[BOX] = [
        replace(
            one,
            resident_bytes=one.resident_bytes + int(rate * one.at / SECONDS_AN_HOUR * MEBIBYTE),
        )
        for one in figures.samples[BOX]
    ]
    assert faults(figures, form) == [f"{BOX}: growth of resident memory"]


@EVERY_FORM
@pytest.mark.parametrize(
    ("kept", "fault"),
    [
        pytest.param({"descriptors": 40 + 25}, "file descriptors", id="descriptors"),
        pytest.param({"threads": 10 + 33}, "threads", id="threads"),
    ],
)
def test_what_is_not_given_back_is_told(form: Form, kept: dict[str, int], fault: str) -> None:
    figures = sound(form)
    figures.at_rest = {BOX: (AT_REST, replace(AT_REST, **kept))}
    assert faults(figures, form) == [f"{BOX}: rise of {fault} at rest"]


@EVERY_FORM
def test_work_that_costs_more_and_more_is_told(form: Form) -> None:
    figures = sound(form)
    figures.samples[BOX] = [
        replace(one, processor_seconds=one.at * one.at / form.seconds)
        for one in figures.samples[BOX]
    ]
    assert faults(figures, form) == [f"{BOX}: processor time, last part to first"]


@EVERY_FORM
def test_answers_that_come_later_and_later_are_told(form: Form) -> None:
    figures = sound(form)
    figures.answers = [
        replace(one, seconds=one.seconds * (1 + 40 * one.at / form.seconds))
        for one in figures.answers
    ]
    (fault,) = faults(figures, form)
    assert fault.endswith("percentile of answers, the slowest later part")


def test_one_answer_that_fails_is_told_even_before_it_is_warm() -> None:
    figures = sound(SHORT)
    figures.answers[0] = replace(figures.answers[0], problem="503 instead of 200")
    assert faults(figures, SHORT) == ["requests that failed"]


def test_a_report_that_did_not_come_to_the_dmp_is_told() -> None:
    figures = sound(SHORT)
    figures.reports_published -= 1
    assert faults(figures, SHORT) == ["reports acknowledged and not published"]


@EVERY_FORM
def test_a_loop_that_is_held_is_told(form: Form) -> None:
    figures = sound(form)
    figures.loops = {BOX: LoopFigures(10_000, 600, 3)}
    assert faults(figures, form) == [f"{BOX}: loop held over 50 ms"]


def test_the_table_says_what_holds_and_what_does_not() -> None:
    figures = sound(SHORT)
    figures.reports_published -= 1
    lines = table(judge(figures, SHORT)).splitlines()
    assert "| reports acknowledged and not published |  | 1 | 0 | **no** |" in lines
    assert sum(line.endswith("| yes |") for line in lines) == len(lines) - 3


def test_the_figures_are_what_their_names_say() -> None:
    assert slope([(0, 1), (1, 3), (2, 5)]) == pytest.approx(2)
    assert percentile(99, range(1, 101)) == 99
    assert percentile(50, [3, 1, 2]) == 2
    assert parts_of(10, 40, 3) == [(10, 20), (20, 30), (30, 40)]
