"""ITI-41: a whole lot is taken, kept as the standard says, and never taken twice."""

from tests.sandbox.dmp.bench import Bench


def test_takes_a_whole_lot(bench: Bench) -> None:
    answer = bench.provide()

    assert answer.status == "Success", answer.said()
