"""Every message of ../shared/samples/xds is read as its source says, or ends in a named error.

One row a file: what SOURCES.md says it is, in the words of summary(), or the error it ends in.
"""

from functools import singledispatch
from pathlib import Path

import pytest
from tests.fakes.sample_messages import read_sample, unpack

from drimbox.errors import DrimboxError, MalformedMessage, UnsupportedMessage
from drimbox.standards.safe_xml import parse_xml
from drimbox.standards.soap.fault import SoapFault
from drimbox.standards.xds.iti18_registry_stored_query import QueryRequest, QueryResponse
from drimbox.standards.xds.iti41_provide_and_register import ProvidedDocuments, content_hash
from drimbox.standards.xds.iti43_retrieve_document_set import RetrieveResponse
from drimbox.standards.xds.names import NAMESPACES
from drimbox.standards.xds.registry_errors import RegistryResponse
from drimbox.standards.xds.submit_objects import SubmittedObjects, parse_submit_objects


@singledispatch
def summary(parsed: object) -> str:
    """Say in one line what was read."""
    raise AssertionError(type(parsed))


@summary.register
def _(parsed: QueryRequest) -> str:
    names = " ".join(slot.name.replace("$XDSDocumentEntry", "$") for slot in parsed.parameters)
    return f"{parsed.query.name} {parsed.return_type.value}: {names}"


@summary.register
def _(parsed: RegistryResponse) -> str:
    errors = " ".join(f"{e.severity.name[0]}:{e.code}" for e in parsed.errors)
    return f"{parsed.status.name} {errors}".strip()


@summary.register
def _(parsed: QueryResponse) -> str:
    counts = f"{len(parsed.entries)} of {len(parsed.object_ids)} objects"
    unreadable = f", {len(parsed.unreadable)} unreadable" if parsed.unreadable else ""
    return f"{summary(parsed.response)}: {counts}{unreadable}"


@summary.register
def _(parsed: tuple) -> str:  # type: ignore[type-arg]  # singledispatch takes the bare class
    return (
        f"{len(parsed)} documents of {' '.join(sorted({r.repository_unique_id for r in parsed}))}"
    )


@summary.register
def _(parsed: SubmittedObjects) -> str:
    kinds = " ".join(association.type.rpartition(":")[2] for association in parsed.associations)
    mime_types = " ".join(entry.mime_type for entry in parsed.entries.values())
    return f"...{parsed.submission_set.unique_id[-8:]}: {mime_types}; {kinds}"


@summary.register
def _(parsed: ProvidedDocuments) -> str:
    sizes = " ".join(str(len(content)) for content in parsed.contents.values())
    return f"{summary(parsed.objects)}; {sizes} octets"


@summary.register
def _(parsed: RetrieveResponse) -> str:
    return f"{summary(parsed.response)}: {len(parsed.documents)} documents"


@summary.register
def _(parsed: SoapFault) -> str:
    return f"fault of the {parsed.code}"


