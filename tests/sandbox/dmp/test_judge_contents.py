"""Octets that are not what their entry says are refused: the KOS, and the signature of the lot."""

from collections.abc import Callable

import pytest
from pydicom.dataset import FileDataset
from pydicom.sequence import Sequence
from tests.sandbox.dmp import kos as kos_file
from tests.sandbox.dmp.bench import Bench, Recipe

ChangeKos = Callable[[FileDataset], object]
ChangeTexts = Callable[[dict[str, str]], object]


def said(**attributes: object) -> ChangeKos:
    def change(kos: FileDataset) -> None:
        for keyword, value in attributes.items():
            setattr(kos, keyword, value)

    return change


def evidence(kos: FileDataset) -> kos_file.Dataset:
    return kos.CurrentRequestedProcedureEvidenceSequence[0]


def other_class(kos: FileDataset) -> None:
    kos.SOPClassUID = kos.file_meta.MediaStorageSOPClassUID = kos_file.CT_CLASS


def two_studies(kos: FileDataset) -> None:
    kos.CurrentRequestedProcedureEvidenceSequence.append(
        kos_file.item(StudyInstanceUID="1.2.3", ReferencedSeriesSequence=Sequence())
    )


def first_series(**attributes: object) -> ChangeKos:
    def change(kos: FileDataset) -> None:
        for keyword, value in attributes.items():
            setattr(evidence(kos).ReferencedSeriesSequence[0], keyword, value)

    return change


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        pytest.param(other_class, "not a Key Object Selection", id="a CT image"),
        pytest.param(said(Modality="CT"), "Modality must be KO", id="modality CT"),
        pytest.param(
            said(SOPInstanceUID="1.2.3"), "uniqueId is not the SOP Instance UID", id="another UID"
        ),
        pytest.param(said(PatientID="IPP0001"), "PatientID is not the INS", id="the IPP as id"),
        pytest.param(
            said(IssuerOfPatientIDQualifiersSequence=Sequence()),
            "is not the authority of patientId",
            id="an INS of no authority",
        ),
        pytest.param(
            said(PatientBirthDate="19620119"), "PatientBirthDate is not", id="another birth date"
        ),
        pytest.param(said(PatientSex="F"), "PatientSex is not", id="another sex"),
        pytest.param(
            said(ConceptNameCodeSequence=Sequence([kos_file.item(CodeValue="113000")])),
            "113030 DCM",
            id="key images instead of a manifest",
        ),
        pytest.param(
            said(StudyInstanceUID="1.2.3"), "does not name the Study Instance UID", id="other study"
        ),
        pytest.param(
            said(InstanceCreationTime="092900"),
            "creationTime is not the Instance Creation",
            id="a local time taken for UTC",
        ),
        pytest.param(
            said(ReferencedRequestSequence=Sequence([kos_file.item(AccessionNumber="ELSE")])),
            "does not name the accession number",
            id="another accession number",
        ),
        pytest.param(two_studies, "the evidence must be one study", id="two studies"),
        pytest.param(
            lambda kos: setattr(evidence(kos), "ReferencedSeriesSequence", Sequence()),
            "references no series",
            id="no series",
        ),
        pytest.param(
            first_series(RetrieveURL="http://db1.test.example/x"),
            "Retrieve URL must be the https",
            id="a Retrieve URL in the clear",
        ),
        pytest.param(
            first_series(ReferencedSOPSequence=Sequence()),
            "a series references no instance",
            id="an empty series",
        ),
        pytest.param(
            said(ContentSequence=Sequence()), "reference different instances", id="empty content"
        ),
    ],
)
def test_refuses_a_kos_with(bench: Bench, change: ChangeKos, rule: str) -> None:
    answer = bench.provide(Recipe(kos=change))

    assert any(c == "InvalidDocumentContent" and rule in r for c, r in answer.errors), answer.said()
    assert bench.store.find_entries_of(Recipe().vihf_patient) == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda _: b"<xml/>", id="XML"),
        pytest.param(lambda kos: kos[: len(kos) // 2], id="half a file"),
        pytest.param(lambda kos: kos[:132] + b"\xff" * 400, id="noise after the preamble"),
        pytest.param(lambda _: b"", id="nothing"),
    ],
)
def test_refuses_a_kos_that_is(bench: Bench, change: Callable[[bytes], bytes]) -> None:
    answer = bench.provide(Recipe(kos_octets=change))

    assert answer.status == "Failure"
    assert {code for code, _ in answer.errors} == {"InvalidDocumentContent"}, answer.said()


