"""Metadata that a DMP would not take are refused, by rule and by code (ITI TF-3 4.2.3, 4.2.4)."""

from collections.abc import Callable

import pytest
from tests.sandbox.dmp import lot as lots
from tests.sandbox.dmp.bench import OTHER_PATIENT, Bench, Recipe
from tests.sandbox.dmp.lot import DEVICE, VISIBILITY, Lot

METADATA = "XDSRepositoryMetadataError"
Change = Callable[[Lot], object]
REFERENCES = "urn:ihe:iti:xds:2013:referenceIdList"


def slots(**values: str | tuple[str, ...] | None) -> Change:
    """Set slots of the KOS entry; None takes one away. `references` is referenceIdList."""

    def change(lot: Lot) -> None:
        for name, value in values.items():
            key = REFERENCES if name == "references" else name
            if value is None:
                del lot.entries[0].slots[key]
            else:
                lot.entries[0].slots[key] = (value,) if isinstance(value, str) else value

    return change


def code(what: str, value: str, system: str, *, entry: int = 0) -> Change:
    """Replace the first code of its kind."""

    def change(lot: Lot) -> None:
        codes = lot.entries[entry].codes
        codes[[kind for kind, _, _ in codes].index(what)] = (what, value, system)

    return change


def without_code(what: str, *, entry: int = 0) -> Change:
    def change(lot: Lot) -> None:
        found = lot.entries[entry]
        found.codes = [c for c in found.codes if c[0] != what]

    return change


def more_code(what: str, value: str, system: str) -> Change:
    return lambda lot: lot.entries[0].codes.append((what, value, system))


def of_entry(**values: str) -> Change:
    def change(lot: Lot) -> None:
        for name, value in values.items():
            setattr(lot.entries[0], name, value)

    return change


def of_lot(**values: str) -> Change:
    def change(lot: Lot) -> None:
        for name, value in values.items():
            setattr(lot, name, value)

    return change


