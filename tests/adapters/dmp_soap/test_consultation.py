"""Consultation: what is asked, and that nothing but what was asked for is taken (X6)."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from lxml import etree
from structlog.testing import capture_logs
from tests.fakes.fake_clock import FakeClock, FakeIdentifiers
from tests.fakes.loopback_dmp import LoopbackDmp, Mode, envelope_of, failure
from tests.fakes.submissions import ENTRY, IDENTITY, INS, KOS

from drimbox.adapters.dmp_soap.dmp import SoapDmpConsultation
from drimbox.adapters.dmp_soap.establishments import Establishments
from drimbox.adapters.dmp_soap.soap_client import DmpSoapClient
from drimbox.errors import (
    InvalidValue,
    RejectedByPartner,
    TimedOut,
    Unavailable,
)
from drimbox.model.document_entry import DocumentEntry, DocumentQuery, PartialDocuments
from drimbox.model.patient import Ins, InsAuthority, ins_control_key
from drimbox.model.practice import Code
from drimbox.model.publication import AuthenticationMode
from drimbox.ports.dmp import DmpAccess
from drimbox.standards.soap.envelope import MAX_ENVELOPE_BYTES
from drimbox.standards.xds.document_entry import encode_document_entry
from drimbox.standards.xds.iti18_registry_stored_query import (
    ReturnType,
    StoredQuery,
    parse_query_request,
)
from drimbox.standards.xds.iti41_provide_and_register import content_hash

USER = replace(IDENTITY, mode=AuthenticationMode.INDIRECTE_RENFORCEE)
HELD = replace(ENTRY, repository_unique_id="1.2.9", hash_hex=content_hash(KOS), size=len(KOS))
QUERY = DocumentQuery(patient_id=INS.xds_patient_id)
QUERY_NS = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"
RIM_NS = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
SUCCESS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"


def _found(*objects: str, status: str = SUCCESS, errors: str = "") -> str:
    return (
        f'<q:AdhocQueryResponse xmlns:q="{QUERY_NS}" status="{status}">{errors}'
        f'<r:RegistryObjectList xmlns:r="{RIM_NS}">{"".join(objects)}</r:RegistryObjectList>'
        "</q:AdhocQueryResponse>"
    )


def _object(entry: DocumentEntry, entry_uuid: str = "urn:uuid:1") -> str:
    element = encode_document_entry(etree.Element("parent"), entry, entry_uuid)
    return etree.tostring(element).decode()


def _requests(dmp: LoopbackDmp) -> list[etree._Element]:
    path = "{*}Body/*"
    bodies = [envelope_of(octets).find(path) for _, _, octets in dmp.requests]
    return [body for body in bodies if body is not None]


def _failed(*codes: str) -> str:
    """A query failure, whose errors are those of a RegistryResponse."""
    response = etree.fromstring(failure(*codes))
    errors = "".join(etree.tostring(child).decode() for child in response)
    return _found(status=response.get("status", ""), errors=errors)


@pytest.mark.anyio
async def test_modalities_and_regions_are_asked_for_under_every_scheme_in_use(
    dmp: LoopbackDmp, consultation: SoapDmpConsultation
) -> None:
    dmp.body = _found()
    query = replace(
        QUERY,
        modalities=(Code("CT", "1.2.840.10008.2.16.4"),),
        anatomic_regions=(Code("774007", "2.16.840.1.113883.6.96"),),
    )
    await consultation.find_documents(query, USER)
    parameters = parse_query_request(_requests(dmp)[0]).parameters
    events = [slot.values for slot in parameters if slot.name.endswith("EventCodeList")]
    assert events == [
        ("CT^^1.2.840.10008.2.16.4", "CT^^1.2.250.1.213.1.1.5.618"),
        (
            "774007^^2.16.840.1.113883.6.96",
            "774007^^1.2.250.1.213.1.1.5.695",
            "774007^^1.2.250.1.213.2.5",
        ),
    ]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(_found(), id="an empty list"),
        pytest.param(_failed("XDSUnknownPatientId"), id="an unknown patient, by policy"),
    ],
)
async def test_nothing_found_is_an_empty_tuple(
    dmp: LoopbackDmp, consultation: SoapDmpConsultation, body: str
) -> None:
    dmp.body = body
    assert await consultation.find_documents(QUERY, USER) == ()


OTHER_NUMBER = "1800313032002"
SAME_PERSON_AS_NIA = Ins(INS.value, InsAuthority.NIA)
SOMEBODY_ELSE = Ins(OTHER_NUMBER + ins_control_key(OTHER_NUMBER), INS.authority)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("patient_id", "is_taken"),
    [
        pytest.param(INS.xds_patient_id, True, id="this patient"),
        pytest.param(SAME_PERSON_AS_NIA.xds_patient_id, True, id="another form of INS"),
        pytest.param("277^^^&1.2.250.1.213.1.4.2&ISO^NH", True, id="a historical INS-C"),
        pytest.param(SOMEBODY_ELSE.xds_patient_id, False, id="another number of the same form"),
    ],
)
async def test_entries_of_another_patient_are_refused_and_other_ins_forms_are_not(
    dmp: LoopbackDmp, consultation: SoapDmpConsultation, patient_id: str, is_taken: bool
) -> None:
    dmp.body = _found(_object(replace(ENTRY, patient_id=patient_id)))
    with capture_logs() as logs:
        found = await consultation.find_documents(QUERY, USER)
    assert bool(found) is is_taken
    assert [log["event"] for log in logs] == ([] if is_taken else ["dmp_entries_refused"])


@pytest.mark.anyio
async def test_a_partial_answer_gives_what_it_holds(
    dmp: LoopbackDmp, consultation: SoapDmpConsultation
) -> None:
    error = '<r:RegistryErrorList xmlns:r="urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0">{}'
    error = error.format(
        '<r:RegistryError errorCode="XDSUnavailableCommunity"/></r:RegistryErrorList>'
    )
    status = "urn:ihe:iti:2007:ResponseStatusType:PartialSuccess"
    dmp.body = _found(_object(ENTRY), status=status, errors=error)
    with capture_logs() as logs:
        found = await consultation.find_documents(QUERY, USER)
    assert isinstance(found, PartialDocuments)
    assert len(found) == 1
    assert logs[0]["codes"] == "XDSUnavailableCommunity"


@pytest.mark.anyio
async def test_too_many_results_are_fetched_by_batches(
    dmp: LoopbackDmp, consultation: SoapDmpConsultation
) -> None:
    references = [f'<r:ObjectRef xmlns:r="{RIM_NS}" id="urn:uuid:{i}"/>' for i in range(45)]

    def answer(octets: bytes) -> str:
        body = envelope_of(octets).find("{*}Body/*")
        assert body is not None
        request = parse_query_request(body)
        if request.query is StoredQuery.GET_DOCUMENTS:
            return _found(*(_object(ENTRY, uuid) for uuid in request.parameters[0].values))
        if request.return_type is ReturnType.OBJECT_REF:
            return _found(*references)
        return _failed("XDSTooManyResults")

    dmp.body = answer
    found = await consultation.find_documents(QUERY, USER)
    assert [entry.entry_uuid for entry in found] == [f"urn:uuid:{i}" for i in range(45)]
    assert len(dmp.requests) == 2 + 3


@pytest.mark.anyio
async def test_known_documents_are_asked_for_by_their_unique_ids(
    dmp: LoopbackDmp, consultation: SoapDmpConsultation
) -> None:
    dmp.body = _found(_object(ENTRY), _object(replace(ENTRY, unique_id="1.2.99")))
    query = replace(QUERY, unique_ids=(ENTRY.unique_id,))
    (found,) = await consultation.find_documents(query, USER)
    assert found.unique_id == ENTRY.unique_id
    assert parse_query_request(_requests(dmp)[0]).query is StoredQuery.GET_DOCUMENTS


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("code", "error"),
    [("XDSRegistryBusy", Unavailable), ("XDSRegistryError", RejectedByPartner)],
)
async def test_a_failed_search_is_an_error(
    dmp: LoopbackDmp, consultation: SoapDmpConsultation, code: str, error: type[Exception]
) -> None:
    dmp.body = _failed(code)
    with pytest.raises(error):
        await consultation.find_documents(QUERY, USER)


def _existence(query_id: Callable[[str], str], code: str = "OK") -> Callable[[bytes], str]:
    def answer(octets: bytes) -> str:
        asked = envelope_of(octets).find(".//{*}queryId")
        assert asked is not None
        return (
            '<PRPA_IN201308UV02 xmlns="urn:hl7-org:v3"><controlActProcess><subject>'
            '<registrationEvent><subject1><patient><statusCode code="active"/><subjectOf><o>'
            '<code code="AUTORISATION"/><value code="VALIDE"/></o></subjectOf></patient></subject1>'
            "</registrationEvent></subject><queryAck>"
            f'<queryId extension="{query_id(asked.get("extension", ""))}"/>'
            f'<queryResponseCode code="{code}"/></queryAck></controlActProcess></PRPA_IN201308UV02>'
        )

    return answer


@pytest.mark.anyio
async def test_access_is_what_the_dmp_says(
    dmp: LoopbackDmp, consultation: SoapDmpConsultation
) -> None:
    dmp.body = _existence(str)
    access = await consultation.check_access(USER)
    assert access == DmpAccess(exists=True, is_open=True, is_authorised=True)
    assert dmp.requests[0][0] == "/patients"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(_existence(lambda _: "other"), Unavailable, id="of another question"),
        pytest.param(_existence(str, "AE"), RejectedByPartner, id="an application error"),
        pytest.param(_existence(str, "??"), Unavailable, id="that cannot be read"),
    ],
)
async def test_an_existence_answer_that_is_none_is_an_error(
    dmp: LoopbackDmp,
    consultation: SoapDmpConsultation,
    answer: Callable[[bytes], str],
    error: type[Exception],
) -> None:
    dmp.body = answer
    with pytest.raises(error):
        await consultation.check_access(USER)


@pytest.mark.anyio
async def test_access_needs_a_qualified_identity(consultation: SoapDmpConsultation) -> None:
    with pytest.raises(InvalidValue):
        await consultation.check_access(replace(USER, patient_id="IPP^^^HIS^PI"))


@pytest.mark.anyio
async def test_a_slow_dmp_is_told_apart_from_an_empty_one(
    dmp: LoopbackDmp, impatient_consultation: SoapDmpConsultation
) -> None:
    dmp.mode = Mode.SLOW
    with pytest.raises(TimedOut):
        await impatient_consultation.find_documents(QUERY, USER)


@pytest.mark.anyio
async def test_a_list_may_not_be_as_large_as_documents(
    dmp: LoopbackDmp, consultation: SoapDmpConsultation
) -> None:
    large = consultation.settings.model_copy(update={"max_response_bytes": 64 * 1024 * 1024})
    roomy = DmpSoapClient(
        large,
        establishments=Establishments(large.establishments),
        clock=FakeClock(),
        identifiers=FakeIdentifiers(),
    )
    dmp.body = _found(errors="<!--" + "x" * MAX_ENVELOPE_BYTES + "-->")
    try:
        with pytest.raises(Unavailable):
            await replace(consultation, client=roomy).find_documents(QUERY, USER)
    finally:
        await roomy.aclose()
