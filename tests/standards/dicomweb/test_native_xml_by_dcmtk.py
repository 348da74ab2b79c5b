"""The Native DICOM Model of each file of a corpus: what dcm2xml of dcmtk writes of it."""

import io
import shutil
import subprocess
from pathlib import Path

import orjson
import pytest
from lxml import etree
from tests.fakes.pydicom_corpus import FOLDER, corpus_names

from drimbox.errors import MalformedMessage
from drimbox.standards.dicom.metadata import MetadataReader
from drimbox.standards.dicom.part10 import parse_file_meta
from drimbox.standards.dicomweb.native_xml import encode_native_xml

# What PS3.18 leaves out of metadata, or what dcmtk 3.6.7 knows by no keyword (retired, or newer).
NOT_COMPARED = frozenset({"FFFCFFFC"})
WITHOUT_KEYWORD = frozenset({"00101000", "00324000", "00321030", "300A0082"})
NUMBERS = frozenset({"DS", "IS", "FL", "FD", "US", "SS", "UL", "SL", "UV", "SV"})
OTHERWISE = {
    "badVR.dcm": "holds texts where numbers are due, which each reader gives in its way",
    "J2K_pixelrep_mismatch.dcm": "its private creators are UN, which dcmtk does not read",
    "rtdose_rle.dcm": "every value is UN, which dcmtk leaves as octets",
    "rtdose_rle_1frame.dcm": "the same",
    "waveform_ecg.dcm": "its private values have no creator, and keep their whole tag with us",
}
NAMES = [name for name in corpus_names() if name not in OTHERWISE]
_NAMESPACE = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"


def by_dcmtk(path: Path) -> etree._Element | None:
    """Return what dcm2xml writes; None for what it does not read."""
    told = subprocess.run(
        ["dcm2xml", "-nat", "+Xn", path], capture_output=True, check=False, timeout=60
    )
    if told.returncode:
        return None
    try:
        return etree.parse(io.BytesIO(told.stdout)).getroot()
    except etree.XMLSyntaxError:
        return None


def by_us(path: Path) -> etree._Element:
    octets = path.read_bytes()
    meta = parse_file_meta(octets)
    reader = MetadataReader(meta.transfer_syntax_uid)
    reader.feed(octets[meta.data_set_offset :])
    row = orjson.loads(orjson.dumps(reader.metadata(lambda path: path)))
    return etree.fromstring(encode_native_xml(row))  # our own octets


def content(parent: etree._Element) -> dict[tuple[str, str], object]:
    """Return each attribute by tag and private creator: its VR, its keyword, its values."""
    found = {}
    for one in parent.findall(f"{_NAMESPACE}DicomAttribute"):
        tag, vr = one.get("tag", "").upper(), one.get("vr", "")
        if tag in NOT_COMPARED or tag.startswith("0002"):
            continue
        if tag == "7FE00010":
            vr = ""  # dcmtk corrects OW of what is compressed
        keyword = None if tag in WITHOUT_KEYWORD else one.get("keyword")
        values = [told for value in one if (told := value_of(value, vr)) != ("PersonName", {})]
        found[tag, one.get("privateCreator", "")] = vr, keyword, values
    return found


def value_of(value: etree._Element, vr: str) -> tuple[str, object]:
    name = value.tag.removeprefix(_NAMESPACE)
    if name in {"InlineBinary", "BulkData"}:
        return "octets", None
    if name == "Item":
        return name, content(value)
    if name == "PersonName":
        groups = {g.tag: {part.tag: part.text for part in g} for g in value}
        return name, {tag: parts for tag, parts in groups.items() if parts}
    text = (value.text or "").strip()
    number = value.get("number", "")
    return number, f"{float(text):.5g}" if vr in NUMBERS and text else text


@pytest.mark.system
@pytest.mark.requirement("FA.3")
def test_it_is_what_dcmtk_writes() -> None:
    if shutil.which("dcm2xml") is None:
        pytest.skip("dcmtk is not installed: apt-get install dcmtk")
    compared = 0
    for name in NAMES:
        path = FOLDER / name
        try:
            theirs, mine = by_dcmtk(path), by_us(path)
        except MalformedMessage:
            continue
        if theirs is not None:
            compared += 1
            assert content(mine) == content(theirs), name
    assert compared > 50