@pytest.mark.parametrize(
    ("change", "error", "rule"),
    [
        pytest.param(slots(creationTime=None), METADATA, "slot creationTime is missing", id="t0"),
        pytest.param(
            slots(creationTime="20260302102900+0100"), METADATA, "creationTime must be", id="offset"
        ),
        pytest.param(
            slots(creationTime="20261302"), METADATA, "creationTime must be", id="month 13"
        ),
        pytest.param(
            slots(serviceStopTime="20260228"), METADATA, "before serviceStartTime", id="stop first"
        ),
        pytest.param(slots(languageCode="en-US"), METADATA, "languageCode", id="language"),
        pytest.param(
            slots(legalAuthenticator="KIT"), METADATA, "legalAuthenticator must be", id="signer"
        ),
        pytest.param(slots(legalAuthenticator=None), METADATA, "is missing", id="no signer"),
        pytest.param(slots(sourcePatientId=None), METADATA, "is missing", id="no source patient"),
        pytest.param(
            slots(sourcePatientId="162018885045327^^^&1.2.250.1.213.1.4.10&ISO^PI"),
            METADATA,
            "an INS in sourcePatientId must be the patientId, type NH",
            id="INS as PI, as the reference prototype sends it",
        ),
        pytest.param(
            slots(sourcePatientId="IPP0001"), METADATA, "sourcePatientId must be a CX", id="bare"
        ),
        pytest.param(
            slots(sourcePatientInfo=("PID-7|19620118", "PID-8|M")), METADATA, "PID-5", id="no name"
        ),
        pytest.param(
            slots(sourcePatientInfo=("PID-5|A^B", "PID-7|18/01/1962", "PID-8|M")),
            METADATA,
            "PID-7 is not as it must be",
            id="a birth date with slashes",
        ),
        pytest.param(
            slots(sourcePatientInfo=("PID-5|A^B", "PID-7|19620118", "PID-8|M", "PID-13|06")),
            METADATA,
            "a field of no patient",
            id="a phone number",
        ),
        pytest.param(slots(references=None), METADATA, "is missing", id="no referenceIdList"),
        pytest.param(
            slots(references="A^^^^urn:ihe:iti:xds:2013:accession"),
            METADATA,
            "need their assigning authority",
            id="an accession number of nobody",
        ),
        pytest.param(
            slots(references="A^^^&1.2&ISO^urn:ihe:iti:xds:2013:referral"),
            METADATA,
            "JDV_J231",
            id="a referral",
        ),
        pytest.param(slots(references="A"), METADATA, "no CXi", id="a bare reference"),
        pytest.param(slots(author="x"), METADATA, "slot author is not one", id="a foreign slot"),
        pytest.param(slots(size="big"), METADATA, "size must be", id="a size in words"),
        pytest.param(
            slots(size="1"), METADATA, "size is not that of the octets", id="a false size"
        ),
        pytest.param(slots(hash="0" * 40), METADATA, "hash is not that", id="a false hash"),
        pytest.param(slots(hash="0" * 64), METADATA, "hash must be a SHA-1", id="a SHA-256"),
        pytest.param(without_code("class"), METADATA, "classCode: exactly one", id="no classCode"),
        pytest.param(
            code("class", "10", lots.NH_CLASSES), METADATA, "must be 31", id="class of reports"
        ),
        pytest.param(
            code("class", "31", "1.2.3"), METADATA, "must be 31", id="class of another scheme"
        ),
        pytest.param(
            code("type", "18748-5", "2.16.840.1.113883.6.1"), METADATA, "typeCode", id="type"
        ),
        pytest.param(
            code("format", "urn:ihe:rad:TEXT", "1.3.6.1.4.1.19376.1.2.3"),
            METADATA,
            "formatCode is not one of a KOS",
            id="format",
        ),
        pytest.param(
            code("facility", "SA11", "1.2.250.1.71.4.2.4"), METADATA, "JDV_J61", id="facility"
        ),
        pytest.param(
            code("practice", "CABINET", "1.2.250.1.213.1.1.4.9"), METADATA, "JDV_J04", id="practice"
        ),
        pytest.param(
            more_code("format", "x", "y"), METADATA, "formatCode: exactly one", id="two formats"
        ),
        pytest.param(
            without_code("confidentiality"), METADATA, "at least one", id="no confidentiality"
        ),
        pytest.param(
            code("confidentiality", "L", "2.16.840.1.113883.5.25"), METADATA, "JDV_J58", id="L"
        ),
        pytest.param(
            more_code("confidentiality", "INVISIBLE_REP_LEGAUX", VISIBILITY),
            METADATA,
            "JDV_J58",
            id="the HL7 v2 spelling of a visibility",
        ),
        pytest.param(
            more_code("confidentiality", "R", "2.16.840.1.113883.5.25"),
            METADATA,
            "exactly one of N, R and V",
            id="N and R together",
        ),
        pytest.param(without_code("event"), METADATA, "needs the modality", id="no modality"),
        pytest.param(
            code("event", "KO", "1.2.840.10008.2.16.4"), METADATA, "ModaliteAcquisition", id="KO"
        ),
        pytest.param(
            code("event", "CT", "1.2.250.1.213.1.1.5.618"),
            METADATA,
            "OID of a value set",
            id="the value set taken for the code system",
        ),
        pytest.param(
            more_code("event", "69536005", "2.16.840.1.113883.6.96"),
            METADATA,
            "RegionAnatomique",
            id="a region of the older list",
        ),
        pytest.param(
            without_code("event", entry=1), METADATA, "must be its purpose", id="aimless signature"
        ),
        pytest.param(
            code("confidentiality", "R", "2.16.840.1.113883.5.25", entry=1),
            METADATA,
            "confidentialityCode of a signature needs N",
            id="a restricted signature",
        ),
        pytest.param(
            of_entry(mime_type="application/octet-stream"), METADATA, "mimeType", id="mimeType"
        ),
        pytest.param(of_entry(title=""), METADATA, "title is missing", id="no title"),
        pytest.param(
            of_entry(author="DRIMbox"), METADATA, "authorPerson must be one XCN", id="author"
        ),
        pytest.param(
            of_entry(unique_id="1.2.250.01"), METADATA, "uniqueId must be an OID", id="no OID"
        ),
        pytest.param(
            of_entry(patient_id=OTHER_PATIENT),
            "XDSPatientIdDoesNotMatch",
            "is not that of the submission set",
            id="an entry of another patient",
        ),
        pytest.param(
            of_entry(patient_id="162018885045327^^^&1.2.250.1.213.1.4.10&ISO^PI"),
            METADATA,
            "patientId must be a valid INS",
            id="patientId with type PI",
        ),
        pytest.param(
            of_lot(submission_time="20260302103010"), METADATA, "in the future", id="local time"
        ),
        pytest.param(
            of_lot(submission_time="202603020930"), METADATA, "DTM in UTC of 14", id="minutes only"
        ),
        pytest.param(
            of_lot(submission_time="20260101093010"), METADATA, "31 days", id="two months old"
        ),
        pytest.param(of_lot(unique_id="lot-1"), METADATA, "uniqueId must be an OID", id="set id"),
        pytest.param(
            lambda lot: setattr(lot.entries[1], "unique_id", lot.entries[0].unique_id),
            "XDSRepositoryDuplicateUniqueIdInMessage",
            "stands twice in the message",
            id="one uniqueId for two entries",
        ),
        pytest.param(
            lambda lot: lot.associations.clear(), METADATA, "exactly one signs", id="no signs"
        ),
        pytest.param(
            lambda lot: lot.associations.append((lots.SIGNS, "SubmissionSet01", "Signature01", {})),
            METADATA,
            "exactly one signs",
            id="signs twice",
        ),
        pytest.param(
            lambda lot: lot.associations.__setitem__(
                0, (lots.SIGNS, "Signature01", "DocumentKOS", {})
            ),
            METADATA,
            "to the submission set",
            id="signs the document",
        ),
        pytest.param(
            lambda lot: lot.associations.append(
                ("urn:ihe:iti:2007:AssociationType:APND", "DocumentKOS", "urn:uuid:1", {})
            ),
            METADATA,
            "HasMember, signs and RPLC",
            id="an addendum",
        ),
        pytest.param(
            lambda lot: lot.associations.append((lots.RPLC, "DocumentKOS", "DocumentKOS", {})),
            METADATA,
            "must be the entryUUID",
            id="replaces itself",
        ),
        pytest.param(
            lambda lot: lot.associations.append((lots.RPLC, "Signature01", "urn:uuid:1", {})),
            METADATA,
            "must be a document of this submission",
            id="a signature replaces",
        ),
        pytest.param(
            lambda lot: lot.entries.pop(1), METADATA, "exactly one signature", id="no signature"
        ),
        pytest.param(
            lambda lot: setattr(lot.entries[0], "object_id", "Other"),
            "XDSMissingDocument",
            "an entry has no Document",
            id="an entry without Document",
        ),
    ],
)
def test_refuses(bench: Bench, change: Change, error: str, rule: str) -> None:
    answer = bench.provide(Recipe(lot=change))

    assert any(c == error and rule in text for c, text in answer.errors), answer.said()
    assert answer.status == "Failure"
    assert bench.store.find_entries_of(lots.PATIENT_ID) == []
    assert bench.store.find_submission_sets(lots.PATIENT_ID) == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(slots(submissionTime="20260302"), id="ANS slot"),
        pytest.param(of_entry(author=lots.DOCTOR), id="a professional as author"),
        pytest.param(of_entry(author=DEVICE), id="a device as author"),
        pytest.param(slots(sourcePatientId=lots.PATIENT_ID), id="the INS where no IPP exists"),
        pytest.param(
            lambda lot: [
                lot.entries[0].codes.append(("confidentiality", word, VISIBILITY))
                for word in ("MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX")
            ],
            id="all three visibilities",
        ),
        pytest.param(more_code("event", "YYYY600", "1.2.250.1.213.2.5"), id="an act of the CCAM"),
        pytest.param(slots(**{"urn:else:note": "kept"}), id="extra metadata under a URN"),
    ],
)
def test_accepts(bench: Bench, change: Change) -> None:
    answer = bench.provide(Recipe(lot=change))

    assert answer.status == "Success", answer.said()
