"""Families that are text in the end: XML and SOAP, JSON, tokens, forms, queries, headers, UIDs."""

import json
from functools import partial
from urllib.parse import parse_qsl, urlencode

import orjson
from lxml import etree
from tests.entrypoints.http.fhir.test_contextual_call import call
from tests.fakes.consultation_site import CALL
from tests.fakes.fake_clock import START
from tests.fakes.manifests import made_up_manifest
from tests.fakes.signing_keys import ec_key, jwks_of
from tests.fakes.submissions import ENTRY, KOS
from tests.fuzz.family import Family, first_octet
from tests.standards.hl7v3.test_td02_patient_existence import OBSERVATION
from tests.standards.hl7v3.test_td02_patient_existence import _answer as existence_answer
from tests.standards.iua.test_access_token import ISSUER, KEY, MAXIMAL

from drimbox.errors import DrimboxError
from drimbox.model.retrieval import QueryLevel
from drimbox.model.uids import Oid, SopInstanceUid, StudyInstanceUid, TransferSyntaxUid
from drimbox.standards.contextual_call.form import parse_form, unknown_names
from drimbox.standards.dicom.dicom_json_reader import parse_dicom_json
from drimbox.standards.dicomweb.frame_media_types import frame_forms
from drimbox.standards.dicomweb.media_types import (
    accept_instances,
    choose_metadata,
    parse_accept,
)
from drimbox.standards.dicomweb.search_parameters import SearchTarget, parse_search
from drimbox.standards.dicomweb.validators import parse_range
from drimbox.standards.fhir.contextual_call import CallSyntax, parse_call
from drimbox.standards.fhir.search import parse_search as parse_fhir_search
from drimbox.standards.fhir.search_filters import SearchScene
from drimbox.standards.fhir.surface import SURFACE
from drimbox.standards.fhir.xml import encode_xml
from drimbox.standards.hl7v3.td02_patient_existence import parse_existence_answer
from drimbox.standards.iua.access_token import VerifiedTokens, encode_access_token
from drimbox.standards.iua.jwks import parse_jwks
from drimbox.standards.safe_xml import parse_xml
from drimbox.standards.soap.envelope import Addressing, encode_envelope, parse_envelope
from drimbox.standards.soap.mtom import Attachment, encode_mtom, parse_message
from drimbox.standards.xds.document_entry import encode_document_entry
from drimbox.standards.xds.iti18_registry_stored_query import parse_query_response
from drimbox.standards.xds.iti43_retrieve_document_set import parse_retrieve_response
from drimbox.standards.xds.registry_errors import parse_registry_response

SCENE = SearchScene("https://box.test/fhir", START)
SEARCHED = [one.search for one in SURFACE if one.search is not None]
STORED = TransferSyntaxUid("1.2.840.10008.1.2.4.80")
LEVELS = tuple(QueryLevel)


def read_soap(octets: bytes) -> None:
    """Read an answer of the DMP: its packaging, envelope, and whatever it may hold.

    The first line is the Content-Type, the rest the body.
    """
    content_type, _, body = octets.partition(b"\n")
    message = parse_message(content_type.decode("latin-1"), body)
    answer = parse_envelope(message.root).body
    for read in (
        parse_query_response,
        partial(parse_retrieve_response, parts=message.parts),
        parse_existence_answer,
        parse_registry_response,
    ):
        try:
            read(answer)
        except DrimboxError:
            continue


def read_call(octets: bytes) -> None:
    parse_call(octets, CallSyntax.JSON if octets[:1] == b"{" else CallSyntax.XML)


def read_json(octets: bytes) -> None:
    try:
        members = orjson.loads(octets)
    except orjson.JSONDecodeError:
        return
    if isinstance(members, dict):
        parse_dicom_json(members)


def read_token(octets: bytes) -> None:
    text = octets.decode("latin-1")
    VerifiedTokens().parse(text, KEY.public, issuer=ISSUER, audience=ISSUER, now=START)
    # Whoever is let in has brought the very token that was signed, or one that means the same.
    assert json.loads(_payload(text)) == json.loads(_payload(TOKEN))


def _payload(token: str) -> bytes:
    from base64 import urlsafe_b64decode

    return urlsafe_b64decode(token.split(".")[1] + "==")


def read_form(octets: bytes) -> None:
    unknown_names(parse_form(octets))


def read_qido(octets: bytes) -> None:
    level = LEVELS[first_octet(octets) % len(LEVELS)]
    parse_search(SearchTarget(level), pairs_of(octets[1:]))


def read_fhir_search(octets: bytes) -> None:
    first = first_octet(octets)
    resource = SEARCHED[first % len(SEARCHED)]
    parse_fhir_search(resource, pairs_of(octets[1:]), SCENE, is_strict=first > 0x7F)


def pairs_of(octets: bytes) -> list[tuple[str, str]]:
    return parse_qsl(octets.decode("utf-8", "replace"), keep_blank_values=True)


def read_accept(octets: bytes) -> None:
    """Read repeated headers, a line each, as instances, frames and metadata do."""
    ranges = parse_accept(octets.decode("latin-1").split("\n"))
    for choose in (
        partial(accept_instances, is_one_instance=True),
        partial(frame_forms, STORED, is_one=True),
        choose_metadata,
    ):
        try:
            choose(ranges)
        except DrimboxError:
            continue


def read_range(octets: bytes) -> None:
    found = parse_range(octets.decode("latin-1"), 1000)
    assert found is None or 0 <= found.first <= found.last < 1000


