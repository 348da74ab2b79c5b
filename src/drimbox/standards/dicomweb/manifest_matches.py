"""QIDO-RS answered from manifests: what a KOS tells of studies, series and instances.

A KOS names no Rows nor Bits Allocated; attributes it does not hold are left out (PS3.18 10.6.3).
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from drimbox.errors import InvalidValue
from drimbox.model.manifest import Manifest, ReferencedInstance, ReferencedSeries
from drimbox.model.retrieval import DicomJson, DicomQuery, QueryLevel

_Json = dict[str, Mapping[str, object]]
_DATE_TIME = re.compile(r"[0-9]{0,14}(?:\.[0-9]+)?\Z")
_RANGE_VRS = frozenset({"DA", "TM"})


def find_in_manifests(manifests: Iterable[Manifest], query: DicomQuery) -> tuple[DicomJson, ...]:
    """Return what matches, at the level of the query, in the order of the manifests.

    Raises:
        InvalidValue: a date or time that is none.
    """
    matches = []
    for manifest in manifests:
        for attributes in _at_level(manifest, query.level):
            if all(_matches(attributes.get(tag), text) for tag, text in query.matching.items()):
                kept = {
                    t: v for t, v in attributes.items() if not query.returned or t in query.returned
                }
                matches.append(kept)
    return tuple(matches[: query.limit])


def _at_level(manifest: Manifest, level: QueryLevel) -> Iterator[_Json]:
    study = _study(manifest)
    if level is QueryLevel.STUDY:
        yield study
        return
    for series in manifest.series:
        in_series = study | _series(series)
        if level is QueryLevel.SERIES:
            yield in_series
            continue
        for instance in series.instances:
            yield in_series | _instance(instance)


def _study(manifest: Manifest) -> _Json:
    study: _Json = {
        "0020000D": _value("UI", manifest.study_instance_uid),
        "00080061": {"vr": "CS", "Value": list(manifest.modalities)},
        "00081030": _value("LO", manifest.study_description),
        "00200010": _value("SH", manifest.study_id),
        "00080090": _name(manifest.referring_physician_name),
        "00201206": _value("IS", len(manifest.series)),
        "00201208": _value("IS", manifest.instance_count),
    }
    if manifest.study_date is not None:
        study["00080020"] = _value("DA", manifest.study_date.strftime("%Y%m%d"))
    if manifest.study_time is not None:
        study["00080030"] = _value("TM", manifest.study_time.strftime("%H%M%S"))
    if manifest.order is not None and manifest.order.accession_number is not None:
        study["00080050"] = _value("SH", manifest.order.accession_number.value)
    if manifest.patient is not None:
        patient = manifest.patient
        study["00100010"] = _name(f"{patient.family_name}^{patient.given_name}")
        study["00100020"] = _value("LO", patient.ins.value)
        study["00100030"] = _value("DA", patient.birth_date.value)
        study["00100040"] = _value("CS", patient.gender.value)
    return study


def _series(series: ReferencedSeries) -> _Json:
    attributes: _Json = {
        "0020000E": _value("UI", series.series_instance_uid),
        "00080060": _value("CS", series.modality),
        "0008103E": _value("LO", series.series_description),
        "00201209": _value("IS", len(series.instances)),
    }
    if series.series_number is not None:
        attributes["00200011"] = _value("IS", series.series_number)
    return attributes


def _instance(instance: ReferencedInstance) -> _Json:
    attributes: _Json = {
        "00080018": _value("UI", instance.sop_instance_uid),
        "00080016": _value("UI", instance.sop_class_uid),
    }
    if instance.instance_number is not None:
        attributes["00200013"] = _value("IS", instance.instance_number)
    return attributes


def _value(vr: str, value: str | int) -> Mapping[str, object]:
    """Return an attribute; an empty one has no Value (PS3.18 F.2.5)."""
    return {"vr": vr, "Value": [value]} if value != "" else {"vr": vr}


def _name(text: str) -> Mapping[str, object]:
    return {"vr": "PN", "Value": [{"Alphabetic": text}]} if text else {"vr": "PN"}


def _matches(attribute: Mapping[str, object] | None, key: str) -> bool:
    """Match one key (PS3.4 C.2.2.2): universal, range, list of UIDs, wildcard, single value."""
    if not key or key == "*":
        return True
    values = attribute.get("Value") if attribute is not None else None
    if attribute is None or not isinstance(values, list):
        return False
    texts = [v["Alphabetic"] if isinstance(v, dict) else str(v) for v in values]
    vr = attribute["vr"]
    if vr in _RANGE_VRS:
        return any(_in_range(text, key) for text in texts)
    if vr == "UI":
        return any(text in key.split("\\") for text in texts)
    # Names are matched whatever the case, as most PACS do (PS3.4 C.2.2.2.1 leaves it open).
    flags = re.IGNORECASE if vr == "PN" else 0
    pattern = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in key)
    return any(re.fullmatch(pattern, text, flags) for text in texts)


def _in_range(text: str, key: str) -> bool:
    first, dash, last = key.partition("-")
    if not all(_DATE_TIME.match(part) for part in (first, last)):
        raise InvalidValue("date or time", "AAAAMMJJ, HHMMSS, or a range of them")
    if not dash:
        return text == first
    return first <= text and (not last or text[: len(last)] <= last)
