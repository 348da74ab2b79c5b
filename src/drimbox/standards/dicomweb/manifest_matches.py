"""QIDO-RS answered from manifests: what a KOS, and the PACS at its publication, tell of a study.

What they do not tell is left out: "shall be present if known" (PS3.18 tables 10.6.3-3 to 10.6.3-5).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from drimbox.errors import InvalidValue
from drimbox.model.manifest import Manifest, ReferencedInstance, ReferencedSeries
from drimbox.model.patient import LocalPatientId
from drimbox.model.retrieval import DicomJson, DicomQuery, MatchPage, QueryLevel
from drimbox.standards.dicom.attributes import date_text, time_text
from drimbox.standards.dicomweb.attribute_matching import COMBINED, matches
from drimbox.standards.dicomweb.attribute_names import keyword_of

_Json = dict[str, Mapping[str, object]]

STUDY_UID, SERIES_UID, INSTANCE_UID = "0020000D", "0020000E", "00080018"
_TOLD = {
    QueryLevel.STUDY: frozenset(
        {
            *(STUDY_UID, "00080020", "00080030", "00080050", "00080061", "00080062", "00080090"),
            *("00081030", "00100010", "00100020", "00100021", "00100030", "00100040"),
            *("00200010", "00201206", "00201208"),
        }
    ),
    QueryLevel.SERIES: frozenset((SERIES_UID, "00080060", "0008103E", "00200011", "00201209")),
    QueryLevel.IMAGE: frozenset(
        (INSTANCE_UID, "00080016", "00200013", "00280008", "00280010", "00280011", "00280100")
    ),
}
_LEVELS = tuple(QueryLevel)


def tags_told(level: QueryLevel) -> frozenset[str]:
    """Return the attributes that a manifest knows at this level and above."""
    return frozenset().union(*(_TOLD[one] for one in _LEVELS[: _LEVELS.index(level) + 1]))


def check_is_told(query: DicomQuery) -> None:
    """Check that manifests tell every attribute that is to be matched.

    A key that they do not know would match nothing, as if there were no such exam.

    Raises:
        InvalidValue: one is unknown to them; it names it.
    """
    told = tags_told(query.level)
    for path, text in {**query.matching, **query.filters}.items():
        tag = path.split(".")[0]
        if text and tag not in told:
            raise InvalidValue(keyword_of(tag), "a key that the KOS of an exam tells")


def find_in_manifests(manifests: Iterable[Manifest], query: DicomQuery) -> MatchPage:
    """Return the page of the matches, in the order of the manifests."""
    keys = {path: text for path, text in {**query.matching, **query.filters}.items() if text}
    # A search has its ranges of instants among the filters, a C-FIND has none.
    are_instants = not COMBINED.keys().isdisjoint(query.filters)
    rows = [
        row
        for manifest in manifests
        for row in _at_level(manifest, query.level, keys)
        if matches(row, keys, are_instants=are_instants)
    ]
    return page_of(rows, query)


def page_of(rows: Sequence[DicomJson], query: DicomQuery) -> MatchPage:
    """Cut the page out of all matches, each with what is to be returned, in the order of tags."""
    end = None if query.limit is None else query.offset + query.limit
    returned = frozenset(query.returned)
    cut = rows[query.offset : end]
    if not returned:
        return MatchPage(tuple(cut), len(rows))
    kept = ({t: row[t] for t in sorted(row) if t in returned} for row in cut)
    return MatchPage(tuple(kept), len(rows))


def _at_level(manifest: Manifest, level: QueryLevel, keys: Mapping[str, str]) -> Iterator[_Json]:
    study = _study(manifest)
    if level is QueryLevel.STUDY:
        yield study
        return
    for series in manifest.series:
        if not _may_be(keys.get(SERIES_UID), series.series_instance_uid):
            continue
        in_series = study | _series(series)
        if level is QueryLevel.SERIES:
            yield in_series
            continue
        for instance in series.instances:
            if _may_be(keys.get(INSTANCE_UID), instance.sop_instance_uid):
                yield in_series | _instance(instance)


def _may_be(key: str | None, uid: str) -> bool:
    return not key or uid in key.split("\\")


def _study(manifest: Manifest) -> _Json:
    classes = dict.fromkeys(i.sop_class_uid for s in manifest.series for i in s.instances)
    study: _Json = {
        STUDY_UID: _value("UI", manifest.study_instance_uid),
        "00080020": _value("DA", date_text(manifest.study_date)),
        "00080030": _value("TM", time_text(manifest.study_time)),
        "00080050": _value("SH", _accession_number(manifest)),
        "00080061": {"vr": "CS", "Value": list(manifest.modalities)},
        "00080062": {"vr": "UI", "Value": list(classes)},
        "00080090": _name(manifest.referring_physician_name),
        "00081030": _value("LO", manifest.study_description),
        "00200010": _value("SH", manifest.study_id),
        "00201206": _value("IS", len(manifest.series)),
        "00201208": _value("IS", manifest.instance_count),
    }
    return study | _patient(manifest)


def _accession_number(manifest: Manifest) -> str:
    order = manifest.order
    return order.accession_number.value if order and order.accession_number else ""


def _patient(manifest: Manifest) -> _Json:
    """Return the patient as the images say, which may differ from the traits of the INS."""
    known = manifest.pacs_patient
    if known is not None:
        local = known.patient_id
        return {
            "00100010": _name(known.patient_name),
            "00100020": _value("LO", local.value if local else ""),
            "00100021": _value("LO", _issuer(local) if local else ""),
            "00100030": _value("DA", known.birth_date),
            "00100040": _value("CS", known.sex),
        }
    patient = manifest.patient
    if patient is None:
        return {}
    return {
        "00100010": _name(f"{patient.family_name}^{patient.given_name}"),
        "00100020": _value("LO", patient.ins.value),
        "00100021": _value("LO", patient.ins.authority.label),
        "00100030": _value("DA", patient.birth_date.value),
        "00100040": _value("CS", patient.gender.value),
    }


def _issuer(identifier: LocalPatientId) -> str:
    issuer = identifier.issuer
    return (issuer.namespace_id or str(issuer.universal_id or "")) if issuer else ""


def _series(series: ReferencedSeries) -> _Json:
    return {
        SERIES_UID: _value("UI", series.series_instance_uid),
        "00080060": _value("CS", series.modality),
        "0008103E": _value("LO", series.series_description),
        "00200011": _number("IS", series.series_number),
        "00201209": _value("IS", len(series.instances)),
    }


def _instance(instance: ReferencedInstance) -> _Json:
    attributes: _Json = {
        INSTANCE_UID: _value("UI", instance.sop_instance_uid),
        "00080016": _value("UI", instance.sop_class_uid),
        "00200013": _number("IS", instance.instance_number),
    }
    if instance.number_of_frames is not None:
        attributes["00280008"] = _value("IS", instance.number_of_frames)
    size = instance.image_size
    if size is not None:
        attributes["00280010"] = _value("US", size.rows)
        attributes["00280011"] = _value("US", size.columns)
        attributes["00280100"] = _value("US", size.bits_allocated)
    return attributes


def _number(vr: str, value: int | None) -> Mapping[str, object]:
    return {"vr": vr} if value is None else {"vr": vr, "Value": [value]}


def _value(vr: str, value: str | int) -> Mapping[str, object]:
    """Return an attribute; an empty one has no Value (PS3.18 F.2.5)."""
    return {"vr": vr, "Value": [value]} if value != "" else {"vr": vr}


def _name(text: str) -> Mapping[str, object]:
    return {"vr": "PN", "Value": [{"Alphabetic": text}]} if text else {"vr": "PN"}
