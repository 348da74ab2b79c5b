"""Each door answers every error of errors.py, by a row of its own table or of its tree's root."""

import pytest
from tests.fakes.error_tree import all_errors

from drimbox.entrypoints.http.fhir.errors import FHIR_ANSWER_TO
from drimbox.entrypoints.http.oauth import OAUTH_ANSWER_TO
from drimbox.entrypoints.http.problems import STATUS_OF, TITLES
from drimbox.entrypoints.http.viewer import VIEW_FAILURES
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


def test_what_fails_in_the_viewer_has_a_word_for_every_error() -> None:
    """The viewer names what a person can understand; the rest is the root's word."""
    assert DrimboxError in VIEW_FAILURES
