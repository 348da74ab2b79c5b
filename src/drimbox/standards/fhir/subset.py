"""_summary and _elements (R4 3.1.1.5.8): which elements of a resource are written.

A Patient is always whole: the INS may not travel without its traits, nor may a part of it.
"""

from collections.abc import Mapping

from drimbox.standards.fhir.code_systems import Json
from drimbox.standards.fhir.imaging_study import SeriesForm
from drimbox.standards.fhir.search import Summary

_SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
}
_ALWAYS = frozenset({"resourceType", "id", "meta"})
# Elements that R4 requires: they stay, whatever is asked for.
_REQUIRED: Mapping[str, frozenset[str]] = {
    "ImagingStudy": frozenset({"status", "subject"}),
    "DocumentReference": frozenset({"status", "content"}),
    "Endpoint": frozenset({"status", "connectionType", "payloadType", "address"}),
    "List": frozenset({"status", "mode"}),
    "CapabilityStatement": frozenset({"status", "date", "kind", "fhirVersion", "format"}),
    "CodeSystem": frozenset({"status", "content"}),
    "OperationDefinition": frozenset(
        {"name", "status", "kind", "code", "system", "type", "instance"}
    ),
    "SearchParameter": frozenset({"url", "name", "status", "description", "code", "base", "type"}),
    "StructureDefinition": frozenset({"url", "name", "status", "kind", "abstract", "type"}),
    "ValueSet": frozenset({"status"}),
}
# Elements marked Σ in every kind of definition.
_METADATA = frozenset(
    {"url", "identifier", "version", "name", "title", "status", "experimental", "date", "publisher"}
)
# Elements marked Σ in R4; contained goes with the references to it.
_SUMMARY: Mapping[str, frozenset[str]] = {
    "ImagingStudy": frozenset(
        {
            "identifier", "status", "modality", "subject", "started", "basedOn", "referrer",
            "endpoint", "numberOfSeries", "numberOfInstances", "procedureCode", "description",
            "series",
        }
    ),
    "DocumentReference": frozenset(
        {
            "contained", "masterIdentifier", "identifier", "status", "type", "category", "subject",
            "date", "author", "authenticator", "custodian", "description", "securityLabel",
            "content", "context",
        }
    ),
    "List": frozenset(
        {"contained", "status", "mode", "title", "code", "subject", "date", "source"}
    ),
    "CapabilityStatement": _METADATA
    | {
        "kind", "instantiates", "software", "implementation", "fhirVersion", "format",
        "implementationGuide", "rest",
        "description",  # no Σ; cpb-2 wants something that tells what it is
    },
    "CodeSystem": _METADATA | {"caseSensitive", "content", "count"},
    "OperationDefinition": _METADATA
    | {"kind", "affectsState", "code", "system", "type", "instance"},
    "SearchParameter": _METADATA | {"description", "code", "base", "type"},
    "StructureDefinition": _METADATA
    | {"fhirVersion", "kind", "abstract", "type", "baseDefinition", "derivation"},
    "ValueSet": _METADATA,
}  # fmt: skip
# Elements that may refer to what is contained.
_REFERRING = frozenset({"author", "authenticator", "context", "source"})
_SERIES_SUMMARY = frozenset(
    {"uid", "number", "modality", "description", "numberOfInstances", "endpoint", "started"}
)


def subset(resource: Json, summary: Summary, elements: tuple[str, ...]) -> Json:
    """Return the resource as asked for, marked SUBSETTED where something may be missing."""
    kind = str(resource["resourceType"])
    if kind not in _REQUIRED:
        return resource
    if elements:
        return _only(resource, frozenset(elements) | _REQUIRED[kind])
    if summary is Summary.TEXT:
        return _only(resource, _REQUIRED[kind])
    if summary is Summary.TRUE and kind in _SUMMARY:
        return _without_instances(_only(resource, _SUMMARY[kind]))
    return resource


def series_form(summary: Summary, elements: tuple[str, ...], *, is_json: bool) -> SeriesForm:
    """Tell how the series of an ImagingStudy are written, which is most of the work."""
    if summary in {Summary.TEXT, Summary.COUNT} or (elements and "series" not in elements):
        return SeriesForm.NONE
    if summary is Summary.TRUE:
        return SeriesForm.WITHOUT_INSTANCES
    return SeriesForm.AS_JSON if is_json else SeriesForm.WHOLE


def _only(resource: Json, names: frozenset[str]) -> Json:
    wanted = names | _ALWAYS
    if names & _REFERRING:
        # A reference to what is contained needs it (dom-3).
        wanted |= {"contained"}
    kept = {name: value for name, value in resource.items() if name in wanted}
    meta = kept.pop("meta", None)
    said = meta if isinstance(meta, dict) else {}
    # A part does not follow the profile that the whole claims.
    unclaimed = {name: value for name, value in said.items() if name != "profile"}
    first = {"resourceType": kept.pop("resourceType"), "id": kept.pop("id")}
    return first | {"meta": unclaimed | {"tag": [_SUBSETTED]}} | kept


def _without_instances(study: Json) -> Json:
    series = study.get("series")
    if isinstance(series, list):
        study["series"] = [
            {name: value for name, value in one.items() if name in _SERIES_SUMMARY}
            for one in series
        ]
    return study
