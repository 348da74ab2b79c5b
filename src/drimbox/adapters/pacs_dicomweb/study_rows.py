"""What a PACS answers to searches, as a study and its series (ports.pacs.Pacs.find_study)."""

import collections
from collections.abc import Sequence

from drimbox.errors import InvalidValue, NotFound
from drimbox.model.retrieval import DicomJson
from drimbox.model.study import Instance, Series, Study
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.attributes import Attributes
from drimbox.standards.dicom.dicom_json_reader import parse_dicom_json
from drimbox.standards.dicom.query_keys import parse_instance, parse_series, parse_study


def study_of(
    studies: Sequence[DicomJson],
    series: Sequence[DicomJson],
    instances: Sequence[DicomJson],
    *,
    default_issuer: str | None,
) -> Study:
    """Put the three levels together; instances without their series are left out.

    Raises:
        NotFound: no study came.
        MalformedMessage: a row is no DICOM JSON.
        InvalidValue: the study has no UID.
    """
    if not studies:
        raise NotFound("the PACS holds no such study")
    by_series: dict[str, list[Instance]] = collections.defaultdict(list)
    for row in instances:
        attributes = Attributes(parse_dicom_json(row))
        instance = parse_instance(attributes)
        if instance is not None:
            by_series[attributes.text(tags.SERIES_INSTANCE_UID)].append(instance)
    found = [_series(Attributes(parse_dicom_json(row)), by_series) for row in series]
    return parse_study(
        Attributes(parse_dicom_json(studies[0])),
        [one for one in found if one is not None],
        default_issuer=default_issuer,
    )


def _series(attributes: Attributes, by_series: dict[str, list[Instance]]) -> Series | None:
    instances = by_series[attributes.text(tags.SERIES_INSTANCE_UID)]
    try:
        return parse_series(attributes, instances)
    except InvalidValue:
        return None