def test_refuses_octets_swapped_for_others(bench: Bench) -> None:
    def swap(contents: dict[str, bytes]) -> None:
        contents["DocumentKOS"] = contents["DocumentKOS"][::-1]

    answer = bench.provide(Recipe(contents=swap))

    assert answer.errors == [("XDSRepositoryMetadataError", "hash is not that of the octets")]


def swapped(key: str, old: str, new: str) -> ChangeTexts:
    def change(texts: dict[str, str]) -> None:
        assert old in texts[key], texts[key]
        texts[key] = texts[key].replace(old, new)

    return change


def said_of(key: str, text: str) -> ChangeTexts:
    return lambda texts: texts.__setitem__(key, text)


def no_document(texts: dict[str, str]) -> None:
    start = texts["manifest"].rindex("<Reference")
    texts["manifest"] = texts["manifest"][:start] + "</Manifest>"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        pytest.param(no_document, "the submission set and each document", id="a document less"),
        pytest.param(swapped("manifest", "AA==", "AQ=="), "must be AA==", id="a digest of the set"),
        pytest.param(
            swapped("manifest", Recipe().set_uid, "1.2.3"),
            "the submission set and each document",
            id="another submission set",
        ),
        pytest.param(
            lambda t: t.update(
                manifest=t["manifest"][: t["manifest"].rindex("<DigestValue>")]
                + "<DigestValue>AAAA</DigestValue></Reference></Manifest>"
            ),
            "a DigestValue is not that",
            id="another digest of the KOS",
        ),
        pytest.param(said_of("id", "1.2.3"), "Id is the uniqueId", id="another Id"),
        pytest.param(
            said_of("purpose", "1.2.840.10065.1.12.1.1"), "purpose of the signature", id="purpose"
        ),
        pytest.param(
            said_of("method", "http://www.w3.org/2000/09/xmldsig#dsa-sha1"),
            "signature algorithm is not allowed",
            id="DSA",
        ),
        pytest.param(
            said_of("c14n", "http://www.w3.org/2006/12/xml-c14n11"),
            "canonicalization is not allowed",
            id="C14N 1.1",
        ),
        pytest.param(
            swapped("properties", "<SignaturePolicyImplied/>", ""),
            "SignaturePolicyImplied",
            id="no policy",
        ),
        pytest.param(
            swapped("properties", "2026-03-02T", "2026-03-03T"), "SigningTime", id="tomorrow"
        ),
    ],
)
def test_refuses_a_lot_signed_with(bench: Bench, change: ChangeTexts, rule: str) -> None:
    answer = bench.provide(Recipe(xades=change))

    assert any(c == "InvalidDocumentContent" and rule in r for c, r in answer.errors), answer.said()


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        pytest.param(b"</SignatureValue>", b"", "not readable as XML", id="its well-formedness"),
        pytest.param(b"<SignatureValue>", b"<SignatureValue>AA", "does not verify", id="value"),
        pytest.param(b"AA==", b"AB==", "a DigestValue is not that", id="the Manifest afterwards"),
        pytest.param(b"2026-03-02T", b"2026-03-01T", "a DigestValue is not", id="the time"),
        pytest.param(b'URI="#IHEManifest"', b'URI="#Else"', "names another element", id="the URI"),
        pytest.param(
            b"</SignatureProperties></Object>",
            b"</SignatureProperties></Object><Object><Manifest/></Object>",
            "Manifest: exactly one",
            id="a second Manifest",
        ),
    ],
)
def test_refuses_a_signature_changed_in(bench: Bench, old: bytes, new: bytes, rule: str) -> None:
    def change(signature: bytes) -> bytes:
        assert old in signature
        return signature.replace(old, new, 1)

    answer = bench.provide(Recipe(xades_signed=change))

    assert any(c == "InvalidDocumentContent" and rule in r for c, r in answer.errors), answer.said()
