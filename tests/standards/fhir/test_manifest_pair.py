"""The two forms of one manifest say the same: the KOS read by pydicom, the FHIR Bundle as JSON.

The rows are those of MADO's table 4.3-1 that a KOS of a DRIMbox has. MADO's own pairs are published
as a draft and are not among the samples: the KOS here are that of the ANS, and made-up ones.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, time
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from tests.fakes.imaging_records import SUBJECT, made_up_document
from tests.fakes.manifests import made_up_manifest, made_up_patient, made_up_series

from drimbox.model.imaging_record import ImagingRecord
from drimbox.model.manifest import ImagingOrder, Manifest
from drimbox.model.prior_study import PriorStudy
from drimbox.model.study import AccessionNumber
from drimbox.model.uids import StudyInstanceUid
from drimbox.standards.dicom.kos import encode_kos, parse_kos
from drimbox.standards.fhir.manifest_bundle import encode_manifest_bundle

pytestmark = pytest.mark.requirement("FA.1")

Json = dict[str, Any]
DICOMWEB = "https://box.test/dicom-web"
MADE_UP: dict[str, Callable[[], Manifest]] = {
    "the richest": made_up_manifest,
    "without order nor description": lambda: made_up_manifest(order=None, study_description=""),
    "without a time": lambda: made_up_manifest(study_time=None),
    "in winter, before 1970": lambda: made_up_manifest(
        study_date=date(1969, 1, 2), study_time=time(7, 5)
    ),
    "an accession number without issuer": lambda: made_up_manifest(
        order=ImagingOrder(AccessionNumber("A^1&2", None), None, None)
    ),
    "PET and CT": lambda: made_up_manifest(
        series=(made_up_series(1, 4, modality="PT"), made_up_series(2, 3, modality="CT"))
    ),
    "two thousand images": lambda: made_up_manifest(series=(made_up_series(1, 2000),)),
    "a UID of 64 characters": lambda: made_up_manifest(
        study_instance_uid=StudyInstanceUid("1.2.250.1." + "9" * 54)
    ),
}


@pytest.fixture(params=MADE_UP)
def kos(request: pytest.FixtureRequest) -> bytes:
    return encode_kos(MADE_UP[request.param]())


def read(kos: bytes) -> Dataset:
    return pydicom.dcmread(BytesIO(kos))


def bundle_of(kos: bytes) -> Json:
    manifest = parse_kos(kos)
    document = made_up_document(replace(manifest, patient=made_up_patient()))
    record = ImagingRecord(
        SUBJECT, document, document.creation_time, PriorStudy(manifest, document, kos)
    )
    return encode_manifest_bundle(record, DICOMWEB, "0.1", None)


def resource(bundle: Json, kind: str) -> Json:
    found: Json = next(
        e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == kind
    )
    return found


def check_pair(document: Dataset, bundle: Json) -> None:
    """Compare by the rows of the table; neither side is read by code of ours."""
    study = resource(bundle, "ImagingStudy")
    assert bundle["identifier"]["value"] == f"urn:oid:{document.SOPInstanceUID}"
    assert {
        (i["system"], i["value"]) for i in study["identifier"]
    } == {("urn:dicom:uid", f"urn:oid:{document.StudyInstanceUID}")}  # fmt: skip
    assert study["started"].startswith(started(document))
    assert study.get("description", "") in {document.get("StudyDescription", ""), "TDM du thorax"}
    assert [o["identifier"]["value"] for o in study.get("basedOn", [])] == list(orders(document))
    evidence = list(series_of(document))
    assert study["numberOfSeries"] == len(study["series"]) == len(evidence)
    assert study["numberOfInstances"] == sum(len(s.ReferencedSOPSequence) for s in evidence)
    for written, referenced in zip(study["series"], evidence, strict=True):
        assert written["uid"] == referenced.SeriesInstanceUID
        assert written["numberOfInstances"] == len(referenced.ReferencedSOPSequence)
        assert written.get("number") == referenced.get("SeriesNumber")
        assert [
            (i["uid"], i["sopClass"]["code"].removeprefix("urn:oid:"), i.get("number"))
            for i in written["instance"]
        ] == [
            (i.ReferencedSOPInstanceUID, i.ReferencedSOPClassUID, i.get("InstanceNumber"))
            for i in referenced.ReferencedSOPSequence
        ]
    told = {line.split(" : ")[0]: line for line in text_of(document).splitlines()}
    for written in study["series"]:
        line = told.get(f"Série-{written['uid']}")
        assert line is None or line.split(" : ")[1].startswith(written["modality"]["code"])


def series_of(document: Dataset) -> Iterator[Dataset]:
    for item in document.CurrentRequestedProcedureEvidenceSequence:
        yield from item.ReferencedSeriesSequence


def started(document: Dataset) -> str:
    """Return the study's date and time, as far as both forms have them."""
    day, moment = document.StudyDate, document.get("StudyTime") or ""
    text = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    return f"{text}T{moment[:2]}:{moment[2:4]}:{moment[4:6] or '00'}" if moment else text


def orders(document: Dataset) -> Iterator[str]:
    for item in document.get("ReferencedRequestSequence", []):
        if item.get("AccessionNumber"):
            yield item.AccessionNumber
        if item.get("PlacerOrderNumberImagingServiceRequest"):
            yield item.PlacerOrderNumberImagingServiceRequest


def text_of(document: Dataset) -> str:
    return "\n".join(
        str(item.TextValue)
        for item in document.get("ContentSequence", [])
        if item.get("ValueType") == "TEXT"
    ).replace("\r", "\n")


def test_both_forms_of_a_manifest_say_the_same(kos: bytes) -> None:
    check_pair(read(kos), bundle_of(kos))


def test_both_forms_of_the_sample_of_the_ans_say_the_same(samples: Path) -> None:
    kos = (samples / "kos" / "kos-two-mr-series.dcm").read_bytes()
    check_pair(read(kos), bundle_of(kos))


@pytest.mark.parametrize("what", ["a series more", "an image less", "another class"])
def test_the_comparison_tells_forms_that_differ(what: str) -> None:
    kos = encode_kos(made_up_manifest())
    document = read(kos)
    series = document.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    if what == "a series more":
        series.append(series[0])
    elif what == "an image less":
        del series[0].ReferencedSOPSequence[0]
    else:
        series[0].ReferencedSOPSequence[0].ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    with pytest.raises(AssertionError):
        check_pair(document, bundle_of(kos))
