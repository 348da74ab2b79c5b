"""C-FIND over a folder of DICOM files, by pydicom and fnmatch: a second opinion on our matching.

Names match in any case, everything else as it is written. Study rows say what only the PACS can
count: modalities, SOP classes, series and instances.
"""

import re
from collections.abc import Iterable
from fnmatch import translate
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.multival import MultiValue

from drimbox.model.retrieval import DicomJson, DicomQuery, QueryLevel

_KEY_OF_LEVEL = {
    QueryLevel.STUDY: "StudyInstanceUID",
    QueryLevel.SERIES: "SeriesInstanceUID",
    QueryLevel.IMAGE: "SOPInstanceUID",
}


def find_in_folder(folder: Path, query: DicomQuery) -> tuple[DicomJson, ...]:
    """Return the matches in the order of the file names, at most query.limit."""
    images = [dcmread(path, stop_before_pixels=True) for path in sorted(folder.glob("*.dcm"))]
    entities: dict[str, list[Dataset]] = {}
    for image in images:
        entities.setdefault(str(image[_KEY_OF_LEVEL[query.level]].value), []).append(image)
    rows = [_row(members, images) for members in entities.values()]
    found = [row for row in rows if all(_fits(row, t, key) for t, key in query.matching.items())]
    return tuple(
        {t: v for t, v in row.to_json_dict().items() if t in query.returned}
        for row in found[: query.limit]
    )


def _row(members: list[Dataset], everything: Iterable[Dataset]) -> Dataset:
    """Return the attributes of the first member, and what is counted."""
    row, first = Dataset(), members[0]
    row.update({e.tag: e for e in first if e.tag.group != 0x7FE0})
    of_study = [i for i in everything if i.StudyInstanceUID == first.StudyInstanceUID]
    row.ModalitiesInStudy = sorted({i.Modality for i in of_study})
    row.SOPClassesInStudy = sorted({i.SOPClassUID for i in of_study})
    row.NumberOfStudyRelatedSeries = len({i.SeriesInstanceUID for i in of_study})
    row.NumberOfStudyRelatedInstances = len(of_study)
    row.NumberOfSeriesRelatedInstances = sum(
        i.SeriesInstanceUID == first.SeriesInstanceUID for i in of_study
    )
    return row


def _fits(row: Dataset, tag: str, key: str) -> bool:
    if not key:
        return True
    keyword = keyword_for_tag(int(tag, 16))
    value = row.get(keyword)
    if value is None:
        return False
    vr = dictionary_VR(int(tag, 16))
    values = list(value) if isinstance(value, MultiValue) else [value]
    return any(_fits_value(vr, str(one), key) for one in values)


def _fits_value(vr: str, value: str, key: str) -> bool:
    if vr == "UI":
        return value in key.split("\\")
    if vr in {"DA", "TM"}:
        first, dash, last = key.partition("-")
        if not dash:
            return value.startswith(first)
        return first <= value and (not last or value[: len(last)] <= last)
    if vr == "PN":
        value, key = value.casefold(), key.casefold()
    # In a DICOM key brackets are letters.
    return re.match(translate(key.replace("[", "[[]")), value) is not None