READ = [
    (
        "ans-drimbox/publication-iti41-kos-mtom.txt",
        "...1.5.7122: application/dicom text/xml; HasMember HasMember signs; 8450 6826 octets",
    ),
    (
        "errors/ihe-tf3-4.2.4.1-query-errors.xml",
        "FAILURE E:XDSStoredQueryMissingParam E:XDSStoredQueryParamNumber: 0 of 0 objects",
    ),
    (
        "errors/ihe-tf3-4.2.4.1-submission-errors.xml",
        "FAILURE E:XDSPatientIdDoesNotMatch E:XDSRegistryMetadataError W:XDSExtraMetadataNotSaved",
    ),
    (
        "gematik/iti18-findfolders-request.xml",
        "FIND_FOLDERS LeafClass: $XDSFolderCodeList $XDSFolderStatus $XDSFolderPatientId",
    ),
    ("gematik/iti18-findfolders-response.xml", "SUCCESS: 0 of 1 objects"),
    ("gematik/iti18-request.xml", "FIND_DOCUMENTS LeafClass: $PatientId $Status"),
    ("gematik/iti41-request-mtom.xop", "....3174511: application/xml; HasMember; 1699 octets"),
    ("gematik/iti41-response-mtom.xop", "SUCCESS"),
    ("gematik/iti41-response-no-rplc.xml", "SUCCESS"),
    ("gematik/iti41-response-rplc.xml", "SUCCESS"),
    ("gematik/iti43-request-mtom.xop", "2 documents of 1.2.276.0.76.3.1.315.3.2.1.1"),
    (
        "gematik/iti43-request.xml",
        "12 documents of 1.2.276.0.76.3.1.315.3.2.1.1 1.2.276.0.76.3.1.405",
    ),
    (
        "gematik/iti43-response-in-requests-folder.xop",
        "12 documents of 1.2.276.0.76.3.1.315.3.2.1.1 1.2.276.0.76.3.1.405",
    ),
    ("gematik/iti86-remove-response-error-mtom.xop", "FAILURE E:4000: 0 documents"),
    (
        "ipf/iti57-submitobjects-update.xml",
        "...101812.3: text/plain; HasMember UpdateAvailabilityStatus",
    ),
    ("ipf/submission-set.xml", "...21638.11: text/plain; HasMember"),
    ("ipf/submitobjects-ebrs30.xml", "....9999.33: text/xml; HasMember IsSnapshotOf"),
    ("ipf/submitobjects-extra-metadata.xml", "....9999.33: text/xml; HasMember IsSnapshotOf"),
    (
        "nist/iti18-finddocuments-by-reference-id.xml",
        "FIND_DOCUMENTS_BY_REFERENCE_ID ObjectRef: $PatientId $ReferenceIdList $Status",
    ),
    ("nist/iti41-http-mtom-axis2.txt", "...223601.3: text/plain; HasMember; 1465 octets"),
    ("nist/iti57-update-availability-status.xml", "...ionSet01: ; UpdateAvailabilityStatus"),
    ("nist/multipart.body.txt", "...61126.14: text/plain; HasMember RPLC; 36 octets"),
    ("nist/pnr-inline-base64-in-mtom-body.txt", "...3311.7.8: text/plain; HasMember; 38 octets"),
    ("nist/pnr-xop-body.txt", "...093311.7: text/plain; HasMember; 36 octets"),
    ("nist/pnr-xop-dicom-body.txt", "...0.173871: application/dicom; HasMember; 6090 octets"),
    ("nist/soap12-fault-simple-soap-not-mtom.xml", "fault of the Sender"),
    ("oehf-x2f/iti42-invalid-token.xml", "...40116269: application/pdf; HasMember"),
    ("oehf-x2f/iti42.xml", "...40116269: application/pdf; HasMember"),
    (
        "openxds/iti18-finddocuments-request.xml",
        "FIND_DOCUMENTS LeafClass: $PatientId $Status $CreationTimeFrom $CreationTimeTo",
    ),
    ("openxds/iti18-finddocuments-response.xml", "SUCCESS: 1 of 1 objects"),
    (
        "openxds/iti18-partial-success-unavailable-community.xml",
        "PARTIAL_SUCCESS E:XDSUnavailableCommunity: 0 of 2 objects, 2 unreadable",
    ),
    ("openxds/iti41-request.xml", "...017357.9: text/xml; HasMember; 36 octets"),
    ("openxds/iti41-response.xml", "SUCCESS"),
    ("openxds/iti43-request.xml", "1 documents of 1.3.6.1.4.1.21367.2010.1.2.1125"),
    ("openxds/submitobjects-rplc.xml", "...uniqueId: text/xml; HasMember RPLC;  octets"),
]
REFUSED = [
    (
        "ans-drimbox/publication-signature-xades.xml",
        UnsupportedMessage,
        "Signature: no transaction of ours",
    ),
    (
        "ans-psc-poc/dmp-soap-signed-vihf3.xml",
        UnsupportedMessage,
        "PRPA_IN201314UV02: no transaction of ours",
    ),
    (
        "ans-psc-poc/dmp-soap-unsigned-vihf3.xml",
        UnsupportedMessage,
        "PRPA_IN201314UV02: no transaction of ours",
    ),
    (
        "gematik/iti41-request-no-rplc.xml",
        MalformedMessage,
        "xop:Include/@href: no part has this Content-ID",
    ),
    (
        "gematik/iti41-request-rplc.xml",
        MalformedMessage,
        "xop:Include/@href: no part has this Content-ID",
    ),
    (
        "gematik/iti43-response-pretty.xml",
        MalformedMessage,
        "xop:Include/@href: no part has this Content-ID",
    ),
    (
        "gematik/iti86-remove-request-mtom.xop",
        UnsupportedMessage,
        "RemoveDocumentsRequest: no transaction of ours",
    ),
    ("ipf/saml2-assertion-xua.xml", UnsupportedMessage, "Security: no transaction of ours"),
    ("iti41-response.xml", MalformedMessage, "XML line 1 column 1: not well-formed"),
    (
        "nist/boundary-with-plus-and-equals.request-header.txt",
        MalformedMessage,
        "multipart/related: the closing boundary is missing",
    ),
    (
        "nist/iti42-or-41-http-simple-soap.txt",
        MalformedMessage,
        "xop:Include/@href: no part has this Content-ID",
    ),
    (
        "nist/iti57-update-confidentiality-code.xml",
        UnsupportedMessage,
        "Body: lcm:SubmitObjectsRequest (ebRS 3.0)",
    ),
    (
        "nist/iti57-update-document-entry.xml",
        UnsupportedMessage,
        "Body: lcm:SubmitObjectsRequest (ebRS 3.0)",
    ),
    (
        "nist/kos-submitobjects-metadata-template.xml",
        UnsupportedMessage,
        "Body: lcm:SubmitObjectsRequest (ebRS 3.0)",
    ),
    ("nist/multipart.header.txt", MalformedMessage, "XML line 1 column 1: not well-formed"),
    (
        "nist/rad69-request.xml",
        UnsupportedMessage,
        "RetrieveImagingDocumentSetRequest: no transaction of ours",
    ),
    ("nist/rad69-response.xml", MalformedMessage, "binary content: not base64"),
    ("openxds/iti43-response.xml", MalformedMessage, "binary content: not base64"),
    (
        "xdm-KA202401/METADATA.XML",
        MalformedMessage,
        "xop:Include/@href: no part has this Content-ID",
    ),
    ("xdm-KA202401/SIGN_1.XML", UnsupportedMessage, "Signature: no transaction of ours"),
]
# The root part alone was saved: the documents are missing, the metadata can be read.
METADATA = [
    ("gematik/iti41-request-no-rplc.xml", "application/pdf", "HasMember"),
    ("gematik/iti41-request-rplc.xml", "application/fhir+xml", "HasMember RPLC"),
    ("nist/iti42-or-41-http-simple-soap.txt", "text/plain", "HasMember"),
    ("xdm-KA202401/METADATA.XML", "application/dicom text/xml", "HasMember HasMember signs"),
]
NOT_MESSAGES = {".xsd", ".DCM", ".der", ".json", ".TXT", ".HTM"}


