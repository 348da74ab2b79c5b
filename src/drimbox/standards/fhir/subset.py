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
}
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
    kept = {name: value for name, value in resource.items() if name in names | _ALWAYS}
    # A reference to what is contained needs it (dom-3).
    if "contained" in resource and names & _REFERRING:
        kept["contained"] = resource["contained"]
    meta = kept.get("meta")
    said = meta if isinstance(meta, dict) else {}
    # A part does not follow the profile that the whole claims.
    unclaimed = {name: value for name, value in said.items() if name != "profile"}
    kept["meta"] = unclaimed | {"tag": [_SUBSETTED]}
    return {name: kept[name] for name in resource if name in kept} | {"meta": kept["meta"]}


def _without_instances(study: Json) -> Json:
    series = study.get("series")
    if isinstance(series, list):
        study["series"] = [
            {name: value for name, value in one.items() if name in _SERIES_SUMMARY}
            for one in series
        ]
    return study
