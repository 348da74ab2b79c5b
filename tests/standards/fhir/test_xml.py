"""Resources as XML: read back by an independent reader, they are the same as their JSON."""

from typing import Any

import orjson
import pytest
from fhir.resources.R4B import get_fhir_model_class
from tests.fakes.imaging_records import SUBJECT, made_up_record

from drimbox.errors import InvalidValue
from drimbox.model.imaging_record import ImageSource
from drimbox.model.uids import Oid
from drimbox.standards.fhir.bundle import SearchSet, encode_searchset
from drimbox.standards.fhir.document_reference import encode_document_reference
from drimbox.standards.fhir.endpoint import WadoEndpoint, encode_endpoint
from drimbox.standards.fhir.imaging_study import encode_imaging_study
from drimbox.standards.fhir.operation_outcome import ignored_issue
from drimbox.standards.fhir.patient import encode_patient
from drimbox.standards.fhir.xml import encode_xml

Json = dict[str, Any]
FHIR, DICOMWEB = "https://box.test/fhir", "https://box.test/dicom-web"
RECORD = made_up_record()
RESOURCES: dict[str, Json] = {
    "ImagingStudy": encode_imaging_study(RECORD, DICOMWEB),
    "DocumentReference": encode_document_reference(RECORD, FHIR),
    "Patient": encode_patient(SUBJECT),
    "Endpoint": encode_endpoint(WadoEndpoint(DICOMWEB, ImageSource(location=Oid("1.2.3")))),
}
BUNDLE = encode_searchset(
    SearchSet(
        self_url=f"{FHIR}/ImagingStudy?_count=2",
        next_url=f"{FHIR}/ImagingStudy?_page=x",
        total=4,
        matches=[RESOURCES["ImagingStudy"], RESOURCES["DocumentReference"]],
        included=[RESOURCES["Patient"], RESOURCES["Endpoint"]],
        issues=[ignored_issue("colour")],
    ),
    FHIR,
    RECORD.updated_at,
)


def as_read(kind: str, content: bytes | str, *, is_xml: bool) -> Json:
    model = get_fhir_model_class(kind)
    read = model.model_validate_xml(content) if is_xml else model.model_validate_json(content)
    plain: Json = orjson.loads(read.model_dump_json())
    return plain


@pytest.mark.parametrize("resource", [*RESOURCES.values(), BUNDLE], ids=[*RESOURCES, "Bundle"])
def test_xml_and_json_say_the_same(resource: Json) -> None:
    kind = resource["resourceType"]
    from_xml = as_read(kind, encode_xml(resource), is_xml=True)
    assert from_xml == as_read(kind, orjson.dumps(resource), is_xml=False)


def test_a_text_keeps_its_markup_as_text() -> None:
    endpoint = RESOURCES["Endpoint"] | {"name": 'a < b & "c" — é'}
    content = encode_xml(endpoint)
    assert as_read("Endpoint", content, is_xml=True)["name"] == 'a < b & "c" — é'


def test_a_control_character_is_no_xml() -> None:
    with pytest.raises(InvalidValue):
        encode_xml(RESOURCES["Endpoint"] | {"name": "a\x01b"})
