"""What the list of exams says of documents of the DMP that are not shown as exams."""

import html
from pathlib import Path

import pytest
from tests.entrypoints.http.test_consultation import exam
from tests.fakes.consultation_site import DOCTOR, ConsultationSite

from drimbox.errors import DrimboxError, Mismatch, RejectedByPartner, TimedOut
from drimbox.ports.dmp import DmpForbids, DocumentAbsent, DocumentAltered, DocumentUnreadable


@pytest.fixture
def site(tmp_path: Path) -> ConsultationSite:
    return ConsultationSite(tmp_path)


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (DocumentAbsent("lost"), "ne le détient plus ou ne vous le montre pas"),
        (DocumentAltered("other hash"), "autre chose que le document annoncé"),
        (DocumentUnreadable("no KOS"), "pas lisible"),
        (Mismatch("another patient"), "un autre patient"),
        (DmpForbids("DMP", "LocalPolicyRestrictionError"), "ne vous permet pas"),
        (RejectedByPartner("DMP", "XDSRepositoryError"), "a refusé"),
        (TimedOut("DMP", 30), "Réessayez dans un instant"),
    ],
)
def test_a_document_that_is_no_exam_says_why_beside_the_others(
    site: ConsultationSite, failure: DrimboxError, words: str
) -> None:
    site.dmp.hold(exam(1, study_description="Scanner cérébral"))
    entry = site.dmp.hold(exam(2, study_description="IRM du genou"))
    site.dmp.spoilt[entry.unique_id] = failure
    client = site.client(DOCTOR)
    fragment = client.get(f"/consultation/{site.open_patient(client)}/exams").text
    assert "Scanner cérébral" in fragment
    assert "1 document du DMP n'a pas pu être affiché" in fragment
    assert words in html.unescape(fragment)
