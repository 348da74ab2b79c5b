"""pydicom's own collection of odd files, each with a place of its own in one study."""

import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.errors import InvalidDicomError

FOLDER = Path(str(get_testdata_file("CT_small.dcm", read=False))).parent
CORPUS_STUDY = "1.2.250.1.999.77"

# What no PACS could have given: cut short, without SOP class, or not in the encoding it names.
UNUSABLE = frozenset(
    {"MR_truncated.dcm", "rtplan_truncated.dcm", "SC_rgb_jpeg.dcm", "meta_missing_tsyntax.dcm"}
)


@cache
def corpus_names() -> list[str]:
    return [path.name for path in _files()]


def corpus_object(name: str) -> Dataset:
    """Return the object with UIDs of its own: study CORPUS_STUDY, one series a file."""
    number = corpus_names().index(name) + 1
    image = _read(FOLDER / name)
    image.StudyInstanceUID = CORPUS_STUDY
    image.SeriesInstanceUID = f"{CORPUS_STUDY}.{number}"
    image.SOPInstanceUID = f"{CORPUS_STUDY}.{number}.1"
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    return image


def _read(path: Path) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dcmread(path)


def _files() -> Iterator[Path]:
    for path in sorted(FOLDER.glob("*.dcm")):
        if path.name in UNUSABLE:
            continue
        try:
            image = _read(path)
        except InvalidDicomError:
            continue
        if "SOPClassUID" in image:
            yield path
