"""Whether the slots of a DocumentEntry hold what they must (ITI TF-3 4.2.3.2, French profile)."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from drimbox.sandbox.dmp.document_kinds import OTHER_SLOTS, SINGLE_SLOTS, DocumentKind
from drimbox.sandbox.dmp.ebrim import RegistryObject
from drimbox.sandbox.dmp.hl7_types import (
    INS_AUTHORITIES,
    is_oid,
    is_person,
    read_cx,
    read_dtm,
    read_reference_id,
)
from drimbox.sandbox.dmp.names import (
    ACCESSION_REFERENCE,
    ENTRY_PATIENT_ID,
    ORDER_REFERENCE,
    REFERENCE_ID_LIST,
    STUDY_REFERENCE,
)

_SHA1: Final = re.compile(r"[0-9a-fA-F]{40}\Z", re.ASCII)
_SOURCE_PATIENT: Final = {
    "PID-3": re.compile(r"[^^]+\^\^\^.*\Z"),
    "PID-5": re.compile(r"[^^|]+\^[^^|]+(\^[^|]*)?\Z"),
    "PID-7": re.compile(r"[0-9]{8}\Z"),
    "PID-8": re.compile(r"[MFU]\Z"),
    "PID-11": re.compile(r"\^\^\^\^\^\^BDL\^\^[0-9][0-9AB][0-9]{3}\Z"),
}
_REQUIRED_FIELDS: Final = ("PID-5", "PID-7", "PID-8")


def _is_dtm(text: str) -> bool:
    return read_dtm(text) is not None


_DTM_RULE: Final = (_is_dtm, "a DTM in UTC, 4 to 14 digits")
_RULES: Final[dict[str, tuple[Callable[[str], bool], str]]] = {
    "creationTime": _DTM_RULE,
    "serviceStartTime": _DTM_RULE,
    "serviceStopTime": _DTM_RULE,
    "submissionTime": _DTM_RULE,
    "legalAuthenticator": (is_person, "an XCN with its national identifier"),
    "hash": (lambda text: bool(_SHA1.match(text)), "a SHA-1 of 40 hexadecimal digits"),
    "size": (str.isdecimal, "a number of octets"),
    "repositoryUniqueId": (is_oid, "an OID"),
}


def judge_slots(entry: RegistryObject, kind: DocumentKind) -> Iterator[str]:
    """Yield what is wrong with an entry's slots."""
    yield from _judge_names(entry, kind)
    for name, (rule, wording) in _RULES.items():
        if name in entry.slots and not rule(entry.slot(name)):
            yield f"{name} must be {wording}"
    if "languageCode" in entry.slots and entry.slot("languageCode") not in kind.languages:
        yield f"languageCode of a {kind.name} must be {kind.languages[0]}"
    start, stop = (read_dtm(entry.slot(f"service{which}Time")) for which in ("Start", "Stop"))
    if start is not None and stop is not None and stop < start:
        yield "serviceStopTime is before serviceStartTime"
    if "sourcePatientId" in entry.slots:
        yield from _judge_source_patient_id(entry)
    if "sourcePatientInfo" in kind.slots:
        yield from _judge_source_patient_info(entry.slots.get("sourcePatientInfo", ()))
    for text in entry.slots.get(REFERENCE_ID_LIST, ()):
        yield from _judge_reference_id(text)


def _judge_names(entry: RegistryObject, kind: DocumentKind) -> Iterator[str]:
    for name in entry.repeated_slots:
        yield f"slot {name} stands twice"
    for name in sorted(kind.slots - set(entry.slots)):
        yield f"slot {name} is missing"
    for name, values in entry.slots.items():
        if name not in SINGLE_SLOTS | OTHER_SLOTS and not name.startswith("urn:"):
            yield f"slot {name} is not one of a DocumentEntry"
        if name in SINGLE_SLOTS and len(values) != 1:
            yield f"slot {name} must have one value"
        if not all(values):
            yield f"slot {name} has an empty value"


def _judge_source_patient_id(entry: RegistryObject) -> Iterator[str]:
    source = read_cx(entry.slot("sourcePatientId"))
    if source is None:
        yield "sourcePatientId must be a CX"
        return
    _, authority, kind = source
    if authority in INS_AUTHORITIES:
        if entry.slot("sourcePatientId") != entry.identifier(ENTRY_PATIENT_ID):
            yield "an INS in sourcePatientId must be the patientId, type NH"
    elif kind != "PI":
        yield "sourcePatientId must be the local identifier with type PI"


def _judge_source_patient_info(values: tuple[str, ...]) -> Iterator[str]:
    fields = {name: text for name, _, text in (value.partition("|") for value in values)}
    for name in _REQUIRED_FIELDS:
        if name not in fields:
            yield f"sourcePatientInfo has no {name}"
    for name, text in fields.items():
        if name not in _SOURCE_PATIENT:
            yield "sourcePatientInfo has a field of no patient"
        elif not _SOURCE_PATIENT[name].match(text):
            yield f"sourcePatientInfo: {name} is not as it must be"


def _judge_reference_id(text: str) -> Iterator[str]:
    reference = read_reference_id(text)
    if reference is None:
        yield "referenceIdList: a value is no CXi"
        return
    value, issuer, kind = reference
    if kind == STUDY_REFERENCE:
        if not is_oid(value):
            yield "referenceIdList: studyInstanceUID is no UID"
    elif kind not in {ACCESSION_REFERENCE, ORDER_REFERENCE}:
        yield "referenceIdList: the DMP takes accession, order and studyInstanceUID (JDV_J231)"
    elif not is_oid(issuer):
        yield "referenceIdList: accession and order need their assigning authority"
