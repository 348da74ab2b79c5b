"""Whether the octets of a report entry are a CDA of the entry's patient and uniqueId (CDA R2)."""

from collections.abc import Iterator
from typing import Final

from lxml import etree

from drimbox.errors import MalformedMessage, TooLarge
from drimbox.sandbox.dmp.ebrim import RegistryObject
from drimbox.sandbox.dmp.hl7_types import read_ins
from drimbox.sandbox.dmp.names import CDA, ENTRY_PATIENT_ID, ENTRY_UNIQUE_ID, qualified
from drimbox.standards.safe_xml import parse_xml

_MAX_BYTES: Final = 32 * 1024 * 1024


def judge_report(entry: RegistryObject, content: bytes) -> Iterator[str]:
    """Yield every disagreement between the CDA header and its entry."""
    try:
        root = parse_xml(content, max_bytes=_MAX_BYTES)
    except (MalformedMessage, TooLarge):
        yield "the document is not readable as XML"
        return
    if root.tag != _cda("ClinicalDocument"):
        yield "the document is not a CDA"
        return
    own = root.find(_cda("id"))
    if own is None or _identifier(own) != entry.identifier(ENTRY_UNIQUE_ID):
        yield "uniqueId is not the id of the CDA"
    ins = read_ins(entry.identifier(ENTRY_PATIENT_ID))
    path = f"{_cda('recordTarget')}/{_cda('patientRole')}/{_cda('id')}"
    patients = {(p.get("root", ""), p.get("extension", "")) for p in root.iterfind(path)}
    if ins is not None and (ins.authority.value, ins.value) not in patients:
        yield "the patient of the CDA is not that of patientId"


def _cda(name: str) -> str:
    return qualified(CDA, name)


def _identifier(element: etree._Element) -> str:
    extension = element.get("extension")
    return f"{element.get('root', '')}^{extension}" if extension else element.get("root", "")
