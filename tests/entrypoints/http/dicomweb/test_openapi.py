"""openapi/dicomweb.yaml says what the DICOMweb door does, no more, no less.

That its paths are the routes of both listeners, tests/house/test_openapi_paths.py shows.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema_rs import validator_for
from tests.fakes.dicom_kinds import KINDS, STUDY_PATH, instance_path
from tests.fakes.dicomweb_site import SYSTEM, DicomwebSite

FILE = Path(__file__).resolve().parents[4] / "openapi" / "dicomweb.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
ACCEPTS = (
    "*/*",
    "application/dicom+json",
    'multipart/related; type="application/dicom+xml"',
    "multipart/related",
    "application/dicom",
    "application/octet-stream",
    "image/png",
    "text/html",
    "application/json",
    "application/vnd.sun.wadl+xml",
)
EXAMPLES = 8


def operations() -> list[tuple[str, str]]:
    return [
        (method, path)
        for path, item in DOCUMENT["paths"].items()
        for method in ("get", "options")
        if method in item
    ]


def validator(name: str) -> Any:
    shape = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return validator_for(shape)


def named(kind: str) -> Mapping[str, str]:
    image = KINDS[kind]
    return {
        "study": image.StudyInstanceUID,
        "series": image.SeriesInstanceUID,
        "instance": image.SOPInstanceUID,
        "studyUID": image.StudyInstanceUID,
        "seriesUID": image.SeriesInstanceUID,
        "objectUID": image.SOPInstanceUID,
    }


def response_of(method: str, path: str, status: int) -> Mapping[str, Any]:
    published = DOCUMENT["paths"][path][method]["responses"]
    assert str(status) in published, f"{method} {path}: {status} is not published"
    name = published[str(status)]["$ref"].rpartition("/")[2]
    told: Mapping[str, Any] = DOCUMENT["components"]["responses"][name]
    return told


def media_type_is_published(told: Mapping[str, Any], content_type: str) -> bool:
    """Compare the type, and what a multipart holds where the document says it."""
    plain = content_type.partition(";")[0]
    published = told.get("content", {})
    if plain in published:
        return True
    return any(
        known.startswith(plain + ";") and known.partition("type=")[2].strip('"') in content_type
        for known in published
    )


@pytest.mark.requirement("FA.6")
@pytest.mark.parametrize(("method", "path"), operations())
def test_nothing_generated_makes_a_5xx_or_an_answer_not_published(
    kinds_site: DicomwebSite, method: str, path: str
) -> None:
    operation = schemathesis.openapi.from_path(FILE)[path][method.upper()]
    base = kinds_site.url.removesuffix("/dicom-web")
    errors = validator("Error")

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        case=operation.as_strategy(),
        kind=st.sampled_from(["", *KINDS]),
        accept=st.sampled_from(ACCEPTS),
    )
    def send(case: schemathesis.Case, kind: str, accept: str) -> None:
        for place in (case.path_parameters, case.query):
            if kind and place:
                place.update({k: v for k, v in named(kind).items() if k in place})
        answer = case.call(
            base_url=base, headers={"Accept": accept, "Authorization": SYSTEM}, timeout=30
        )
        assert answer.status_code < 500, answer.text
        told = response_of(method, path, answer.status_code)
        if answer.status_code >= 400:
            errors.validate(answer.json())
            assert answer.json()["status"] == answer.status_code
        elif answer.status_code in {200, 206} and answer.content:
            (content_type,) = answer.headers["content-type"]
            assert media_type_is_published(told, content_type), content_type

    send()


@pytest.mark.parametrize("path", ["/studies", f"{STUDY_PATH}/series", f"{STUDY_PATH}/metadata"])
def test_data_sets_have_their_published_shape(kinds_site: DicomwebSite, path: str) -> None:
    shape = validator("DataSet")
    rows = kinds_site.get(path).json()
    assert rows
    for row in rows:
        shape.validate(row)


def test_capabilities_have_their_published_shape(kinds_site: DicomwebSite) -> None:
    validator("Capabilities").validate(kinds_site.get("").json())


@pytest.mark.parametrize("header", ["ETag", "Accept-Ranges"])
def test_headers_that_are_told_are_there(kinds_site: DicomwebSite, header: str) -> None:
    answer = kinds_site.get(f"{instance_path('PDF')}/bulkdata/00420011", "application/octet-stream")
    assert answer.headers[header]