def read_uid(octets: bytes) -> None:
    text = octets.decode("utf-8", "replace")
    for kind in (StudyInstanceUid, SopInstanceUid, TransferSyntaxUid, Oid):
        try:
            kind(text)
        except DrimboxError:
            continue
        assert set(text) <= set("0123456789.")


def _soap_answers() -> list[bytes]:
    parent = etree.Element("parent")
    entry = encode_document_entry(parent, ENTRY, "urn:uuid:1")
    found = etree.fromstring(
        '<query:AdhocQueryResponse xmlns:query="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"'
        ' status="urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success">'
        '<r:RegistryObjectList xmlns:r="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"/>'
        "</query:AdhocQueryResponse>"
    )
    found[0].append(entry)
    brought = etree.fromstring(
        '<b:RetrieveDocumentSetResponse xmlns:b="urn:ihe:iti:xds-b:2007"><rs:RegistryResponse'
        ' xmlns:rs="urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"'
        ' status="urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"/>'
        "<b:DocumentResponse><b:RepositoryUniqueId>1.2.9</b:RepositoryUniqueId>"
        "<b:DocumentUniqueId>1.2.3</b:DocumentUniqueId><b:mimeType>application/dicom</b:mimeType>"
        '<b:Document><i:Include xmlns:i="http://www.w3.org/2004/08/xop/include" href="cid:a%40b"/>'
        "</b:Document></b:DocumentResponse></b:RetrieveDocumentSetResponse>"
    )
    existence = existence_answer(observations=OBSERVATION.format("VALIDE"))
    addressing = Addressing("urn:action", "urn:uuid:2", "https://dmp.test")
    made = []
    for body, parts in (
        (found, []),
        (brought, [Attachment("a@b", "application/dicom", KOS)]),
        (existence, []),
    ):
        packaged = encode_mtom(encode_envelope(body, addressing), parts, boundary_seed="b")
        made.append(packaged.content_type.encode() + b"\n" + packaged.body)
    return made


CALL_PARAMETERS = call(Modality="CT", StudyDate="20240101")
TOKEN = encode_access_token(MAXIMAL, KEY)
XML_WORDS = (b"<!DOCTYPE a [", b"<!ENTITY x", b"]>", b"&x;", b"<![CDATA[", b"xmlns:", b"\xff\xfe")
JSON_WORDS = (b'{"vr":"SQ","Value":[', b'"InlineBinary":"', b'"valueString":', b"[[[[", b"1e999")
QIDO = b"\0PatientName=A*&StudyDate=20240101-20241231&includefield=all&limit=2&00080061=CT"
PATIENT = f"{CALL['Patient.identifier.system']}|{CALL['Patient.identifier.value']}"
FHIR = urlencode(
    {
        "patient.identifier": f"urn:oid:{PATIENT}",
        "started": "ge2024-01-01T10:00:00+02:00",
        "modality:not": "http://dicom.nema.org/resources/ontology/DCM|CT,MR",
        "_sort": "-started",
        "_include": "ImagingStudy:endpoint",
        "_total": "none",
    }
).encode()
DICOM_JSON = orjson.dumps(
    {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "A^B"}]},
        "00081140": {"vr": "SQ", "Value": [{"00081150": {"vr": "UI", "Value": ["1.2"]}}]},
        "7FE00010": {"vr": "OW", "InlineBinary": "AAEC"},
        "00280010": {"vr": "US", "Value": [512]},
    }
)
ACCEPT = (
    b'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.80;q=0.5,\n'
    b"application/dicom+json, */*;q=.1"
)
FHIR_WORDS = (b":missing=true", b":above=", b"&_count=", b"\\,", b"\\|", b"$", b"sa2024", b"%00")
QIDO_WORDS = (b"includefield=", b"&offset=", b"\\", b"*", b"?", b"00400275.00400009=", b"%00", b",")
ACCEPT_WORDS = (b"transfer-syntax=", b"type=", b"boundary=**", b";q=", b'"', b"\\", b"image/jls")

TEXT_FAMILIES = (
    Family("xml", _soap_answers()[:1], partial(parse_xml, max_bytes=1 << 20), XML_WORDS, 16_384),
    Family("soap", _soap_answers(), read_soap, (*XML_WORDS, b"--drimbox_b_0", b"cid:"), 16_384),
    Family(
        "fhir-call",
        [orjson.dumps(CALL_PARAMETERS), encode_xml(CALL_PARAMETERS)],
        read_call,
        (*JSON_WORDS, *XML_WORDS),
        8192,
    ),
    Family("dicom-json", [DICOM_JSON], read_json, JSON_WORDS),
    Family("jwt", [TOKEN.encode()], read_token, (b"eyJhbGciOiJub25lIn0", b".", b"==")),
    Family("jwks", [jwks_of(ec_key("a"), ec_key("b", "P-256"))], parse_jwks, JSON_WORDS),
    Family("form", [urlencode(CALL).encode()], read_form, (b"%C3%", b"%", b"&&", b"==", b"+")),
    Family("qido", [QIDO], read_qido, QIDO_WORDS, 1024),
    Family("fhir-search", [b"\1" + FHIR], read_fhir_search, FHIR_WORDS, 2048),
    Family("accept", [ACCEPT], read_accept, ACCEPT_WORDS, 1024),
    Family("range", [b"bytes=0-99", b"bytes=-5"], read_range, (b"bytes=", b"-", b","), 64),
    Family("uid", [str(made_up_manifest().study_instance_uid).encode()], read_uid, (b"..",), 128),
)
