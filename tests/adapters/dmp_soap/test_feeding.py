"""Feeding: what is sent, and what each answer of a DMP means to the worker."""

from dataclasses import replace

import pytest
from lxml import etree
from structlog.testing import capture_logs
from tests.fakes.loopback_dmp import SUCCESS, LoopbackDmp, Mode, envelope_of, failure
from tests.fakes.submissions import ENTRY, IDENTITY, INS, KOS, MAXIMAL
from tests.fakes.xds_schemas import XdsSchemas

from drimbox.adapters.dmp_soap.dmp import SoapDmpFeeding
from drimbox.errors import (
    Conflict,
    DrimboxError,
    InvalidValue,
    RejectedByPartner,
    TimedOut,
    Unavailable,
)
from drimbox.model.document_entry import AvailabilityStatus
from drimbox.ports.dmp import DmpAtFault
from drimbox.standards.soap.mtom import parse_message
from drimbox.standards.xds.document_entry import encode_document_entry
from drimbox.standards.xds.iti41_provide_and_register import (
    encode_submission,
    parse_provide_and_register,
)
from drimbox.standards.xds.names import NAMESPACES, AssociationType
from drimbox.standards.xds.submit_objects import parse_submit_objects

LOT = encode_submission(MAXIMAL, IDENTITY)
ENTRY_UUID = "urn:uuid:102439f8-5881-4b36-8b42-ef73ae500000"
NS = {**NAMESPACES, "s": "http://www.w3.org/2003/05/soap-envelope"}


@pytest.mark.anyio
async def test_a_lot_leaves_as_mtom_with_the_document_octet_for_octet(
    dmp: LoopbackDmp, feeding: SoapDmpFeeding
) -> None:
    await feeding.provide(LOT)
    path, content_type, octets = dmp.requests[0]
    assert path == "/repository"
    message = parse_message(content_type, octets)
    body = etree.fromstring(message.root).find("s:Body/*", NS)
    assert body is not None
    provided = parse_provide_and_register(body, message.parts)
    assert provided.contents == {"Document01": KOS}
    assert provided.objects.submission_set == MAXIMAL.submission_set
    assert dmp.headers[0]["Accept-Encoding"] == "identity"


@pytest.mark.anyio
async def test_a_resend_has_the_same_metadata_and_a_fresh_vihf(
    dmp: LoopbackDmp, feeding: SoapDmpFeeding
) -> None:
    await feeding.provide(LOT)
    await feeding.provide(LOT)
    envelopes = [envelope_of(octets) for _, _, octets in dmp.requests]
    bodies = {etree.tostring(envelope.find("s:Body", NS), method="c14n") for envelope in envelopes}
    assertion_ids = {envelope.xpath("string(//@ID)") for envelope in envelopes}
    assert len(bodies) == 1
    assert len(assertion_ids) == 2


@pytest.mark.anyio
async def test_a_replacement_points_to_the_entry_it_replaces(
    dmp: LoopbackDmp, feeding: SoapDmpFeeding
) -> None:
    await feeding.provide(LOT, replaced_entry_uuid=ENTRY_UUID)
    request = envelope_of(dmp.requests[0][2]).find(".//lcm:SubmitObjectsRequest", NS)
    assert request is not None
    replacements = parse_submit_objects(request).associations_of(AssociationType.REPLACES)
    assert [(a.source, a.target) for a in replacements] == [("Document01", ENTRY_UUID)]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("mode", "error"),
    [
        pytest.param(Mode.RECEIVER_FAULT, DmpAtFault, id="a fault of the DMP passes"),
        pytest.param(Mode.SENDER_FAULT, RejectedByPartner, id="a fault of ours does not"),
        pytest.param(Mode.EXPIRED_FAULT, Unavailable, id="a VIHF too old is made anew"),
        pytest.param(Mode.HTTP_500_WITHOUT_SOAP, Unavailable, id="a bare 500 passes"),
        pytest.param(Mode.HTTP_503_WITHOUT_SOAP, Unavailable, id="a bare 503 passes"),
        pytest.param(Mode.HTTP_413, RejectedByPartner, id="too large stays too large"),
        pytest.param(Mode.HTTP_202, Unavailable, id="accepted is not done"),
        pytest.param(Mode.REDIRECT, Unavailable, id="a redirection is not followed"),
        pytest.param(Mode.NOT_XML, Unavailable, id="an answer cut short is no answer"),
        pytest.param(Mode.RESET, Unavailable, id="a connection reset"),
        pytest.param(Mode.RESET_AFTER_HEAD, Unavailable, id="a reset within the answer"),
        pytest.param(Mode.OTHER_RELATES_TO, Unavailable, id="an answer to another message"),
        pytest.param(Mode.NO_RELATES_TO, Unavailable, id="an answer to no message"),
        pytest.param(Mode.GZIP_BOMB, Unavailable, id="a compressed answer is not inflated"),
        pytest.param(Mode.ENDLESS, Unavailable, id="an answer over the limit"),
        pytest.param(Mode.OTHER_BODY, Unavailable, id="a body that is no registry response"),
    ],
)
async def test_every_way_to_fail_is_told_apart(
    dmp: LoopbackDmp, feeding: SoapDmpFeeding, mode: Mode, error: type[DrimboxError]
) -> None:
    dmp.mode = mode
    with pytest.raises(error) as raised:
        await feeding.provide(LOT)
    assert type(raised.value) is error
    assert len(dmp.requests) == 1
    assert INS.value[:13] not in str(raised.value)


