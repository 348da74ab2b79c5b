"""ITI-41: what is written is schema valid, comes back the same, and never changes by itself."""

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree
from tests.fakes.submissions import ENTRY, IDENTITY, KOS, MAXIMAL, MINIMAL, SUBMISSION_SET
from tests.fakes.xds_schemas import XdsSchemas

from drimbox.errors import InvalidValue, MalformedMessage, UnsupportedMessage
from drimbox.model.document_entry import Document, DocumentEntry, Submission
from drimbox.model.practice import Code
from drimbox.standards.xds.ebrim import Association
from drimbox.standards.xds.iti41_provide_and_register import (
    add_replacement,
    content_hash,
    encode_provide_and_register,
    encode_submission,
    encode_submit_objects,
    parse_provide_and_register,
)
from drimbox.standards.xds.names import AssociationType
from drimbox.standards.xds.submit_objects import parse_submit_objects

SIGNED = replace(MAXIMAL, signature=Document(replace(ENTRY, unique_id="2.25.7"), b"<Signature/>"))
ENTRY_UUID = "urn:uuid:102439f8-5881-4b36-8b42-ef73ae500000"
LOTS = [
    pytest.param(MAXIMAL, id="with every metadata"),
    pytest.param(MINIMAL, id="with the least"),
    pytest.param(SIGNED, id="signed"),
]


@pytest.mark.parametrize("lot", LOTS)
@pytest.mark.parametrize("replaced", [None, ENTRY_UUID], ids=["first", "replacing"])
def test_the_message_is_schema_valid(samples: Path, lot: Submission, replaced: str | None) -> None:
    encoded = encode_submission(lot, IDENTITY)
    metadata = encoded.metadata
    if replaced:
        metadata = add_replacement(metadata, "Document01", replaced)
    request, attachments = encode_provide_and_register(metadata, encoded.documents)
    # No schema knows xop:Include: the base64 it stands for takes its place.
    contents = {f"cid:{a.content_id}": a.content for a in attachments}
    for include in request.findall(".//{http://www.w3.org/2004/08/xop/include}Include"):
        document = include.getparent()
        assert document is not None
        document.text = base64.b64encode(contents[include.get("href", "")]).decode()
        document.remove(include)
    assert XdsSchemas(samples).faults(request, "XDS.b_DocumentRepository") == []


@pytest.mark.parametrize("lot", LOTS)
def test_what_was_written_is_read_back(lot: Submission) -> None:
    encoded = encode_submission(lot, IDENTITY)
    request, attachments = encode_provide_and_register(encoded.metadata, encoded.documents)
    provided = parse_provide_and_register(request, {a.content_id: a.content for a in attachments})
    documents = [*lot.documents, *([lot.signature] if lot.signature else [])]
    assert provided.objects.submission_set == lot.submission_set
    assert list(provided.contents.values()) == [document.content for document in documents]
    read = list(provided.objects.entries.values())
    # Without an IPP the INS stands in sourcePatientId, and is read as one more identifier.
    assert [replace(entry, source_patient_id=None) for entry in read] == [
        replace(
            document.entry,
            source_patient_id=None,
            hash_hex=content_hash(document.content),
            size=len(document.content),
        )
        for document in documents
    ]


def test_the_same_lot_gives_the_same_octets() -> None:
    assert encode_submit_objects(SIGNED) == encode_submit_objects(SIGNED)


def test_the_lot_carries_what_identifies_it_at_a_resend() -> None:
    encoded = encode_submission(SIGNED, IDENTITY)
    assert encoded.unique_id == SUBMISSION_SET.unique_id
    assert encoded.document_unique_id == ENTRY.unique_id
    assert encoded.document_hash == content_hash(KOS)
    assert [d.document_id for d in encoded.documents] == ["Document01", "Signature01"]


def test_every_document_is_a_member_and_the_signature_signs_the_set() -> None:
    metadata = etree.fromstring(encode_submit_objects(SIGNED))
    associations = parse_submit_objects(metadata).associations
    assert [(a.type, a.source, a.target) for a in associations] == [
        (AssociationType.HAS_MEMBER.value, "SubmissionSet01", "Document01"),
        (AssociationType.HAS_MEMBER.value, "SubmissionSet01", "Signature01"),
        (AssociationType.SIGNS.value, "Signature01", "SubmissionSet01"),
    ]
    members = associations[:2]
    assert [a.value("SubmissionSetStatus") for a in members] == ["Original", "Original"]


def test_a_replacement_adds_one_association_and_changes_nothing_else() -> None:
    metadata = encode_submit_objects(MAXIMAL)
    before = parse_submit_objects(etree.fromstring(metadata))
    after = parse_submit_objects(
        etree.fromstring(add_replacement(metadata, "Document01", ENTRY_UUID))
    )
    added = Association(AssociationType.REPLACES.value, "Document01", ENTRY_UUID)
    assert after == replace(before, associations=(*before.associations, added))


def test_a_lot_without_document_is_none() -> None:
    with pytest.raises(InvalidValue):
        encode_submit_objects(Submission(SUBMISSION_SET, ()))


def _lot(entry: DocumentEntry) -> Submission:
    return Submission(SUBMISSION_SET, (Document(entry, KOS),))


def _by_author(name: str) -> DocumentEntry:
    structure = replace(ENTRY.authors[0].structures[0], name=name)
    return replace(ENTRY, authors=(replace(ENTRY.authors[0], structures=(structure,)),))


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(_by_author("x" * 257), id="a structure's name over 256"),
        pytest.param(replace(ENTRY, title="x" * 1025), id="a title over 1024"),
        pytest.param(replace(ENTRY, type_code=Code("x" * 257, "1.2")), id="a code over 256"),
        pytest.param(replace(ENTRY, unique_id="1." * 129), id="a uniqueId over 256"),
        pytest.param(_by_author("a\x00b"), id="a NUL in a name"),
        pytest.param(replace(ENTRY, comments="a\x0bb"), id="a vertical tab in a comment"),
    ],
)
def test_what_no_metadata_can_hold_is_refused_before_the_dmp_does(entry: DocumentEntry) -> None:
    with pytest.raises(InvalidValue):
        encode_submit_objects(_lot(entry))


def test_an_ipp_whose_issuer_has_no_oid_gives_way_to_the_ins() -> None:
    assert ENTRY.source_patient_id is not None
    nameless = replace(ENTRY, source_patient_id=replace(ENTRY.source_patient_id, issuer=None))
    metadata = encode_submit_objects(_lot(nameless))
    slot = etree.fromstring(metadata).xpath("//*[@name='sourcePatientId']//text()")
    assert slot == [ENTRY.patient_id]


@pytest.mark.parametrize(
    ("xml", "error"),
    [
        pytest.param("<a/>", UnsupportedMessage, id="another element"),
        pytest.param(
            '<x:ProvideAndRegisterDocumentSetRequest xmlns:x="urn:ihe:iti:xds-b:2007"/>',
            MalformedMessage,
            id="no metadata",
        ),
    ],
)
def test_what_is_no_such_request_is_refused(xml: str, error: type[MalformedMessage]) -> None:
    with pytest.raises(error):
        parse_provide_and_register(etree.fromstring(xml), {})