@pytest.mark.parametrize(("name", "expected"), READ, ids=[name for name, _ in READ])
def test_reads_what_its_source_says(samples: Path, name: str, expected: str) -> None:
    assert summary(read_sample(samples / "xds" / name)) == expected


@pytest.mark.parametrize(
    ("name", "error", "text"), REFUSED, ids=[f"{name} is refused" for name, *_ in REFUSED]
)
def test_ends_in_a_named_error(
    samples: Path, name: str, error: type[DrimboxError], text: str
) -> None:
    with pytest.raises(error) as raised:
        read_sample(samples / "xds" / name)
    assert (type(raised.value), str(raised.value)) == (error, text)


@pytest.mark.parametrize(("name", "mime_types", "kinds"), METADATA, ids=[m[0] for m in METADATA])
def test_reads_the_metadata_of_a_root_part_saved_alone(
    samples: Path, name: str, mime_types: str, kinds: str
) -> None:
    message = unpack((samples / "xds" / name).read_bytes(), None)
    root = parse_xml(message.root, max_bytes=1024 * 1024)
    metadata = root.find(".//lcm:SubmitObjectsRequest", dict(NAMESPACES))
    assert metadata is not None
    assert summary(parse_submit_objects(metadata)).partition(": ")[2] == f"{mime_types}; {kinds}"


def test_no_sample_is_left_out(samples: Path) -> None:
    folder = samples / "xds"
    found = {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in NOT_MESSAGES
    }
    assert found == {name for name, *_ in [*READ, *REFUSED]}


def test_the_boundary_of_a_saved_head_fits_the_body_saved_beside_it(samples: Path) -> None:
    folder = samples / "xds" / "nist"
    head = (folder / "multipart.header.txt").read_bytes().strip()
    body = (folder / "multipart.body.txt").read_bytes()
    message = unpack(head + b"\r\n\r\n" + body, None)
    assert message.root.startswith(b"<?xml")
    assert [len(content) for content in message.parts.values()] == [36]


def test_the_official_kos_comes_out_octet_for_octet(samples: Path) -> None:
    path = samples / "xds" / "ans-drimbox" / "publication-iti41-kos-mtom.txt"
    provided = read_sample(path)
    assert isinstance(provided, ProvidedDocuments)
    entry = provided.objects.entries["DocumentKOS"]
    assert content_hash(provided.contents["DocumentKOS"]) == entry.hash_hex


def test_the_official_entry_keeps_its_codes_and_references(samples: Path) -> None:
    path = samples / "xds" / "ans-drimbox" / "publication-iti41-kos-mtom.txt"
    provided = read_sample(path)
    assert isinstance(provided, ProvidedDocuments)
    entry = provided.objects.entries["DocumentKOS"]
    assert [(code.value, code.system) for code in entry.event_codes] == [
        ("774007", "2.16.840.1.113883.6.96"),
        ("MR", "1.2.840.10008.2.16.4"),
    ]
    # The slot stands after the classifications, where no schema allows it.
    assert [reference.kind.rpartition(":")[2] for reference in entry.reference_ids] == [
        "accession",
        "studyInstanceUID",
        "order",
    ]
    assert entry.source_patient is not None
    assert entry.source_patient.family_name == "PAT-SIX"
    assert entry.authors[0].is_device