@pytest.mark.anyio
@pytest.mark.parametrize("mode", [Mode.SLOW, Mode.DRIP], ids=["no answer", "one without end"])
async def test_an_answer_that_does_not_come_in_time_is_told_as_such(
    dmp: LoopbackDmp, impatient_feeding: SoapDmpFeeding, mode: Mode
) -> None:
    dmp.mode = mode
    with pytest.raises(TimedOut) as raised:
        await impatient_feeding.provide(LOT)
    assert INS.value[:13] not in str(raised.value)


@pytest.mark.anyio
async def test_nobody_there_is_unavailable(dmp: LoopbackDmp, feeding: SoapDmpFeeding) -> None:
    nowhere = feeding.settings.model_copy(update={"repository_url": "http://localhost:1/r"})
    with pytest.raises(Unavailable):
        await replace(feeding, settings=nowhere).provide(LOT)
    assert dmp.requests == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param(failure("XDSDuplicateUniqueIdInRegistry"), Conflict, id="held already"),
        pytest.param(failure("XDSNonIdenticalHash"), Conflict, id="held with other octets"),
        pytest.param(failure("XDSRepositoryBusy"), Unavailable, id="busy"),
        pytest.param(
            failure("XDSRegistryDeprecatedDocumentError"), Unavailable, id="replaced meanwhile"
        ),
        pytest.param(failure("XDSRepositoryMetadataError"), RejectedByPartner, id="bad metadata"),
        pytest.param(
            failure("XDSRegistryBusy", "XDSRepositoryMetadataError"),
            RejectedByPartner,
            id="busy, but bad metadata as well",
        ),
        pytest.param(failure("DMPRefuse42"), RejectedByPartner, id="a code of the DMP's own"),
        pytest.param(failure(), RejectedByPartner, id="a failure without any code"),
    ],
)
async def test_error_codes_decide_if_it_is_worth_another_try(
    dmp: LoopbackDmp, feeding: SoapDmpFeeding, body: str, error: type[DrimboxError]
) -> None:
    dmp.body = body
    with pytest.raises(error) as raised:
        await feeding.provide(LOT)
    assert type(raised.value) is error
    assert INS.value[:13] not in str(raised.value)


def _answer(*entries: str) -> str:
    return (
        '<query:AdhocQueryResponse xmlns:query="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"'
        ' status="urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success">'
        '<rim:RegistryObjectList xmlns:rim="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0">'
        f"{''.join(entries)}</rim:RegistryObjectList></query:AdhocQueryResponse>"
    )


def _entry(unique_id: str, version: str, entry_uuid: str) -> str:
    parent = etree.Element("parent")
    element = encode_document_entry(parent, replace(ENTRY, unique_id=unique_id), entry_uuid)
    element.set("status", AvailabilityStatus.APPROVED.value)
    info = etree.Element(f"{{{NAMESPACES['rim']}}}VersionInfo", versionName=version)
    element.insert(0, info)
    return etree.tostring(element).decode()


@pytest.mark.anyio
async def test_the_newest_version_of_a_registered_document_is_found(
    dmp: LoopbackDmp, feeding: SoapDmpFeeding
) -> None:
    dmp.body = _answer(
        _entry(ENTRY.unique_id, "9", "urn:uuid:nine"),
        _entry(ENTRY.unique_id, "10", "urn:uuid:ten"),
        _entry("1.2.3.99", "11", "urn:uuid:not-asked-for"),
    )
    found = await feeding.find_registered(ENTRY.unique_id, IDENTITY)
    assert found is not None
    assert (found.entry_uuid, found.version_name) == ("urn:uuid:ten", "10")


@pytest.mark.anyio
async def test_a_document_the_registry_does_not_hold_is_none(
    dmp: LoopbackDmp, feeding: SoapDmpFeeding
) -> None:
    dmp.body = _answer()
    assert await feeding.find_registered("1.2.3", IDENTITY) is None


@pytest.mark.anyio
async def test_a_withdrawal_sets_the_status_to_deleted(
    dmp: LoopbackDmp, feeding: SoapDmpFeeding, request: pytest.FixtureRequest
) -> None:
    registered = replace(ENTRY, entry_uuid=ENTRY_UUID, status=AvailabilityStatus.APPROVED)
    await feeding.withdraw(registered, IDENTITY)
    path, _, octets = dmp.requests[0]
    body = envelope_of(octets).find("s:Body/*", NS)
    assert path == "/registry"
    assert body is not None
    (update,) = parse_submit_objects(body).associations
    assert update.type == AssociationType.UPDATE_AVAILABILITY_STATUS.value
    assert update.target == ENTRY_UUID
    assert update.value("OriginalStatus") == AvailabilityStatus.APPROVED.value
    assert update.value("NewStatus") == AvailabilityStatus.DELETED.value
    schemas = XdsSchemas(request.getfixturevalue("samples"))
    assert schemas.faults(body, "lcm") == []


@pytest.mark.anyio
async def test_what_is_not_registered_cannot_be_withdrawn(feeding: SoapDmpFeeding) -> None:
    with pytest.raises(InvalidValue):
        await feeding.withdraw(ENTRY, IDENTITY)


@pytest.mark.anyio
async def test_a_warning_does_not_stop_anything(dmp: LoopbackDmp, feeding: SoapDmpFeeding) -> None:
    warned = failure("XDSExtraMetadataNotSaved", status="Success")
    dmp.body = warned.replace("SeverityType:Error", "SeverityType:Warning")
    with capture_logs() as logs:
        await feeding.provide(LOT)
    assert [(log["event"], log["codes"]) for log in logs] == [
        ("dmp_warned", "XDSExtraMetadataNotSaved")
    ]


@pytest.mark.anyio
async def test_a_long_answer_is_read_as_well(dmp: LoopbackDmp, feeding: SoapDmpFeeding) -> None:
    dmp.body = SUCCESS.replace("/>", f"><!--{'x' * 300_000}--></rs:RegistryResponse>")
    await feeding.provide(LOT)
