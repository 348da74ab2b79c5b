"""Messages written by others: what the judges say of each, and that the schemas agree.

None is wholly what the French DMP takes; each row names the rules that refuse it, or that find
nothing to say.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from lxml import etree
from tests.fakes.xds_schemas import XdsSchemas
from tests.sandbox.dmp import pki
from tests.sandbox.dmp.bench import BASE, Answered, Bench

from drimbox.sandbox.dmp.judge_signature import SignedLot, judge_signature
from drimbox.sandbox.dmp.judge_structure import judge_structure
from drimbox.sandbox.dmp.judge_submission import judge_lot, judge_metadata, read_submission
from drimbox.sandbox.dmp.query_parameters import read_criteria
from drimbox.sandbox.dmp.refusals import ContentRefused
from drimbox.sandbox.dmp.service import Exchange

ROOTS = {
    "ProvideAndRegisterDocumentSetRequest": "XDS.b_DocumentRepository",
    "RetrieveDocumentSetRequest": "XDS.b_DocumentRepository",
    "SubmitObjectsRequest": "lcm",
    "AdhocQueryRequest": "query",
}
PUBLISHED = datetime(2023, 11, 14, 13, 44, 58, tzinfo=UTC)
XOP_INCLUDE = "{http://www.w3.org/2004/08/xop/include}Include"


def request_of(path: Path) -> etree._Element:
    """Find the request in a file, whatever stands around it."""
    names = "|".join(ROOTS)
    octets = path.read_bytes()
    whole = re.search(rb"<(\w+:)?Envelope.*</(\w+:)?Envelope>", octets, re.DOTALL)
    alone = re.search(rf"<(\w+:)?({names})[ >].*</(\w+:)?\2>".encode(), octets, re.DOTALL)
    match = whole or alone
    assert match, path
    root = etree.fromstring(match[0])
    return next(e for e in root.iter(etree.Element) if etree.QName(e).localname in ROOTS)


def metadata_rules(body: etree._Element) -> Iterator[str]:
    objects = next(body.iter("{*}RegistryObjectList"))
    submission = read_submission(objects, "M")
    for error in (*judge_metadata(submission, PUBLISHED, "M"), *judge_lot(submission, "M")):
        yield error.context


FOREIGN = ("patientId must be a valid INS", "typeCode is missing, repeated, or not one")


@pytest.mark.parametrize(
    ("name", "structure", "metadata"),
    [
        pytest.param(
            "ans-drimbox/publication-iti41-kos-mtom.txt",
            ["Slot stands after Classification"],
            # Local time in submissionTime, and the INS with type PI: the slips of the prototype.
            [
                "submissionTime is in the future: it must be in UTC",
                "an INS in sourcePatientId must be the patientId, type NH",
            ],
            id="the ANS publication of a KOS",
        ),
        pytest.param(
            "xdm-KA202401/METADATA.XML",
            ["Slot stands after Classification", "Slot stands after ExternalIdentifier"],
            ["codingScheme is the OID of a value set", "needs the modality"],
            id="the ANS XDM of a KOS",
        ),
        pytest.param("nist/iti41-http-mtom-axis2.txt", [], FOREIGN, id="NIST MTOM by Axis2"),
        pytest.param("nist/pnr-xop-body.txt", [], FOREIGN, id="NIST XOP"),
        pytest.param("nist/pnr-inline-base64-in-mtom-body.txt", [], FOREIGN, id="NIST inline"),
        pytest.param("nist/pnr-xop-dicom-body.txt", [], FOREIGN, id="NIST XOP of DICOM"),
        pytest.param("gematik/iti41-request-mtom.xop", [], FOREIGN, id="gematik MTOM"),
        pytest.param("gematik/iti41-request-rplc.xml", [], FOREIGN, id="gematik RPLC"),
        pytest.param("ipf/submission-set.xml", [], FOREIGN, id="IPF submission set"),
        pytest.param(
            "ipf/submitobjects-ebrs30.xml",
            [],
            ["identificationScheme of no XDS identifier", "patientId: exactly one"],
            id="IPF folder in place of a set",
        ),
        pytest.param("ipf/iti57-submitobjects-update.xml", [], FOREIGN, id="IPF metadata update"),
        pytest.param(
            "nist/iti57-update-availability-status.xml",
            [],
            ["uniqueId must be an OID", "patientId must be a valid INS"],
            id="NIST status update, a template",
        ),
        pytest.param(
            "oehf-x2f/iti42.xml", ["Classification has no id"], FOREIGN, id="oehf without ids"
        ),
        pytest.param(
            "openxds/iti41-request.xml",
            ["Document is neither base64 nor"],
            FOREIGN,
            id="OpenXDS with broken base64",
        ),
        pytest.param(
            "openxds/submitobjects-rplc.xml",
            [],
            ["targetObject must be the entryUUID", "uniqueId must be an OID"],
            id="OpenXDS replacing a symbolic id",
        ),
    ],
)
def test_says_of_a_submission(
    samples: Path, name: str, structure: list[str], metadata: list[str]
) -> None:
    body = request_of(samples / "xds" / name)

    found = list(judge_structure(body))
    assert all(any(rule in text for text in found) for rule in structure), found
    assert bool(found) == bool(structure), found
    found = list(metadata_rules(body))
    assert all(any(rule in text for text in found) for rule in metadata), found


@pytest.mark.parametrize(
    ("name", "error"),
    [
        pytest.param("gematik/iti18-request.xml", "", id="gematik FindDocuments"),
        pytest.param("openxds/iti18-finddocuments-request.xml", "", id="OpenXDS FindDocuments"),
        pytest.param("nist/iti18-finddocuments-by-reference-id.xml", "", id="NIST by reference"),
        pytest.param(
            "gematik/iti18-findfolders-request.xml", "XDSUnknownStoredQuery", id="FindFolders"
        ),
    ],
)
def test_says_of_a_query(samples: Path, name: str, error: str) -> None:
    body = request_of(samples / "xds" / name)
    query = body.find("{*}AdhocQuery")
    assert query is not None

    assert list(judge_structure(body)) == []
    if not error:
        assert read_criteria(query)
        return
    with pytest.raises(ContentRefused, match=error):
        read_criteria(query)


def inlined(body: etree._Element) -> etree._Element:
    """Put base64 where an xop:Include stands: no schema fits a message that holds one."""
    copied = etree.fromstring(etree.tostring(body))
    for include in list(copied.iter(XOP_INCLUDE)):
        parent = include.getparent()
        parent.remove(include)
        parent.text = "AAAA"
    return copied


@pytest.mark.parametrize("group", ["ans-drimbox", "gematik", "ipf", "nist", "oehf-x2f", "openxds"])
def test_agrees_with_the_schemas_on_every_request(samples: Path, group: str) -> None:
    schemas = XdsSchemas(samples)
    judged = 0
    for path in sorted((samples / "xds" / group).iterdir()):
        names = "|".join(ROOTS).encode()
        if not re.search(rb"<(\w+:)?(" + names + rb")[ >]", path.read_bytes()):
            continue
        body = request_of(path)
        schema = ROOTS[etree.QName(body).localname]
        if not etree.QName(body).namespace or "template" in path.name:
            continue  # forms of ebRIM 2.1 that NIST fills in and converts
        is_valid = not schemas.faults(inlined(body), schema)
        found = list(judge_structure(body))
        assert is_valid == (not found), (path.name, found)
        judged += 1
    assert judged


def test_the_official_signature_holds_on_the_day_it_was_made(samples: Path) -> None:
    """ANS: a KOS signed by a DRIMbox; the Manifest names the KOS that stands beside."""
    folder = samples / "xds" / "ans-drimbox"
    signer = x509.load_der_x509_certificate((folder / "publication-signing-cert.der").read_bytes())
    kos = (samples / "kos" / "kos-two-mr-series.dcm").read_bytes()
    signature = (folder / "publication-signature-xades.xml").read_bytes()
    lot = SignedLot(
        "2.25.253872960909518376796861585574417771331",
        "1.2.250.1.999.1.1.8121.5.7122",
        {"1.3.2.751468943.3.1234.56838.231114144457.1.1.1": kos},
    )

    assert list(judge_signature(signature, lot, [signer], PUBLISHED)) == []
    (expired,) = judge_signature(signature, lot, [signer], datetime(2025, 2, 1, tzinfo=UTC))
    assert "outside its dates" in expired
    other = SignedLot(lot.signature_id, lot.submission_set_id, dict.fromkeys(lot.documents, b""))
    assert "is not that" in next(judge_signature(signature, other, [signer], PUBLISHED))


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        pytest.param(
            "ans-drimbox/publication-iti41-kos-mtom.txt",
            "the envelope cannot be read",
            id="indented XML",
        ),
        pytest.param(
            "gematik/iti41-request-mtom.xop", "InvalidAddressingHeader", id="gematik's headers"
        ),
        pytest.param(
            "nist/pnr-xop-body.txt", "MessageID must be a urn:uuid", id="a UUID without hyphens"
        ),
    ],
)
def test_says_of_a_whole_message(bench: Bench, samples: Path, name: str, fault: str) -> None:
    octets = (samples / "xds" / name).read_bytes()
    boundary = re.search(rb"^\s*--(\S+?)\r?$", octets, re.MULTILINE)
    start = re.search(rb"Content-I[dD]: *<([^>]+)>", octets)
    assert boundary
    assert start
    content_type = (
        f'multipart/related; boundary="{boundary[1].decode()}"; type="application/xop+xml";'
        f' start="<{start[1].decode()}>"; start-info="application/soap+xml"'
    )
    client = pki.leaf("client of others", "client")

    answer = bench.send(Exchange(f"{BASE}/repository", content_type, octets, client.der))

    assert isinstance(answer, Answered)
    assert answer.fault
    assert fault in answer.fault, answer.fault


def test_the_psc_example_of_another_transaction_is_refused(samples: Path, bench: Bench) -> None:
    """PRPA_IN201314UV02 (TD1.3b) is no transaction of a DRIMbox."""
    envelope = (samples / "xds" / "ans-psc-poc" / "dmp-soap-signed-vihf3.xml").read_bytes()
    client = pki.leaf("client of others", "client")

    answer = bench.send(Exchange(f"{BASE}/patients", "application/soap+xml", envelope, client.der))

    assert "ActionNotSupported" in answer.fault
