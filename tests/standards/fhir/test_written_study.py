"""ImagingStudies as octets: the very resource, made again only where it would be another."""

from dataclasses import replace

import orjson
import pytest
from tests.fakes.imaging_records import SUBJECT, made_up_record

from drimbox.model.document_entry import AvailabilityStatus
from drimbox.model.imaging_record import ImagingRecord
from drimbox.standards.fhir.imaging_study import SeriesForm, encode_imaging_study
from drimbox.standards.fhir.search import Summary
from drimbox.standards.fhir.subset import subset
from drimbox.standards.fhir.written_study import find_written, write_study

DICOMWEB = "https://box.test/dicom-web"


@pytest.mark.parametrize(
    ("summary", "elements"),
    [
        *((summary, ()) for summary in Summary if summary is not Summary.COUNT),
        (Summary.FALSE, ("status", "series")),
        (Summary.FALSE, ("status",)),
    ],
)
def test_the_octets_are_the_resource(summary: Summary, elements: tuple[str, ...]) -> None:
    record = made_up_record()
    written = write_study(record, DICOMWEB, summary, elements)
    whole = encode_imaging_study(record, DICOMWEB, SeriesForm.WHOLE)
    asked = subset(whole, summary, elements)
    assert orjson.loads(written.content) == orjson.loads(orjson.dumps(asked))
    assert (written.kind, written.identifier) == ("ImagingStudy", whole["id"])


@pytest.mark.parametrize("summary", [Summary.FALSE, Summary.TRUE])
def test_what_was_written_is_found_again(summary: Summary) -> None:
    record = made_up_record()
    assert find_written(record, DICOMWEB, summary, ()) is None
    written = write_study(record, DICOMWEB, summary, ())
    assert find_written(record, DICOMWEB, summary, ()) == written


def test_what_a_client_composes_is_not_kept() -> None:
    record = made_up_record()
    write_study(record, DICOMWEB, Summary.FALSE, ("status",))
    assert record.study is not None
    assert not record.study.written


def _of(record: ImagingRecord, status: AvailabilityStatus) -> ImagingRecord:
    return replace(record, document=replace(record.document, status=status))


def test_nothing_is_found_for_another_state_patient_or_base() -> None:
    record = made_up_record()
    write_study(record, DICOMWEB, Summary.FALSE, ())
    others = [
        _of(record, AvailabilityStatus.DEPRECATED),
        replace(record, subject=replace(SUBJECT, identifier="another")),
        replace(record, updated_at=record.updated_at.replace(year=2020)),
    ]
    assert [find_written(one, DICOMWEB, Summary.FALSE, ()) for one in others] == [None] * 3
    assert find_written(record, "https://other.test", Summary.FALSE, ()) is None
    assert find_written(record, DICOMWEB, Summary.TRUE, ()) is None
