"""An ImagingStudy of a search as octets of JSON, made once for what it depends on.

Programs list the same fifty exams again and again; what a KOS says does not change.
"""

from drimbox.model.imaging_record import ImagingRecord
from drimbox.standards.fhir.bundle import WrittenResource
from drimbox.standards.fhir.imaging_study import encode_imaging_study
from drimbox.standards.fhir.json import encode_json
from drimbox.standards.fhir.search import Summary
from drimbox.standards.fhir.subset import series_form, subset

# Of what a client composes by _elements there are too many to keep.
_KEPT = frozenset({Summary.FALSE, Summary.TRUE})


def find_written(
    record: ImagingRecord, dicomweb_url: str, summary: Summary, elements: tuple[str, ...]
) -> WrittenResource | None:
    """Find what was written before."""
    study = record.study
    if study is None or elements or summary not in _KEPT:
        return None
    content = study.written.get(_key(record, dicomweb_url, summary))
    return _resource(record, content) if content is not None else None


def write_study(
    record: ImagingRecord, dicomweb_url: str, summary: Summary, elements: tuple[str, ...]
) -> WrittenResource:
    """Write the ImagingStudy, as much of it as is asked for."""
    form = series_form(summary, elements, is_json=False)
    whole = encode_imaging_study(record, dicomweb_url, form)
    content = encode_json(subset(whole, summary, elements))
    study = record.study
    if study is not None and not elements and summary in _KEPT:
        study.written[_key(record, dicomweb_url, summary)] = content
    return _resource(record, content)


def _key(record: ImagingRecord, dicomweb_url: str, summary: Summary) -> object:
    """Name all that the resource depends on beside the KOS and the metadata kept with it."""
    return (
        summary,
        dicomweb_url,
        record.subject.identifier,
        record.document.status,
        record.updated_at,
        record.image_sources,
        record.has_viewer,
    )


def _resource(record: ImagingRecord, content: bytes) -> WrittenResource:
    assert record.study is not None  # noqa: S101  # as for encode_imaging_study
    return WrittenResource("ImagingStudy", str(record.study.study_instance_uid), content)
