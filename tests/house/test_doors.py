"""Each door answers every error of errors.py, by a row of its own table or of its tree's root."""

import pytest
from tests.fakes.error_tree import all_errors

from drimbox.entrypoints.http.fhir.errors import FHIR_ANSWER_TO
from drimbox.entrypoints.http.oauth import OAUTH_ANSWER_TO
from drimbox.entrypoints.http.problems import STATUS_OF, TITLES
from drimbox.entrypoints.http.shown_failures import SHOWN_FAILURES
from drimbox.entrypoints.mllp.report_messages import ANSWER_OF
from drimbox.errors import DrimboxError

WHOLE_TABLES = {
    "pages and DICOMweb": set(STATUS_OF),
    "OAuth": set(OAUTH_ANSWER_TO),
    "FHIR": set(FHIR_ANSWER_TO),
    "MLLP": set(ANSWER_OF),
}


@pytest.mark.parametrize("door", WHOLE_TABLES)
def test_the_table_of_a_door_has_a_row_for_every_error(door: str) -> None:
    missing = all_errors() - WHOLE_TABLES[door]
    assert not {error.__name__ for error in missing}


def test_every_status_has_its_words_in_french() -> None:
    assert set(TITLES) == set(STATUS_OF.values())


def test_what_cannot_be_shown_has_a_word_and_a_sentence_for_every_error() -> None:
    """They name what a person can understand; the rest is the root's."""
    assert DrimboxError in SHOWN_FAILURES
    assert all(row.word and row.sentence.endswith(".") for row in SHOWN_FAILURES.values())
